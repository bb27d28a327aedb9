"""`plmr evaluate`: how good the labels and the rationales of a model are."""

from __future__ import annotations

import json
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
    load_model,
)
from plmr.cli.settings import pairs
from plmr.cli.tables import figure_table
from plmr.io import atomic_path


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
    examples = source.load("test", split)
    # Opened first: an evaluation of an hour should not end with a file that cannot be written.
    with atomic_path(json_file) if json_file else nullcontext() as aside:
        report = load_model(model, device, bf16).evaluate(examples, batch_size=batch_size, faithfulness=faithfulness)
        if aside is not None:
            aside.write_text(json.dumps(report.to_dict(), indent=2) + "\n", encoding="utf-8")
    Console().print(figure_table(f"{model} on {data or dataset}", report.rows()))
