"""What a label with its reason costs, against the label alone.

    python benchmarks/inference.py
    python benchmarks/inference.py --beer annotations.json      also: real review lengths
    python benchmarks/inference.py --device cuda --dtype bfloat16

A random BERT-base, l = 7 and m = 2, the same encoder on every side; thresholds are calibrated to α on random texts.

stock      `BertForSequenceClassification`, SDPA, same padding, same type: the label alone
compact    PLMR, blocks run on the kept tokens only
dense      PLMR as published: pruned tokens are masked and computed all the same
as published, on real lengths: `dense` with every text padded to 256 tokens, in the order of the file

The bound is what the blocks' work allows: L / (l − m + 1 + α_1 + … + α_{m−1} + (L − l) α), and with `--blocks all`,
where the generator's blocks predict too, L α instead of the last term.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

import torch
from machine import RESULTS, command, machine
from pairs import Tables, in_turns, ratio, table
from transformers import BertConfig, BertForSequenceClassification

from plmr import RationaleConfig, RationaleModel
from plmr.data.encoding import Encoded
from plmr.inference import by_length
from plmr.limits import CHOICES
from plmr.masking import sparsity_targets
from plmr.training.calibration import calibrate

BLOCKS, DEPTH, PRUNING = 12, 7, 2


def bound(sparsity: float, predicting: int) -> float:
    """How many times less work the blocks have, of which so many predict, attention counted like the rest."""
    left = sparsity_targets(sparsity, PRUNING)
    return BLOCKS / (DEPTH - PRUNING + 1 + sum(left[:-1]) + predicting * sparsity)


def build(device: str, dtype: torch.dtype, blocks: str) -> tuple[RationaleModel, BertForSequenceClassification]:
    """PLMR and the stock classifier on the same encoder."""
    torch.manual_seed(0)
    sizes = BertConfig(num_hidden_layers=BLOCKS, attn_implementation="sdpa")
    config = RationaleConfig(
        encoder="bert",
        encoder_config=sizes.to_diff_dict() | {"model_type": "bert"},
        generator_depth=DEPTH,
        dim_reduction_blocks=PRUNING,
        predictor_blocks=blocks,
        max_tokens=512,
        num_labels=2,
    )
    model = RationaleModel(config)
    stock = BertForSequenceClassification(sizes)
    stock.bert.load_state_dict(model.method.encoder.model.state_dict(), strict=False)
    return model.to(device, dtype).eval(), stock.to(device, dtype).eval()


def texts(lengths: list[int]) -> list[Encoded]:
    """Random texts of so many tokens, each token a word."""
    generator = torch.Generator().manual_seed(1)
    encoded = []
    for length in lengths:
        ids = [101, *torch.randint(1000, 30000, (length - 2,), generator=generator).tolist(), 102]
        encoded.append(Encoded(ids, [-1, *range(length - 2), -1], length - 2))
    return encoded


def batch_of(encoded: list[Encoded], device: str, pad_to: int | None = None) -> dict[str, torch.Tensor]:
    """Token ids, attention mask and word numbers, padded to the longest text or further."""
    width = pad_to or max(len(text.input_ids) for text in encoded)

    def padded(rows: list[list[int]], fill: int) -> torch.Tensor:
        return torch.tensor([row[:width] + [fill] * (width - len(row)) for row in rows], device=device)

    return {
        "input_ids": padded([text.input_ids for text in encoded], 0),
        "attention_mask": padded([[1] * len(text.input_ids) for text in encoded], 0),
        "word_ids": padded([text.word_ids for text in encoded], -1),
    }


class Dial(NamedTuple):
    """A sparsity, the thresholds that give it, and the share they really select."""

    sparsity: float
    thresholds: list[float]
    selected: float


def calibrated(model: RationaleModel, encoded: list[Encoded], sparsity: float) -> Dial:
    model.config.sparsity = sparsity
    found = calibrate(model, encoded)
    return Dial(sparsity, found.thresholds, found.share)


def answer(model: RationaleModel, dial: Dial, compact: bool, batches: list[dict[str, torch.Tensor]]) -> None:
    model.config.sparsity, model.config.thresholds = dial.sparsity, dial.thresholds
    model.method.encoder.compact = compact
    for batch in batches:
        model(**batch)


def label(stock: BertForSequenceClassification, batches: list[dict[str, torch.Tensor]]) -> None:
    for batch in batches:
        stock(input_ids=batch["input_ids"], attention_mask=batch["attention_mask"])


def fixed_lengths(model: RationaleModel, stock: Any, given: argparse.Namespace) -> list[dict[str, Any]]:
    """Every length and batch size, all sparsities in the same turns; one row each."""
    rows = []
    for length in given.length:
        encoded = texts([length] * max(given.batch))
        lengths = {sparsity: calibrated(model, encoded, sparsity) for sparsity in given.sparsity}
        for size in given.batch:
            batches = [batch_of(encoded[:size], given.device)]
            sides: dict[str, Callable[[], None]] = {"stock": partial(label, stock, batches)}
            # What is masked but computed costs the same however little is kept.
            sides["dense"] = partial(answer, model, lengths[given.sparsity[0]], False, batches)
            sides |= {f"compact {s}": partial(answer, model, lengths[s], True, batches) for s in given.sparsity}
            times = in_turns(sides, given.rounds)
            rows += [row_of(length, size, dial, len(model.method.predicting), times) for dial in lengths.values()]
            print(f"length {length}, batch {size}: done", file=sys.stderr, flush=True)
    return rows


def row_of(length: int, size: int, dial: Dial, predicting: int, times: dict[str, list[float]]) -> dict[str, Any]:
    compact = f"compact {dial.sparsity}"
    return {
        "length": length,
        "batch": size,
        "sparsity": dial.sparsity,
        "selected": dial.selected,
        "bound": bound(dial.sparsity, predicting),
        "stock_seconds": median(times["stock"]),
        "dense_seconds": median(times["dense"]),
        "compact_seconds": median(times[compact]),
        "stock_to_compact": ratio(times, "stock", compact),
        "dense_to_compact": ratio(times, "dense", compact),
    }


def real_lengths(model: RationaleModel, stock: Any, given: argparse.Namespace) -> dict[str, Any]:
    """As published (padded to 256, file order, all computed) against ours on reviews of real lengths."""
    reviews = [json.loads(line)["x"] for line in given.beer.open(encoding="utf-8")][: given.reviews]
    # About 1.15 pieces a word, as WordPiece makes of these reviews.
    encoded = texts([min(256, 2 + round(1.15 * len(words))) for words in reviews])
    dial = calibrated(model, encoded, 0.2)
    published = [batch_of(encoded[i : i + 32], given.device, 256) for i in range(0, len(encoded), 32)]
    ours = [batch_of([encoded[i] for i in numbers], given.device) for numbers in by_length(encoded, 32)]
    sides = {
        "as published": partial(answer, model, dial, False, published),
        "stock, by length": partial(label, stock, ours),
        "compact, by length": partial(answer, model, dial, True, ours),
    }
    times = in_turns(sides, max(2, given.rounds // 2))
    return {
        "reviews": len(encoded),
        "tokens": sum(len(text.input_ids) for text in encoded) / len(encoded),
        "selected": dial.selected,
        "seconds": {name: median(values) for name, values in times.items()},
        "times_faster": {name: ratio(times, name, "compact, by length") for name in sides},
    }


def tables_of(result: dict[str, Any]) -> Tables:
    header = ["length", "batch", "sparsity", "bound", "stock / compact", "dense / compact"]
    cells = [
        [str(row["length"]), str(row["batch"]), str(row["sparsity"])]
        + [f"{row[name]:.2f}" for name in ("bound", "stock_to_compact", "dense_to_compact")]
        for row in result["fixed"]
    ]
    found: Tables = [(header, cells)]
    if result["real"]:
        times = result["real"]["times_faster"]
        found.append((["on real review lengths", "times slower"], [[k, f"{v:.2f}"] for k, v in times.items()]))
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--dtype", default="float32", choices=["float32", "bfloat16", "float16"])
    parser.add_argument("--blocks", default="late", choices=CHOICES["predictor_blocks"], help="which ones predict")
    parser.add_argument("--length", type=int, nargs="+", default=[64, 128, 256, 512])
    parser.add_argument("--batch", type=int, nargs="+", default=[1, 8, 32])
    parser.add_argument("--sparsity", type=float, nargs="+", default=[0.1, 0.2, 0.3])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--beer", type=Path, help="JSON lines whose `x` is a list of words")
    parser.add_argument("--reviews", type=int, default=128)
    parser.add_argument("--output", type=Path, help="default: results/inference-DEVICE-DTYPE.json")
    given = parser.parse_args()
    model, stock = build(given.device, getattr(torch, given.dtype), given.blocks)
    with torch.inference_mode():
        rows = fixed_lengths(model, stock, given)
        real = real_lengths(model, stock, given) if given.beer else None
    result = {"command": command(), "machine": machine(), "dtype": given.dtype, "fixed": rows, "real": real}
    for header, cells in tables_of(result):
        print(table(header, cells))
    output = given.output or RESULTS / f"inference-{given.device}-{given.dtype}.json"
    output.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
