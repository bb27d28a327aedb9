"""The README's chart of speed, from results that are kept with the project.

    python benchmarks/chart.py          writes docs/speed.svg

Left: how many times faster a label with its reason is than the label alone, `inference-cpu-float32.json`. Right: how
many times longer explainers take for one text than the model's own rationale, `explanation.json`. Needs matplotlib.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("svg")
from matplotlib import pyplot as plt

RESULTS = Path(__file__).parent / "results"
OUTPUT = Path(__file__).parent.parent / "docs/speed.svg"
SPARSITY = 0.2
INK, QUIET, FILL = "#1f2933", "#7b8794", "#2f6f8f"
SHADES = ("#a9c9d8", "#5f9bb8", "#2f6f8f")
NAMES = {
    "lime": "LIME",
    "shap": "SHAP",
    "ig": "Integrated Gradients",
    "occlusion": "occlusion",
    "attention": "attention",
}


def inference(axes: Any, rows: list[dict[str, Any]]) -> None:
    """Bars by length and batch size, with what the blocks' work allows as a line."""
    rows = [row for row in rows if row["sparsity"] == SPARSITY]
    lengths, batches = sorted({row["length"] for row in rows}), sorted({row["batch"] for row in rows})
    width = 0.8 / len(batches)
    for number, (batch, shade) in enumerate(zip(batches, SHADES, strict=False)):
        places = [place + (number - (len(batches) - 1) / 2) * width for place in range(len(lengths))]
        heights = [
            next(r["stock_to_compact"] for r in rows if (r["length"], r["batch"]) == (n, batch)) for n in lengths
        ]
        bars = axes.bar(places, heights, width * 0.92, color=shade, label=f"batch {batch}")
        axes.bar_label(bars, fmt="%.2f", fontsize=7, color=INK, padding=1)
    bound = rows[0]["bound"]
    axes.axhline(bound, color=INK, linewidth=0.8, linestyle="--", label=f"by block work {bound:.2f}")
    axes.axhline(1, color=QUIET, linewidth=0.8)
    axes.set_xticks(range(len(lengths)), [f"{length}" for length in lengths])
    axes.set_xlabel("tokens in a text")
    axes.set_ylim(0, bound * 1.35)
    axes.set_title("Label and reason, times as fast as the label alone", loc="left", fontsize=10, color=INK)
    axes.legend(frameon=False, fontsize=8, ncols=len(batches) + 1, loc="upper left")


def explanation(axes: Any, systems: dict[str, Any]) -> None:
    """Bars of the time an explanation takes, in times of the model's own, on a logarithmic scale."""
    found = [(NAMES[name], systems[name]["times_slower"]) for name in NAMES if name in systems]
    found.sort(key=lambda pair: pair[1])
    bars = axes.barh([name for name, _ in found], [times for _, times in found], color=FILL, height=0.6)
    axes.bar_label(bars, labels=[f"{times:,.1f}×" if times < 10 else f"{times:,.0f}×" for _, times in found],
                   fontsize=8, color=INK, padding=3)  # fmt: skip
    axes.set_xscale("log")
    axes.set_xlim(min(0.5, *(times / 2 for _, times in found)), max(times for _, times in found) * 4)
    axes.axvline(1, color=QUIET, linewidth=0.8)
    axes.set_xlabel("time per text, in times of the model's own rationale")
    axes.set_title("Explanations made afterwards", loc="left", fontsize=10, color=INK)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--inference", type=Path, default=RESULTS / "inference-cpu-float32.json")
    parser.add_argument("--explanation", type=Path, default=RESULTS / "explanation.json")
    parser.add_argument("--output", type=Path, default=OUTPUT)
    given = parser.parse_args()
    # The same figures give the same file.
    plt.rcParams.update({"svg.hashsalt": "plmr", "font.size": 9, "axes.edgecolor": QUIET, "text.color": INK})
    figure, (left, right) = plt.subplots(1, 2, figsize=(10, 3.4), width_ratios=(1.15, 1), layout="constrained")
    inference(left, json.loads(given.inference.read_text(encoding="utf-8"))["fixed"])
    explanation(right, json.loads(given.explanation.read_text(encoding="utf-8"))["systems"])
    for axes in (left, right):
        axes.spines[["top", "right"]].set_visible(False)
        axes.tick_params(colors=INK)
    figure.savefig(given.output, metadata={"Date": None})
    print(given.output.name)


if __name__ == "__main__":
    main()
