"""What a training step costs, against the same step as it is usually written.

    python benchmarks/training.py
    python benchmarks/training.py --beer-dir DIR           reviews of real lengths
    python benchmarks/training.py --device cuda

Both sides train the same PLMR on MiniLM with the same batches of the same texts, masks being sampled as they are in
the second half of a training.

naive      every text padded to 256 tokens, float32, attention as a softmax of scores lowered by the mask, its weights
           and the activations of all blocks held for the backward pass, and two full passes: one selects and predicts
           from the rationale, the other starts again from the embeddings for the full-text loss
ours       texts of like length together, padded to the longest, bfloat16 where a matrix is multiplied, activations and
           attention weights made again in the backward pass, the plain blocks run once for both paths

Tokens are real ones, without padding. Each side runs in a process of its own, which is where its highest memory is
read; speeds are compared in turns, one step of each side after the other, as median of the ratios. On a GPU the memory
is what torch has allocated there.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import cycle
from pathlib import Path
from statistics import median
from typing import Any

import torch
import torch.nn.functional as F
from machine import RESULTS, command, machine, peak_mib
from pairs import Tables, seconds, table
from torch import Tensor

from plmr import RationaleConfig, RationaleModel, make_reviews
from plmr.data import Example, RationaleCollator, load_beer
from plmr.data.encoding import Encoded, RationaleTokenizer
from plmr.encoders import attention, feed_forward
from plmr.explain.vocabulary import load_tokenizer
from plmr.inference import by_length
from plmr.methods import PLMR, Batch, Selection
from plmr.training.trainer import WIDTHS, keep_few_kernels

PADDED_TO = 256
MEMORY_STEPS = {"naive": 4, "ours": 40}
"""Steps after which the memory is read: the first side's are all of one size, the second's are not."""
MADE_AGAIN, IN_PARTS = feed_forward.checkpoint, attention.weighted_attention
TARGETS = {"times_faster": 3.0, "share_of_memory": 0.5}


class TwoPasses(PLMR):
    """PLMR whose full-text loss takes a pass of its own through the plain blocks."""

    def predict_full_text(self, batch: Batch, selection: Selection) -> Tensor:
        embedded = self.encoder.embed(batch.input_ids)
        plain = self.encoder.run(embedded, self.plain, batch.attention_mask)
        return super().predict_full_text(batch, replace(selection, embedded=embedded, plain=plain))


def reviews(beer_dir: str | None, number: int) -> list[Example]:
    if beer_dir is None:
        return make_reviews(number, seed=0)
    return load_beer(beer_dir, "aroma", "train", positive=0.8)[:number]


def encode(examples: list[Example]) -> list[Encoded]:
    labels = [int(example.label == "positive") for example in examples]
    return RationaleTokenizer(load_tokenizer("minilm"), PADDED_TO).examples(examples, labels)


def steps(side: str, texts: list[Encoded], batch_size: int, device: str) -> Iterator[tuple[Callable[[], None], int]]:
    """Training steps of a side without end, and the real tokens of each."""
    torch.manual_seed(0)
    config = RationaleConfig(encoder="minilm", num_labels=2, full_text_path="predictor", pad_token_id=0)
    model = RationaleModel.from_encoder(config).to(device).train()
    if side == "ours":
        keep_few_kernels()
    else:
        model.method.__class__ = TwoPasses
    model.set_progress(0.8)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-5, fused=True)
    if side == "naive":
        numbers = [list(range(i, i + batch_size)) for i in range(0, len(texts) - batch_size + 1, batch_size)]
    else:
        numbers = [batch for batch in by_length(texts, batch_size) if len(batch) == batch_size]
        # The longest come first there; any order will do, as long as the first steps are not all of one kind.
        numbers = [numbers[i] for i in torch.randperm(len(numbers)).tolist()]
    for batch in cycle(numbers):
        chosen = [texts[i] for i in batch]
        yield _step(model, optimizer, chosen, side), sum(len(text.input_ids) for text in chosen)


def held(function: Callable[..., Tensor], *inputs: Any, **_: Any) -> Tensor:
    """Call a function with all it computes held for the backward pass."""
    return function(*inputs)


def usual_attention(
    query: Tensor, key: Tensor, value: Tensor, keep: Tensor, visible: Tensor | None, scale: float, dropout: float
) -> Tensor:
    """Masked attention as it is usually written."""
    scores = attention.attention_scores(query, key, visible, scale) + (keep + 1e-6).log()[:, None, None, :]
    return F.dropout(scores.softmax(dim=-1), dropout) @ value


def _step(
    model: RationaleModel, optimizer: torch.optim.Optimizer, texts: list[Encoded], side: str
) -> Callable[[], None]:
    collator = RationaleCollator(0, PADDED_TO if side == "naive" else WIDTHS, PADDED_TO)

    def step() -> None:
        feed_forward.checkpoint = MADE_AGAIN if side == "ours" else held
        attention.weighted_attention = IN_PARTS if side == "ours" else usual_attention
        batch = {name: tensor.to(model.device) for name, tensor in collator([t.features() for t in texts]).items()}
        half = torch.autocast(model.device.type, torch.bfloat16) if side == "ours" else contextlib.nullcontext()
        with half:
            loss = model(**batch).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()

    return step


def speeds(texts: list[Encoded], given: argparse.Namespace) -> dict[str, list[float]]:
    """Real tokens per second of every step, both sides in turns."""
    sides = {side: steps(side, texts, given.batch, given.device) for side in ("naive", "ours")}
    found: dict[str, list[float]] = {side: [] for side in sides}
    for number in range(given.steps + 2):
        for side, coming in sides.items():
            step, tokens = next(coming)
            took = seconds(step)
            if number >= 2:
                found[side].append(tokens / took)
    return found


def memory(side: str, texts: list[Encoded], given: argparse.Namespace) -> dict[str, float]:
    """Highest memory of a few steps of one side, and what was taken before there was a model, in MiB."""
    before = peak_mib(given.device)
    coming = steps(side, texts, given.batch, given.device)
    for _ in range(MEMORY_STEPS[side]):
        step, _ = next(coming)
        step()
    return {"peak": peak_mib(given.device), "before": before}


def measure_memory(given: argparse.Namespace) -> dict[str, dict[str, float]]:
    """Of both sides, each in a process of its own."""
    found = {}
    for side in ("naive", "ours"):
        words = [sys.executable, __file__, *given.words, "--memory-of", side]
        done = subprocess.run(words, stdout=subprocess.PIPE, text=True, check=True)
        found[side] = json.loads(done.stdout)
    return found


def tables_of(result: dict[str, Any]) -> Tables:
    rows = [
        [side, f"{speed:,.0f}", f"{mib['peak']:,.0f}", f"{mib['peak'] - mib['before']:,.0f}"]
        for (side, speed), mib in zip(result["tokens_per_second"].items(), result["mib"].values(), strict=True)
    ]
    return [(["side", "tokens / second", "peak MiB", "without libraries"], rows)]


def summary_of(result: dict[str, Any]) -> str:
    return f"{result['times_faster']:.2f} times the tokens, {result['share_of_memory']:.2f} of the memory"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--beer-dir", help="folder of the beer reviews; default, generated ones")
    parser.add_argument("--texts", type=int, default=2000)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--steps", type=int, default=6)
    parser.add_argument("--output", type=Path, help="default: results/training-DEVICE.json")
    parser.add_argument("--memory-of", choices=["naive", "ours"], help=argparse.SUPPRESS)
    given = parser.parse_args()
    given.words = sys.argv[1:]
    texts = encode(reviews(given.beer_dir, given.texts))
    if given.memory_of:
        print(json.dumps(memory(given.memory_of, texts, given)))
        return
    mib = measure_memory(given)
    added = {side: each["peak"] - each["before"] for side, each in mib.items()}
    found = speeds(texts, given)
    result = {
        "command": command(),
        "machine": machine(),
        "batch": given.batch,
        "mean_tokens": sum(len(text.input_ids) for text in texts) / len(texts),
        "tokens_per_second": {side: median(values) for side, values in found.items()},
        "times_faster": median(ours / naive for ours, naive in zip(found["ours"], found["naive"], strict=True)),
        "mib": mib,
        "share_of_memory": mib["ours"]["peak"] / mib["naive"]["peak"],
        "share_without_libraries": added["ours"] / added["naive"],
        "targets": TARGETS,
    }
    for header, rows in tables_of(result):
        print(table(header, rows))
    print(summary_of(result))
    output = given.output or RESULTS / f"training-{given.device}.json"
    output.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
