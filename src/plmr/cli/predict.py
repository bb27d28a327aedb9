"""`plmr predict`: label and rationale for every row of a file, streamed."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from itertools import chain, tee
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from plmr.cli.options import (
    BatchSizeOption,
    Bf16Option,
    DeviceOption,
    MaxWordsOption,
    ModelArgument,
    SparsityDialOption,
    TextColumnOption,
    TokensColumnOption,
    check_apart,
    columns,
    load_model,
)
from plmr.errors import PlmrError
from plmr.io import atomic_path, plain

if TYPE_CHECKING:
    from plmr.data import Columns
    from plmr.explain import RationaleClassifier
    from plmr.output import Rationale

ANSWER = "prediction"
"""The column that is put to those of the input."""


def predict(
    model: ModelArgument,
    input: Annotated[
        Path,
        typer.Option(metavar="FILE", help="Texts: .txt with one a line, .jsonl, .csv, .tsv or .parquet."),
    ],
    output: Annotated[Path, typer.Option(metavar="FILE", help="The .jsonl file to write.")],
    batch_size: BatchSizeOption = 32,
    sparsity: SparsityDialOption = None,
    max_words: MaxWordsOption = None,
    bf16: Bf16Option = False,
    device: DeviceOption = None,
    text_column: TextColumnOption = None,
    tokens_column: TokensColumnOption = None,
) -> None:
    """Label every text of a file and say which words each label rests on.

    Every output row is the input row, which may have no column of that name, plus
    `"prediction": {"label", "score", "scores", "rationale": [[start, end], …], "words": […]}`,
    the rationale being character ranges of the text as given. A row of words counts as the text they make,
    joined by spaces.

    Rows are read, predicted and written as a stream, so a file may be larger than memory. The output takes
    its name once it is complete.

    Example:

    `plmr predict my-model --input reviews.txt --output labelled.jsonl`
    """
    from plmr.data import iter_rows

    check_apart(output, input)
    if output.suffix != ".jsonl" and Path("/dev") not in output.parents:
        raise PlmrError(f"{output}: answers are written as JSON lines; give a file whose name ends in .jsonl.")
    names = columns(text=text_column, tokens=tokens_column)
    rows = iter_rows(input)
    # Before the model is loaded, so that a wrong file or folder is noticed at once.
    first = next(rows)
    _text_of(*first, names)
    with atomic_path(output) as aside, aside.open("w", encoding="utf-8") as lines:
        classifier = load_model(model, device, bf16)
        count = notes = 0
        for line, noted in answered(classifier, chain([first], rows), names, batch_size, sparsity, max_words):
            lines.write(line)
            count += 1
            notes += noted
    remark = f"; {notes:,} with a note" if notes else ""
    typer.echo(f"{count:,} texts written to {output}{remark}.", err=True)


def answered(
    classifier: RationaleClassifier,
    rows: Iterable[tuple[Mapping[str, Any], str]],
    names: Columns,
    batch_size: int,
    sparsity: float | None = None,
    max_words: int | None = None,
) -> Iterator[tuple[str, bool]]:
    """The line that answers each row, and whether the answer has a note; rows come with where they are from."""
    rows, texts = tee(rows)
    predictions = classifier.iter_predict((_text_of(*row, names) for row in texts), batch_size, sparsity, max_words)
    for (row, _), prediction in zip(rows, _counted(predictions), strict=True):
        yield _line({**row, ANSWER: prediction.to_dict()}) + "\n", prediction.note is not None


def _counted(predictions: Iterable[Rationale]) -> Iterator[Rationale]:
    """Pass predictions on, counting them on the terminal."""
    from rich.console import Console
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    console = Console(stderr=True)
    counter = (SpinnerColumn(), TextColumn("{task.completed:,} texts"), TimeElapsedColumn())
    with Progress(*counter, console=console, transient=True, disable=not console.is_terminal) as progress:
        yield from progress.track(predictions, total=None)


def _text_of(row: Mapping[str, Any], source: str, names: Columns) -> str:
    from plmr.data import Example

    if ANSWER in row:
        raise PlmrError(f"{source}: there is a column {ANSWER!r} already, which the answer would replace; rename it.")
    given = {name: row[name] for name in (names.text, names.tokens) if name in row}
    return Example.from_row(given or row, columns=names, source=source, labelled=False).text


def _line(row: Mapping[str, Any]) -> str:
    """A row as one line of valid JSON, whatever its file held."""
    line = json.dumps(plain(row), ensure_ascii=False, default=str)
    # Half a surrogate pair has no UTF-8; it can only be escaped.
    return line if _encodable(line) else json.dumps(plain(row), default=str)


def _encodable(line: str) -> bool:
    try:
        line.encode()
    except UnicodeEncodeError:
        return False
    return True
