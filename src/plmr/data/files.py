"""Rows and examples from files, folders, the Hugging Face hub and from memory."""

import json
import re
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias

from plmr.data.lines import Row, json_rows, table_rows, text_rows
from plmr.data.schema import DEFAULT_COLUMNS, Columns, Example
from plmr.errors import PlmrError, nearest
from plmr.io import atomic_path

Data: TypeAlias = str | Path | Iterable[Any]
_DECIMAL = re.compile(r"[-+]?\d+\.\d*")
_FOREIGN = (".xlsx", ".xls", ".ods", ".gz", ".zip", ".bz2", ".xml", ".yaml", ".yml", ".pkl", ".feather", ".arrow")
"""Endings of files that nothing here reads; no name of a folder or hub id has them."""
# What `datasets` lets through from pyarrow, the file system and the network, beside its own errors.
_PASSED_ON = (OSError, ValueError, RuntimeError, LookupError)


def load_examples(
    data: Data,
    *,
    split: str | None = None,
    columns: Columns = DEFAULT_COLUMNS,
    labelled: bool = True,
) -> list[Example]:
    """Loads examples from wherever they are.

    Args:
        data: A `.jsonl` or `.json` (JSON lines), `.csv`, `.tsv`, `.parquet` or `.txt` file (one text a line), a folder
            or hub id that `datasets` can load, a `datasets` object, a pandas DataFrame, or rows in memory. Examples
            pass through.
        split: Which split to read where there are several; by default "train".
        columns: Which column holds what.
        labelled: Whether every row must have a label.

    Raises:
        PlmrError: If the data cannot be found or read, holds no row, or a row is wrong; with file and line. In CSV and
            TSV files, whose cells are all texts, a label `nan` counts as missing, in other data it is a class; and one
            written like 2.0 is the number.
    """
    if isinstance(data, Iterator):
        data = list(data)
    if isinstance(data, list | tuple) and any(isinstance(item, Example) for item in data):
        given = enumerate(data, start=1)
        return [
            item
            if isinstance(item, Example)
            else Example.from_row(item, columns=columns, source=f"row:{number}", labelled=labelled)
            for number, item in given
        ]
    examples = []
    annotated = False
    in_cells = isinstance(data, str | Path) and Path(data).suffix.lower() in (".csv", ".tsv")
    row: Row = {}
    for row, source in iter_rows(data, split=split):
        if in_cells:
            row = _label_of_cell(row, columns.label, source, labelled)
        annotated |= columns.rationale in row
        examples.append(Example.from_row(row, columns=columns, source=source, labelled=labelled))
    if not annotated and (hint := nearest(columns.rationale, map(str, row))):
        warnings.warn(f"no column {columns.rationale!r}, so no gold rationales.{hint}", stacklevel=2)
    return examples


def _label_of_cell(row: Row, label: str, source: str, labelled: bool) -> Row:
    """The row of a table, with the label meant: other programs write `nan` for a missing number, and 2.0 for 2."""
    cell = row.get(label)
    if not isinstance(cell, str):
        return row
    if _DECIMAL.fullmatch(cell.strip()):
        return {**row, label: float(cell)}
    if cell.strip().lower() != "nan":
        return row
    if labelled:
        raise PlmrError(
            f"{source}: column {label!r} holds no label ({cell!r}); fill it in or remove the row (a class that is "
            f'really called so needs JSON lines, {{"{label}": "{cell.strip()}", ...}})'
        )
    return {**row, label: None}


def save_examples(path: str | Path, examples: Iterable[Example]) -> None:
    """Writes examples as JSON lines, which `load_examples` and the command line read.

    Args:
        path: The file, `.jsonl`; it is complete or not there.
        examples: Such as those of `make_reviews`.

    Raises:
        PlmrError: If the name does not end in `.jsonl`, or the file cannot be written.
    """
    if Path(path).suffix != ".jsonl":
        raise PlmrError(f"{path}: examples are written as JSON lines; give a name that ends in .jsonl")
    with atomic_path(path) as aside, aside.open("w", encoding="utf-8") as file:
        for example in examples:
            # Escapes are kept: half a character, which UTF-8 cannot hold, may stand in a carried value.
            file.write(json.dumps(example.to_row()) + "\n")


def iter_rows(data: Data, *, split: str | None = None) -> Iterator[tuple[Row, str]]:
    """Streams rows with where they came from; files are never held in memory as a whole.

    Args:
        data: As for `load_examples`.
        split: As for `load_examples`.

    Yields:
        Row and source, such as `({"text": ..., "label": ...}, "train.jsonl:17")`.

    Raises:
        PlmrError: If the data cannot be found or read, or holds no row.
    """
    if isinstance(data, str | Path):
        name, rows = str(data), _named_rows(data, split)
    else:
        name, rows = "the data given", _memory_rows(data, split)
    empty = True
    for row in rows:
        empty = False
        yield row
    if empty:
        raise PlmrError(f"{name} holds no rows; at least one is needed")


def _named_rows(name: str | Path, split: str | None) -> Iterator[tuple[Row, str]]:
    path = Path(name)
    reader = _READERS.get(path.suffix.lower())
    if path.is_file():
        _check_no_split(split, str(name))
        if reader is None:
            raise PlmrError(f"{name}: unknown kind of file {path.suffix!r}; supported are {', '.join(_READERS)}")
        yield from reader(path)
    elif reader or (not path.is_dir() and (isinstance(name, Path) or path.suffix.lower() in _FOREIGN)):
        raise PlmrError(f"{name}: there is no such file; check the path")
    else:
        yield from _dataset_rows(_load_dataset(str(name), split), str(name))


def _parquet_rows(path: Path) -> Iterator[tuple[Row, str]]:
    import datasets

    try:
        rows = datasets.load_dataset("parquet", data_files=str(path), split="train", streaming=True)
        yield from _dataset_rows(rows, path.name)
    except (datasets.exceptions.DatasetsError, *_PASSED_ON) as error:
        raise PlmrError(f"{path}: not a readable Parquet file ({_first_line(error)}); write it again") from None


_READERS: dict[str, Callable[[Path], Iterator[tuple[Row, str]]]] = {
    ".jsonl": json_rows,
    ".json": json_rows,
    ".csv": partial(table_rows, delimiter=","),
    ".tsv": partial(table_rows, delimiter="\t"),
    ".parquet": _parquet_rows,
    ".txt": text_rows,
}


def _load_dataset(name: str, split: str | None) -> Any:
    import datasets

    folder = Path(name)
    saved = any((folder / marker).is_file() for marker in ("state.json", "dataset_dict.json"))
    try:
        data = datasets.load_from_disk(name) if saved else datasets.load_dataset(name)
    except (datasets.exceptions.DatasetsError, *_PASSED_ON) as error:
        raise PlmrError(
            f"{name}: neither a file nor a folder or hub id that `datasets` can load ({_first_line(error)}); "
            "check the name, or load it yourself and pass the rows"
        ) from None
    return _pick_split(data, split)


def _pick_split(data: Any, split: str | None) -> Any:
    if not isinstance(data, dict):
        _check_no_split(split, "the data given")
        return data
    wanted = split or (next(iter(data)) if len(data) == 1 else "train")
    if wanted not in data:
        raise PlmrError(f"no split {wanted!r}; there is {', '.join(map(repr, data))}.{nearest(wanted, data)}")
    return data[wanted]


def _check_no_split(split: str | None, name: str) -> None:
    if split is not None:
        raise PlmrError(f"there is no split {split!r}: {name} has none to choose from; leave it out")


def _memory_rows(data: Any, split: str | None) -> Iterator[tuple[Row, str]]:
    data = _pick_split(data, split)
    if hasattr(data, "features"):
        yield from _dataset_rows(data, "row")
        return
    if hasattr(data, "iterrows"):
        data = data.to_dict("records")
    for number, row in enumerate(data, 1):
        if not isinstance(row, Mapping):
            raise PlmrError(f"row:{number}: expected a mapping of column to value, found a {type(row).__name__}")
        yield row, f"row:{number}"


def _dataset_rows(data: Any, name: str) -> Iterator[tuple[Row, str]]:
    features = data.features or {}
    classes = {column: feature for column, feature in features.items() if hasattr(feature, "int2str")}
    for number, row in enumerate(data, 1):
        named = {
            column: feature.int2str(row[column])
            for column, feature in classes.items()
            if row[column] is not None and row[column] >= 0  # -1 is how datasets mark a withheld label
        }
        withheld = {column: None for column in classes if column not in named}
        yield {**row, **named, **withheld}, f"{name}:{number}"


def _first_line(error: Exception) -> str:
    return (str(error) or type(error).__name__).splitlines()[0][:200]
