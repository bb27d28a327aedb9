"""Tables in Markdown (model card, committed results) and in plain text (terminal)."""

from __future__ import annotations

import re
from collections.abc import Sequence

from rich.cells import cell_len

from plmr.render.table import RESULT_COLUMNS, Column, Results, result_cells, used_columns
from plmr.render.text import one_line


def escape_markdown(text: str) -> str:
    """A string that Markdown shows as it is, on one line."""
    return re.sub(r"([\\`*<\[\]])", r"\\\1", one_line(text))


def markdown_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table, first column left and the others right, padded to read well as source too.

    Args:
        header: Titles.
        rows: Cells in Markdown; pipes and line breaks in them are made safe.
    """
    table = [[one_line(cell).replace("|", r"\|") for cell in row] for row in (header, *rows)]
    widths = [max(3, *map(cell_len, column)) for column in zip(*table, strict=True)]
    ruler = ["-" * width if index == 0 else "-" * (width - 1) + ":" for index, width in enumerate(widths)]
    return "\n".join(f"| {_line(row, widths, ' | ')} |" for row in (table[0], ruler, *table[1:]))


def plain_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """The same table for a place without markup: aligned columns under a ruled header."""
    table = [[one_line(cell) for cell in row] for row in (header, *rows)]
    widths = [max(map(cell_len, column)) for column in zip(*table, strict=True)]
    ruler = ["-" * width for width in widths]
    return "\n".join(_line(row, widths, "  ").rstrip() for row in (table[0], ruler, *table[1:]))


def markdown_results(results: Results, columns: Sequence[Column] = RESULT_COLUMNS) -> str:
    """The result table in Markdown, best values bold.

    Args:
        results: Name of a system to its metrics.
        columns: The figures to show; those no system has are left out.
    """
    header, rows = _written(results, columns, best="**{}**", other="{}")
    return markdown_table(header, [[escape_markdown(name), *cells] for name, *cells in rows])


def plain_results(results: Results, columns: Sequence[Column] = RESULT_COLUMNS, heading: str = "method") -> str:
    """The result table in plain text, best values starred; `heading` says what the rows are."""
    (_, *titles), rows = _written(results, columns, best="*{}", other="{}")
    return plain_table([heading, *titles], rows)


def _written(results: Results, columns: Sequence[Column], best: str, other: str) -> tuple[list[str], list[list[str]]]:
    used = used_columns(results, columns)
    rows = [
        [name, *((best if cell.best else other).format(cell.text) for cell in cells)]
        for name, cells in zip(results, result_cells(results, used), strict=True)
    ]
    return ["method", *(column.title for column in used)], rows


def _line(cells: Sequence[str], widths: Sequence[int], gap: str) -> str:
    padded = []
    for index, (cell, width) in enumerate(zip(cells, widths, strict=True)):
        space = " " * (width - cell_len(cell))
        padded.append(cell + space if index == 0 else space + cell)
    return gap.join(padded)
