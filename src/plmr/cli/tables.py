"""Small tables for the terminal."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from rich.table import Table

    from plmr.render.table import Column, Results


def figure_table(title: str, rows: Iterable[Sequence[str]]) -> Table:
    """A table of figures.

    Args:
        title: What they are of.
        rows: Name and value, and what it means where that needs saying.
    """
    from rich.markup import escape
    from rich.table import Table

    table = Table(title=escape(title), title_justify="left", box=None, show_header=False, pad_edge=False)
    table.add_column(no_wrap=True)
    table.add_column(justify="right", style="bold", no_wrap=True)
    table.add_column(style="dim")
    for row in rows:
        table.add_row(*map(escape, row))
    return table


def show_results(title: str, results: Results, columns: Sequence[Column], heading: str = "method") -> None:
    """Print several systems side by side, and what each column means.

    Args:
        title: What they are of.
        results: Name of a system to its metrics.
        columns: The figures to show; those no system has are left out.
        heading: What the names are.
    """
    from plmr.render import plain_results
    from plmr.render.table import used_columns

    typer.echo(f"{title}\n\n{plain_results(results, columns, heading)}\n")
    for column in used_columns(results, columns):
        typer.echo(f"{column.title}: {column.meaning}")
