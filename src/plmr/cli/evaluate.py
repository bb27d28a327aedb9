"""`plmr evaluate`: how good the labels and the rationales of a model are."""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from plmr.cli.options import (
    AspectOption,
    BatchSizeOption,
    Bf16Option,
    DataDirOption,
    DataOption,
    DataOptionsOption,
    DatasetOption,
    DataSource,
    DeviceOption,
    LabelColumnOption,
    ModelArgument,
    RationaleColumnOption,
    TextColumnOption,
    TokensColumnOption,
    check_apart,
    load_model,
)
from plmr.cli.settings import pairs
from plmr.cli.tables import figure_table, show_results
from plmr.errors import PlmrError
from plmr.io import atomic_path
from plmr.ranges import SHARE


def evaluate(
    model: ModelArgument,
    data: DataOption = None,
    json_file: Annotated[
        Path | None, typer.Option("--json", metavar="FILE", help="Write all figures to this file as well.")
    ] = None,
    faithfulness: Annotated[
        bool,
        typer.Option(
            "--faithfulness",
            help="Also measure whether labels rest on their rationales: takes about ten times as long.",
        ),
    ] = False,
    sparsity: Annotated[
        str | None,
        typer.Option(
            metavar="SHARES",
            help="Share of each text's words to keep as its rationale, such as 0.1; or several with commas between, "
            "for a table with a row for each. Default: as in training.",
        ),
    ] = None,
    batch_size: BatchSizeOption = 32,
    bf16: Bf16Option = False,
    device: DeviceOption = None,
    split: Annotated[
        str | None, typer.Option(metavar="NAME", help="Split of a folder or hub id, such as test.")
    ] = None,
    dataset: DatasetOption = None,
    data_dir: DataDirOption = None,
    aspect: AspectOption = None,
    data_option: DataOptionsOption = None,
    text_column: TextColumnOption = None,
    tokens_column: TokensColumnOption = None,
    label_column: LabelColumnOption = None,
    rationale_column: RationaleColumnOption = None,
) -> None:
    """Measure the labels of a model and, where people marked rationales, its agreement with them.

    Prints a table for people; --json writes the same and more for machines. Of a data set given by name the
    test part is used.

    Examples:

    `plmr evaluate my-model --data test.jsonl --json figures.json`

    `plmr evaluate my-model --data test.jsonl --sparsity 0.05,0.1,0.2`

    `plmr evaluate my-model --dataset beer --data-dir beer --aspect aroma`
    """
    source = DataSource(
        data=data,
        dataset=dataset,
        data_dir=data_dir,
        aspect=aspect,
        data_options=pairs(data_option or (), "--data-option"),
        columns={
            "text": text_column,
            "tokens": tokens_column,
            "label": label_column,
            "rationale": rationale_column,
        },
    )
    check_apart(json_file, data)
    shares: Sequence[float | None] = [None] if sparsity is None else _shares(sparsity)
    examples = source.load("test", split)
    # Opened first: an evaluation of an hour should not end with a file that cannot be written.
    with atomic_path(json_file) if json_file else nullcontext() as aside:
        classifier = load_model(model, device, bf16)
        reports = {share: classifier.evaluate(examples, batch_size, faithfulness, share) for share in shares}
        report, *more = reports.values()
        if aside is not None:
            curve = [{"asked": share} | each.to_dict() for share, each in reports.items()]
            figures = {"lengths": curve} if more else report.to_dict()
            aside.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")
    title = f"{model} on {data or dataset}"
    if not more:
        Console().print(figure_table(title, report.rows()))
        return
    from plmr.render import RESULT_COLUMNS

    by_key = {column.key: column for column in RESULT_COLUMNS}
    columns = [by_key[key] for key in ("sparsity", "accuracy", "precision", "recall", "f1")]
    rows = {str(share): each.figures() for share, each in reports.items()}
    show_results(f"{title}: {report.word.n_texts:,} texts", rows, columns, "asked")


def _shares(text: str) -> list[float]:
    """Shares as they are written on the command line, each once."""
    try:
        shares = list(dict.fromkeys(float(part) for part in text.split(",")))
    except ValueError:
        raise PlmrError(f"--sparsity {text!r} should be shares with commas between, such as 0.05,0.1,0.2.") from None
    for share in shares:
        SHARE.check("sparsity", share)
    return shares
