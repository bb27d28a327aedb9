"""`plmr train`: from labelled texts to a model in a folder."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryFile
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from plmr.cli.options import (
    AspectOption,
    DataDirOption,
    DataOption,
    DataOptionsOption,
    DatasetOption,
    DataSource,
    EnvironmentColumnOption,
    LabelColumnOption,
    RationaleColumnOption,
    TextColumnOption,
    TokensColumnOption,
    hide_loading_bars,
)
from plmr.cli.settings import Settings, resolve
from plmr.cli.tables import figure_table
from plmr.errors import PlmrError
from plmr.io import creating, explained

if TYPE_CHECKING:
    from plmr.data import Example
    from plmr.training import FitSummary

_FIGURES = {
    "accuracy": ("Accuracy", "labels predicted from rationales alone"),
    "full_text_accuracy": ("Accuracy on full texts", "labels predicted from whole texts"),
    "sparsity": ("Selected words", "share in the rationales, after calibration"),
}
_COLUMNS = ("text", "tokens", "label", "rationale", "environment")
_MOST_CLASSES = 12
_NOT_IN_FILE = ("config", "override", "data_option")


def train(
    data: DataOption = None,
    validation: Annotated[
        str | None,
        typer.Option(
            metavar="FILE",
            help="Labelled texts that choose the best epoch and the length of rationales. Without them a "
            "tenth of --data is held out.",
        ),
    ] = None,
    output: Annotated[str | None, typer.Option(metavar="DIR", help="Folder for the model and its checkpoints.")] = None,
    encoder: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="Pre-trained encoder: minilm, gru, gru-3, or a folder or hub id such as bert-base-uncased. "
            "Default: minilm.",
        ),
    ] = None,
    method: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="How to select; plmr methods lists them all. Default: plmr."),
    ] = None,
    preset: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="Bundle of settings: default (our own), paper (as published) or released (as the "
            "authors' code has it).",
        ),
    ] = None,
    sparsity: Annotated[
        float | None,
        typer.Option(metavar="SHARE", help="Share of a text's words its rationale is to hold. Default: 0.2."),
    ] = None,
    epochs: Annotated[
        float | None, typer.Option(metavar="N", help="Passes over the training texts. Default: 6.")
    ] = None,
    batch_size: Annotated[
        int | None, typer.Option(metavar="N", min=1, help="Texts in a training batch. Default: 16.")
    ] = None,
    learning_rate: Annotated[
        float | None,
        typer.Option(metavar="RATE", help="Of the encoder's blocks. Default: 5e-5; small encoders 2e-4, GRUs 1e-3."),
    ] = None,
    seed: Annotated[
        int | None,
        typer.Option(metavar="N", help="Same seed, same machine: same model. Default: 42."),
    ] = None,
    config: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="YAML with these options as keys (data_dir: …) and the sections model, training and "
            "data_options. What is given on the command line wins.",
        ),
    ] = None,
    override: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="KEY=VALUE",
            help="Any setting of RationaleConfig or RationaleTrainingArguments, such as masking=zero or "
            "bf16=auto, and any option of the method, as plmr methods NAME lists them. May be repeated.",
        ),
    ] = None,
    resume: Annotated[
        bool | None,
        typer.Option(
            "--resume",
            help="Go on from the last checkpoint in --output, with the same settings and data.",
            show_default=False,
        ),
    ] = None,
    dataset: DatasetOption = None,
    data_dir: DataDirOption = None,
    aspect: AspectOption = None,
    data_option: DataOptionsOption = None,
    text_column: TextColumnOption = None,
    tokens_column: TokensColumnOption = None,
    label_column: LabelColumnOption = None,
    rationale_column: RationaleColumnOption = None,
    environment_column: EnvironmentColumnOption = None,
) -> None:
    """Train a classifier that says which words its label rests on.

    A row of the data is, for example,
    `{"text": "the hop smell was excellent", "label": "positive", "rationale": [[4, 27]]}`.
    Rationales are learned from the labels alone: words that people marked serve only to measure them, and
    need not be there.

    An interrupted run goes on with the same command and --resume.

    Examples:

    `plmr train --data train.jsonl --output my-model`

    `plmr train --data train.csv --validation dev.csv --encoder roberta-base --sparsity 0.15 --output mine`

    `plmr train --dataset beer --data-dir beer --aspect aroma --output beer-aroma`

    `plmr train --config run.yaml --set continuity_weight=2 --output my-model`
    """
    given = {name: value for name, value in locals().items() if name not in _NOT_IN_FILE}
    settings = resolve(given, config, override or (), data_option or ())
    if "output" not in settings.options:
        raise PlmrError("--output is missing; name the folder the model is to go to.")
    folder = Path(settings.options["output"])
    resuming = settings.options.get("resume", False)
    texts, validation_texts = _load(settings)
    with _place(folder, resuming):
        from plmr.explain import RationaleClassifier

        hide_loading_bars()
        _show_classes(texts)
        model = dict(settings.model)
        classifier = RationaleClassifier.from_pretrained(model.pop("encoder", "minilm"), **model)
        summary = classifier.fit(texts, validation_texts, folder, resuming, **settings.training)
        classifier.save_pretrained(folder)
    _report(summary, folder)


@contextmanager
def _place(output: Path, resume: bool) -> Iterator[None]:
    """Find out before the training, not after it, that the model cannot go there; leave no new folder empty."""
    earlier = [name for name in ("config.json", "checkpoint-*") if any(output.glob(name))]
    if earlier and not resume:
        raise PlmrError(
            f"{output}: an earlier run is there ({earlier[0]}); go on with it by --resume, or choose another --output."
        )
    new = [folder for folder in (output, *output.parents) if not folder.exists()]
    try:
        with explained(output), creating(output):
            output.mkdir(parents=True, exist_ok=True)
            with TemporaryFile(dir=output):
                pass
        yield
    finally:
        for folder in new:
            with suppress(OSError):  # it holds something, as it should
                folder.rmdir()


def _load(settings: Settings) -> tuple[list[Example], list[Example] | None]:
    """Texts for training and, unless they are to be held out from these, for validation."""
    options = settings.options
    source = DataSource(
        **{name: options.get(name) for name in ("data", "dataset", "aspect")},
        data_dir=Path(options["data_dir"]) if "data_dir" in options else None,
        data_options=settings.data_options,
        columns={name: options.get(f"{name}_column") for name in _COLUMNS},
    )
    texts = source.load("train")
    if validation := options.get("validation"):
        return texts, source.read(validation)
    return texts, source.load("validation") if source.dataset else None


def _show_classes(texts: Sequence[Example]) -> None:
    """Say what the labels are taken for: a class too many is seen here, and not after the training."""
    from plmr.data import label_names
    from plmr.data.labels import class_of

    names, counts = label_names(texts), Counter(map(class_of, texts))
    shown = ", ".join(f"{name} ({counts[name]:,})" for name in names[:_MOST_CLASSES])
    more = f" and {len(names) - _MOST_CLASSES} more" if len(names) > _MOST_CLASSES else ""
    typer.echo(f"{len(texts):,} texts of {len(names)} classes: {shown}{more}")


def _report(summary: FitSummary, output: Path) -> None:
    rows = [
        (title, f"{summary.metrics[name]:.1%}", meaning)
        for name, (title, meaning) in _FIGURES.items()
        if name in summary.metrics
    ]
    console = Console(highlight=False, markup=False)
    console.print(figure_table(f"Validation, after {summary.seconds:,.0f} seconds of training", rows))
    for note in summary.notes:
        console.print(f"note: {note}")
    console.print(f'The model is in {output}. Try: plmr explain {output} "…"')
