"""Options that several commands share, and what they stand for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperCommand, TyperOption

from plmr.errors import PlmrError

if TYPE_CHECKING:
    from plmr.data import Columns, Example
    from plmr.data.registry import Part
    from plmr.explain import RationaleClassifier

_COLUMNS = "Column names"
_DATASETS = "Published data sets, instead of --data"
_MAY_BE_EMPTY = {"explainers"}
"""Options that take a list, of which an empty one means something."""

ModelArgument = Annotated[
    str,
    typer.Argument(metavar="MODEL", help="Folder that `plmr train` wrote, or the hub id of such a model."),
]
DataOption = Annotated[
    str | None,
    typer.Option(
        metavar="FILE",
        help="Labelled texts: .jsonl, .csv, .tsv, .parquet, or a folder or hub id that `datasets` can load. "
        "Rows have a text and a label, and may have a rationale, the character ranges people marked.",
    ),
]
DatasetOption = Annotated[
    str | None,
    typer.Option(metavar="NAME", help="beer, hotel, eraser, hatexplain or synthetic.", rich_help_panel=_DATASETS),
]
DataDirOption = Annotated[
    Path | None,
    typer.Option(metavar="DIR", help="Folder with the data set's published files.", rich_help_panel=_DATASETS),
]
AspectOption = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        help="Which aspect is the label: look, aroma, … for beer; location, … for hotel.",
        rich_help_panel=_DATASETS,
    ),
]
DataOptionsOption = Annotated[
    list[str] | None,
    typer.Option(
        "--data-option",
        metavar="KEY=VALUE",
        help="An option of the data set's loader, such as positive=0.8 for beer or aspects=[look,aroma] for "
        "synthetic. May be repeated.",
        rich_help_panel=_DATASETS,
    ),
]
TextColumnOption = Annotated[
    str | None, typer.Option(metavar="NAME", help="Holds the text. Default: text.", rich_help_panel=_COLUMNS)
]
TokensColumnOption = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        help="Holds the list of words, where there is no text column. Default: tokens.",
        rich_help_panel=_COLUMNS,
    ),
]
LabelColumnOption = Annotated[
    str | None,
    typer.Option(metavar="NAME", help="Holds the label. Default: label.", rich_help_panel=_COLUMNS),
]
RationaleColumnOption = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        help="Holds the gold rationale, where there is one. Default: rationale.",
        rich_help_panel=_COLUMNS,
    ),
]
EnvironmentColumnOption = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        help="Holds the number of the text's environment, which INVRAT reads. Default: environment.",
        rich_help_panel=_COLUMNS,
    ),
]
BatchSizeOption = Annotated[
    int, typer.Option(min=1, help="Texts read at once; fewer need less memory. Results do not depend on it.")
]
SparsityDialOption = Annotated[
    float | None,
    typer.Option(
        metavar="SHARE",
        help="Share of each text's words to keep as its rationale, such as 0.1. Default: as in training.",
    ),
]
MaxWordsOption = Annotated[int | None, typer.Option(metavar="N", help="The same as a number of words.")]
DeviceOption = Annotated[
    str | None,
    typer.Option(
        metavar="NAME", help="Where the model computes: cpu, cuda, cuda:1, … or mps. Default: a GPU if any, else cpu."
    ),
]
Bf16Option = Annotated[
    bool,
    typer.Option(
        "--bf16",
        help="Compute in bfloat16: faster where the processor or GPU can. Of one model on beer reviews all labels and "
        "99.9 % of the words stayed the same.",
        show_default=False,
    ),
]


class Command(TyperCommand):
    """Refuses an empty value: it is a shell variable that is not set, and as a path it would be the current folder."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        given, _, _ = self.make_parser(ctx).parse_args(list(args))
        for option in self.params:
            if isinstance(option, TyperOption) and option.name not in _MAY_BE_EMPTY:
                values = given.get(option.name)
                if "" in (values if isinstance(values, list) else [values]):
                    raise PlmrError(f"{option.opts[0]} is followed by an empty value; give one, or leave it out.")
        return super().parse_args(ctx, args)


@dataclass(frozen=True)
class DataSource:
    """Where a command finds its labelled texts: files, or a data set by name.

    Attributes:
        data: File, folder or hub id.
        dataset: Name of a published data set.
        data_dir: Folder of its files.
        aspect: Which aspect is its label.
        data_options: Further arguments of its loader.
        columns: Names of the columns of `data`; None = the usual name.
    """

    data: str | None = None
    dataset: str | None = None
    data_dir: Path | None = None
    aspect: str | None = None
    data_options: Mapping[str, Any] = field(default_factory=dict)
    columns: Mapping[str, str | None] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if (self.data is None) == (self.dataset is None):
            given = "neither" if self.data is None else "both"
            raise PlmrError(f"{given} of --data and --dataset given; give --data FILE or --dataset NAME.")
        for name in ("data_dir", "aspect", "data_options"):
            if self.data is not None and getattr(self, name):
                raise PlmrError(f"--{name.replace('_', '-').rstrip('s')} belongs to --dataset, not to --data.")
        if "part" in self.data_options:
            raise PlmrError("part is no data option: the command chooses the part of the data set; leave it out.")
        for name in ("data_dir", "aspect"):
            if name in self.data_options:
                raise PlmrError(f"{name} is no data option; give it as --{name.replace('_', '-')}.")

    def load(self, part: Part, split: str | None = None) -> list[Example]:
        """The texts of a part of the data set, or all there are in the file.

        Args:
            part: Which part of a data set given by name.
            split: Which split of a folder or hub id.

        Raises:
            PlmrError: They cannot be loaded, or a split is named where there is none.
        """
        if self.data is not None:
            return self.read(self.data, split)
        if split is not None:
            raise PlmrError("--split belongs to --data, not to --dataset.")
        from plmr.data import load_dataset_by_name

        return load_dataset_by_name(
            str(self.dataset), part, data_dir=self.data_dir, aspect=self.aspect, **self.data_options
        )

    def read(self, data: str, split: str | None = None) -> list[Example]:
        """The texts of a file, folder or hub id with the same columns."""
        from plmr.data import load_examples

        return load_examples(data, split=split, columns=columns(**self.columns))


def columns(**names: str | None) -> Columns:
    """Column names, the usual ones where none is given."""
    from plmr.data import Columns

    given: dict[str, Any] = {column: name for column, name in names.items() if name is not None}
    return Columns(**given)


def check_apart(output: Path | None, *inputs: str | Path | None) -> None:
    """Raises PlmrError where the file to write is one of those that are read."""
    for given in inputs:
        if output and given and output.exists() and Path(given).exists() and output.samefile(given):
            raise PlmrError(f"{output}: is the input file as well; give the output another name.")


def load_model(model: str, device: str | None = None, bf16: bool = False) -> RationaleClassifier:
    """A trained model.

    Args:
        model: What a `ModelArgument` names.
        device, bf16: As in `RationaleClassifier.from_pretrained`.

    Raises:
        PlmrError: There is none of that name, or no such device.
    """
    # A hub id of a model names its owner, so a single name can only be a folder's.
    if "/" not in model and not Path(model).exists():
        raise PlmrError(f"{model}: there is no such folder; give one that `plmr train` wrote.")
    from plmr.explain import RationaleClassifier

    hide_loading_bars()
    classifier = RationaleClassifier.from_pretrained(model, device=device, bf16=bf16)
    if classifier.model is None:
        raise PlmrError(f"{model} is an encoder, not a trained model; give a folder that `plmr train` wrote.")
    return classifier


def hide_loading_bars() -> None:
    """Show only the progress that takes time."""
    from transformers.utils.logging import disable_progress_bar

    disable_progress_bar()
