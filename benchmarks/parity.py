"""How near the preset `released` comes to the outputs of the authors' published code.

    python benchmarks/parity.py --fixture DIR

DIR holds `config.json`, `weights.safetensors` and `expected.safetensors`: sizes, weights and recorded outputs of the
published code in evaluation mode on a small random BERT.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import torch
from machine import machine
from safetensors.torch import load_file
from torch import Tensor
from transformers import BertConfig

from plmr import RationaleConfig, RationaleModel

RESULTS = Path(__file__).parent / "results"
BOUNDS = {"masks": 0.0, "logits": 1e-5, "full_text_logits": 1e-5, "losses": 1e-4}


def released_model(folder: Path, width: int) -> RationaleModel:
    """The preset `released` with the fixture's sizes and weights, and the width to which its texts are padded."""
    sizes = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    last_plain, last_pruning = sizes.pop("last_plain_layer"), sizes.pop("last_dim_reduction_layer")
    model = RationaleModel(
        RationaleConfig.from_preset(
            "released",
            encoder="fixture",
            encoder_config=BertConfig(**sizes).to_dict(),
            generator_depth=last_pruning + 1,
            dim_reduction_blocks=last_pruning - last_plain,
            sparsity=sizes["sparsity"],
            sparsity_weight=sizes["sparsity_weight"],
            continuity_weight=sizes["continuity_weight"],
            full_text_weight=sizes["full_text_weight"],
            match_weight=sizes["match_weight"],
            num_labels=2,
            max_tokens=width,
        )
    )
    names = {
        "bert.": "method.encoder.model.",
        "mask_head.": "method.mask_heads.0.",
        "class_head.": "method.class_head.",
    }
    weights = load_file(folder / "weights.safetensors")
    model.load_state_dict(
        {
            new + name.removeprefix(old): w
            for name, w in weights.items()
            for old, new in names.items()
            if name.startswith(old)
        }
    )
    return model.eval()


def differences(folder: Path) -> dict[str, float]:
    """The greatest absolute difference of each output."""
    expected = load_file(folder / "expected.safetensors")
    with torch.no_grad():
        output = released_model(folder, expected["input_ids"].shape[1])(
            expected["input_ids"], expected["attention_mask"], labels=expected["labels"], return_full_text=True
        )

    def gap(one: Tensor, other: Tensor) -> float:
        return float((one - other).abs().max())

    losses = output.losses
    recorded = {
        "rationale": expected["ce_rationale"],
        "full_text": 2 * expected["ce_full_text"],
        "match": expected["ce_rationale"] - expected["ce_full_text"],
        "sparsity": expected["sparsity_loss"],
        "continuity": expected["continuity_loss"],
    }
    return {
        # The fixture counts the first token as kept; here special tokens are never part of a rationale.
        "masks": gap(torch.stack(output.masks)[..., 1:], expected["masks"][..., 1:]),
        "logits": gap(output.logits, expected["logits"]),
        "full_text_logits": gap(output.full_text_logits, expected["full_text_logits"]),
        "losses": max(
            gap(output.loss, expected["total_loss"]), *(gap(losses[name], value) for name, value in recorded.items())
        ),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--fixture", type=Path, required=True)
    found = differences(parser.parse_args().fixture)
    print(f"{'output':18}{'greatest difference':>22}{'bound':>10}")
    for name, value in found.items():
        print(f"{name:18}{value:>22.2e}{BOUNDS[name]:>10.0e}{'' if value <= BOUNDS[name] else '  MISSED'}")
    result = {
        "differences": found,
        "bounds": BOUNDS,
        "machine": machine(),
        "command": "python benchmarks/parity.py --fixture DIR",
    }
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "parity.json").write_text(json.dumps(result, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
