"""Rows and examples from files, folders, the Hugging Face hub and from memory."""

import csv
import gzip
import json
import warnings
import zlib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeAlias

from plmr.data.schema import DEFAULT_COLUMNS, Columns, Example
from plmr.errors import PlmrError, io_error, nearest
from plmr.io import atomic_path

Row: TypeAlias = Mapping[str, Any]
Data: TypeAlias = str | Path | Iterable[Any]
_LONGEST_CELL = 2**24
"""Characters of a cell in CSV and TSV files; Python alone takes 131,072. One without an end is not read into memory."""
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
        data: A `.jsonl`, `.json`, `.csv`, `.tsv`, `.parquet` or `.txt` file (one text a line), a folder or
            hub id that `datasets` can load, a `datasets` object, a pandas DataFrame, or rows in memory. Examples pass
            through.
        split: Which split to read where there are several; by default "train".
        columns: Which column holds what.
        labelled: Whether every row must have a label.

    Raises:
        PlmrError: If the data cannot be found or read, holds no row, or a row is wrong; with file and line. In CSV and
            TSV files, whose cells are all texts, a label `nan` counts as missing; in other data it is a class.
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
            row = _without_nan(row, columns.label, source, labelled)
        annotated |= columns.rationale in row
        examples.append(Example.from_row(row, columns=columns, source=source, labelled=labelled))
    if not annotated and (hint := nearest(columns.rationale, map(str, row))):
        warnings.warn(f"no column {columns.rationale!r}, so no gold rationales.{hint}", stacklevel=2)
    return examples


def _without_nan(row: Row, label: str, source: str, labelled: bool) -> Row:
    """The row of a table, its label null where the cell is what other programs write for a missing number."""
    cell = row.get(label)
    if not isinstance(cell, str) or cell.strip().lower() != "nan":
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
    elif reader is not None or (isinstance(name, Path) and not path.is_dir()):
        raise PlmrError(f"{name}: there is no such file; check the path")
    else:
        yield from _dataset_rows(_load_dataset(str(name), split), str(name))


# Lines are read here rather than by `datasets`, because messages must name the line.


def read_lines(path: Path) -> Iterator[tuple[str, str]]:
    """Streams the lines of a UTF-8 file, gzipped where its name ends so, each with its `file:line`.

    Raises:
        PlmrError: If the file cannot be opened or a line is not UTF-8.
    """
    try:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as lines:
            for number, line in enumerate(lines, 1):
                yield _decoded(line, number, path), f"{path.name}:{number}"
    except EOFError:
        raise PlmrError(f"{path}: the compressed file ends too early; copy or download it again") from None
    except zlib.error as error:
        raise PlmrError(f"{path}: the compressed file is damaged ({error}); copy or download it again") from None
    except OSError as error:
        raise io_error(path, error) from None


def _decoded(line: bytes, number: int, path: Path) -> str:
    try:
        return line.decode("utf-8-sig" if number == 1 else "utf-8")
    except UnicodeDecodeError as error:
        raise PlmrError(
            f"{path.name}:{number}: not UTF-8 (byte 0x{line[error.start]:02x} at position {error.start}); "
            "save the file again with encoding UTF-8"
        ) from None


def _text_rows(path: Path) -> Iterator[tuple[Row, str]]:
    for line, source in read_lines(path):
        yield {"text": line.rstrip("\r\n")}, source


def _json_rows(path: Path) -> Iterator[tuple[Row, str]]:
    for line, source in read_lines(path):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise PlmrError(f"{source}: not JSON ({error}); every line should hold one JSON object") from None
        if not isinstance(row, dict):
            raise PlmrError(f"{source}: expected a JSON object, {{...}}, on every line, found a {type(row).__name__}")
        yield row, source


def _table_rows(path: Path, delimiter: str) -> Iterator[tuple[Row, str]]:
    csv.field_size_limit(_LONGEST_CELL)
    reader = csv.reader((line for line, _ in read_lines(path)), delimiter=delimiter, strict=True)
    try:
        header = next(reader, [])
        for cells in reader:
            source = f"{path.name}:{reader.line_num}"
            if cells and len(cells) != len(header):
                raise PlmrError(
                    f"{source}: {len(cells)} cells, but the header has {len(header)} "
                    f"({', '.join(header)[:60]}); the first line should name the columns, and cells holding "
                    "separators need quotes"
                )
            if cells:
                yield dict(zip(header, cells, strict=True)), source
    except csv.Error as error:
        raise PlmrError(f"{path.name}:{reader.line_num}: not a table ({error}); check the quotes") from None


def _csv_rows(path: Path) -> Iterator[tuple[Row, str]]:
    yield from _table_rows(path, ",")


def _tsv_rows(path: Path) -> Iterator[tuple[Row, str]]:
    yield from _table_rows(path, "\t")


def _parquet_rows(path: Path) -> Iterator[tuple[Row, str]]:
    import datasets

    try:
        rows = datasets.load_dataset("parquet", data_files=str(path), split="train", streaming=True)
        yield from _dataset_rows(rows, path.name)
    except (datasets.exceptions.DatasetsError, *_PASSED_ON) as error:
        raise PlmrError(f"{path}: not a readable Parquet file ({_first_line(error)}); write it again") from None


_READERS = {
    ".jsonl": _json_rows,
    ".json": _json_rows,
    ".csv": _csv_rows,
    ".tsv": _tsv_rows,
    ".parquet": _parquet_rows,
    ".txt": _text_rows,
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
