"""`plmr compare`: a model's rationales beside those of post-hoc explainers and of anyone else."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

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
    MaxWordsOption,
    ModelArgument,
    RationaleColumnOption,
    SparsityDialOption,
    TextColumnOption,
    TokensColumnOption,
    check_apart,
    load_model,
)
from plmr.cli.settings import pairs
from plmr.cli.tables import show_results
from plmr.errors import PlmrError
from plmr.io import atomic_path

if TYPE_CHECKING:
    from plmr.explain.posthoc import Comparison, Track


def compare(
    model: ModelArgument,
    data: DataOption = None,
    explainers: Annotated[
        str | None,
        typer.Option(
            metavar="NAMES",
            help="Some of lime, shap, ig (Integrated Gradients), occlusion, attention and random, with commas between; "
            '"" for none of them, only --external. Default: all of them.',
        ),
    ] = None,
    external: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=FILE",
            help="Rationales made elsewhere, a .jsonl file with a rationale or scores in each row. May be repeated.",
        ),
    ] = None,
    limit: Annotated[
        int, typer.Option(metavar="N", min=1, help="Texts to compare on, drawn with --seed: LIME takes long.")
    ] = 50,
    json_file: Annotated[
        Path | None, typer.Option("--json", metavar="FILE", help="Write all figures to this file as well.")
    ] = None,
    sparsity: SparsityDialOption = None,
    max_words: MaxWordsOption = None,
    seed: Annotated[int, typer.Option(metavar="N", min=0, help="Of the sample, LIME and random.")] = 0,
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
    """Compare a model's rationales with those of explainers that look at it from outside.

    Every explainer runs through its own library on the model's full-text path, at its default budget, and gives as
    many words per text as the model's own rationale has. All are measured alike, with the seconds they take per text.

    A row of an --external file has the text, or stands in the order of the data, and holds
    `"rationale": [[start, end], …]` or one flag per word, and may hold `"scores"`, one number per word.

    Examples:

    `plmr compare my-model --data test.jsonl --json figures.json`

    `plmr compare my-model --data test.jsonl --explainers ig,occlusion --limit 500 --external theirs=theirs.jsonl`
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
    files = _files(external or ())
    check_apart(json_file, data, *files.values())
    names = None if explainers is None else [name.strip() for name in explainers.split(",") if name.strip()]
    if names == [] and not files:
        raise PlmrError(f"--explainers {explainers!r} leaves nothing to compare with; name one, or give --external.")
    examples = source.load("test", split)  # first, so that a wrong file does not wait for what follows

    from plmr.explain import posthoc
    from plmr.explain.rationales import rationale_length

    rationale_length(sparsity, max_words)  # a length that cannot be is noticed before the model is loaded
    numbers = posthoc.draw_sample(len(examples), limit, seed)
    rationales = {name: posthoc.read_external(file, examples, numbers) for name, file in files.items()}
    # Opened first: a comparison of an hour should not end with a file that cannot be written.
    with atomic_path(json_file) if json_file else nullcontext() as aside:
        classifier = load_model(model, device, bf16)
        with _progress() as track:
            result = posthoc.compare(
                classifier,
                [examples[number] for number in numbers],
                names,
                rationales,
                sparsity=sparsity,
                max_words=max_words,
                batch_size=batch_size,
                seed=seed,
                track=track,
            )
        if aside is not None:
            settings = {
                "model": model,
                "data": data or dataset,
                "sparsity": sparsity,
                "max_words": max_words,
                "seed": seed,
                "batch_size": batch_size,
                "device": str(classifier.device),
                "bf16": bf16,
            }
            aside.write_text(json.dumps(settings | result.to_dict(), indent=2) + "\n", encoding="utf-8")
    _show(result, f"{model} on {result.n_texts:,} texts of {data or dataset}")


def _files(texts: Sequence[str]) -> dict[str, str]:
    files = {}
    for text in texts:
        name, equals, file = (part.strip() for part in text.partition("="))
        if not (name and equals and file) or name in files:
            raise PlmrError(f"--external {text!r} should be NAME=FILE, each name used once.")
        files[name] = file
    return files


@contextmanager
def _progress() -> Iterator[Track]:
    """A bar per explainer on the terminal, and nothing elsewhere."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    console = Console(stderr=True)
    parts = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*parts, console=console, disable=not console.is_terminal) as progress:
        yield lambda items, name: progress.track(items, description=name)


def _show(result: Comparison, title: str) -> None:
    from plmr.explain.posthoc import COLUMNS

    show_results(title, result.figures(), COLUMNS)
    for note in result.notes:
        typer.echo(f"note: {note}")
