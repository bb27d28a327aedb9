"""Rows of files whose rows are lines: texts, JSON and tables.

They are read here rather than by `datasets`, because messages must name the line.
"""

import csv
import gzip
import json
import re
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, TypeAlias

from plmr.errors import PlmrError, io_error

Row: TypeAlias = Mapping[str, Any]
_LONGEST_CELL = 2**24
"""Characters of a cell in CSV and TSV files; Python alone takes 131,072. One without an end is not read into memory."""
_ARRAY_OF_OBJECTS = re.compile(r"\s*\[\s*\{")
_SEPARATORS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars"}


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


def text_rows(path: Path) -> Iterator[tuple[Row, str]]:
    """Streams a text a line, each with its `file:line`; the others here alike."""
    for line, source in read_lines(path):
        yield {"text": line.rstrip("\r\n")}, source


def json_rows(path: Path) -> Iterator[tuple[Row, str]]:
    """Streams a JSON object a line; blank lines are none."""
    for line, source in read_lines(path):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except (ValueError, RecursionError) as error:
            _refuse_array(line, source)
            raise PlmrError(f"{source}: not JSON ({error}); every line should hold one JSON object") from None
        if not isinstance(row, dict):
            _refuse_array(line, source)
            raise PlmrError(f"{source}: expected a JSON object, {{...}}, on every line, found a {type(row).__name__}")
        yield row, source


def _refuse_array(line: str, source: str) -> None:
    if line.strip() == "[" or _ARRAY_OF_OBJECTS.match(line):
        raise PlmrError(
            f"{source}: a JSON array begins here; write each of its objects on a line of its own, without brackets "
            "around them and commas between"
        )


def table_rows(path: Path, delimiter: str) -> Iterator[tuple[Row, str]]:
    """Streams the rows of a table whose first line names the columns.

    Raises:
        PlmrError: If it is none, has other separators, or two columns of one name.
    """
    csv.field_size_limit(_LONGEST_CELL)
    reader = csv.reader((line for line, _ in read_lines(path)), delimiter=delimiter, strict=True)
    try:
        header = next(reader, [])
        _check_header(header, delimiter, path)
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


def _check_header(header: list[str], delimiter: str, path: Path) -> None:
    """Refuse a table of other separators, and one of whose columns would hide another."""
    for other in _SEPARATORS if len(header) == 1 else ():
        if other in header[0]:
            raise PlmrError(
                f"{path.name}:1: the columns are separated by {_SEPARATORS[other]} ({header[0][:60]}), but a "
                f"{path.suffix} file by {_SEPARATORS[delimiter]}; save it with {_SEPARATORS[delimiter]}"
            )
    twice = next((name for name in header if name and header.count(name) > 1), None)
    if twice is not None:
        raise PlmrError(f"{path.name}:1: {header.count(twice)} columns are called {twice!r}; rename all but one")
