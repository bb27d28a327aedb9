"""`plmr export`: a model as a file that runs without torch."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from plmr.cli.options import BatchSizeOption, load_model
from plmr.errors import PlmrError, nearest

if TYPE_CHECKING:
    from plmr.explain.export import ExportReport, Run

FORMATS = ("onnx",)


def export(
    model: Annotated[str, typer.Argument(metavar="DIR", help="Folder that `plmr train` wrote.")],
    to: Annotated[str, typer.Option(metavar="FORMAT", help="What to write: onnx.")] = "onnx",
    int8: Annotated[
        bool,
        typer.Option("--int8", help="Also write a file with 8-bit weights, and measure what that costs and saves."),
    ] = False,
    data: Annotated[
        str | None,
        typer.Option(
            metavar="FILE",
            help="Texts on which the file has to answer as torch does: .jsonl, .csv, .tsv, .parquet or .txt; labels "
            "are not needed. With rationales that people marked, the word F1 is measured too. Without it, "
            "generated texts.",
        ),
    ] = None,
    batch_size: BatchSizeOption = 32,
) -> None:
    """Write a model as one ONNX file beside it, and prove that it answers the same.

    `model.onnx` takes its name only when onnxruntime gives the same labels as torch, and the same keep and class
    probabilities up to 0.001. `export.json` holds what was measured. Needs `pip install "plmr[onnx]"`.

    Serve it with `RationaleClassifier.from_pretrained(DIR, backend="onnx")`, or with any other onnxruntime.

    Example:

    `plmr export my-model --to onnx --int8 --data test.jsonl`
    """
    from rich.console import Console

    from plmr.cli.tables import figure_table
    from plmr.data import load_examples

    if to not in FORMATS:
        raise PlmrError(f"--to {to}: models can be exported to {', '.join(FORMATS)}.{nearest(to, FORMATS)}")
    if not Path(model).is_dir():
        raise PlmrError(f"{model}: there is no such folder; give one that `plmr train` wrote, the file goes there too.")
    examples = None if data is None else load_examples(data, labelled=False)
    # Where onnxruntime runs too: there the file is compared with torch.
    classifier = load_model(model, "cpu")
    from plmr.explain.export import REPORT, export_onnx

    report = export_onnx(classifier, model, examples, int8, batch_size)
    console = Console()
    for run in report.runs[1:]:
        console.print(figure_table(f"{Path(model) / run.name}", _rows(report, run)))
    typer.echo(f"The same figures are in {Path(model) / REPORT}.")


def _rows(report: ExportReport, run: Run) -> list[tuple[str, str, str]]:
    reference, floats = report.runs[:2]
    rows = [
        ("Size", f"{report.megabytes[run.name]:.1f} MB", ""),
        ("Same label", f"{100 * run.labels_alike:.1f} %", f"as torch, of {report.n_texts} texts"),
        ("Same choice", f"{100 * run.words_alike:.2f} %", "of words that are, or are not, in the rationale"),
        ("Keep probability", f"{run.keep_difference:.2g}", "largest difference from torch"),
        ("Class probability", f"{run.class_difference:.2g}", "largest difference from torch"),
    ]
    if run.word_f1 is not None and reference.word_f1 is not None:
        rows.append(
            ("Word F1", f"{100 * run.word_f1:.1f} %", f"against marked words; torch {100 * reference.word_f1:.1f} %")
        )
    faster = f"{run.texts_per_second / reference.texts_per_second:.2f} times torch"
    if run is not floats:
        faster = f"{run.texts_per_second / floats.texts_per_second:.2f} times {floats.name}, {faster}"
    return [*rows, ("Speed", f"{run.texts_per_second:.1f} texts/s", faster)]
