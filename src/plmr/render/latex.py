"""Tables for LaTeX, in the style of the package booktabs."""

from __future__ import annotations

from collections.abc import Sequence

from plmr.render.table import Cell
from plmr.render.text import one_line

_ESCAPES = str.maketrans(
    {
        "\\": r"\textbackslash{}",
        "~": r"\textasciitilde{}",
        "^": r"\textasciicircum{}",
        **{character: f"\\{character}" for character in "&%$#_{}"},
        "[": "{[}",  # after a line break or an item it would be an argument
        "]": "{]}",
        "<": r"\textless{}",
        ">": r"\textgreater{}",
        "±": r"$\pm$",
        "·": r"$\cdot$",
        "×": r"$\times$",
        "α": r"$\alpha$",
        "–": "--",
        "“": "``",
        "”": "''",
    }
)
Columns = tuple[str, Sequence[str]]
Row = tuple[str, Sequence[Cell], bool]


def escape_latex(text: str) -> str:
    """A string that LaTeX prints as it is, on one line."""
    return one_line(text).translate(_ESCAPES)


def latex_sheet(title: str, corner: str, groups: Sequence[Columns], rows: Sequence[Row]) -> str:
    """A table float.

    Args:
        title: Its caption.
        corner: Title of the first column.
        groups: Title, which may be empty, and column titles of each group.
        rows: Name, figures, and whether they are quoted, which prints them in italics.
    """
    layout = "l" + "".join("r" * len(columns) for _, columns in groups)
    lines = [
        r"\begin{table}[t]",
        r"\centering\small\setlength{\tabcolsep}{3pt}",
        rf"\caption{{{escape_latex(title)}}}",
        rf"\begin{{tabular}}{{{layout}}}",
        r"\toprule",
    ]
    if any(name for name, _ in groups):
        lines += _group_lines(groups)
    lines += [_line([corner, *(column for _, columns in groups for column in columns)]), r"\midrule"]
    for name, cells, quoted in rows:
        line = [escape_latex(name), *map(_figure, cells)]
        lines.append(" & ".join(rf"\textit{{{cell}}}" if quoted else cell for cell in line) + r" \\")
    return "\n".join([*lines, r"\bottomrule", r"\end{tabular}", r"\end{table}"])


def _figure(cell: Cell) -> str:
    """A figure, its spread small below the line, which leaves room for more columns."""
    value, _, spread = cell.text.partition(" ± ")
    value = rf"\textbf{{{escape_latex(value)}}}" if cell.best else escape_latex(value)
    return value + (rf"$_{{\pm {spread}}}$" if spread else "")


def _group_lines(groups: Sequence[Columns]) -> list[str]:
    heads, rules, start = [], [], 2
    for name, columns in groups:
        heads.append(rf"\multicolumn{{{len(columns)}}}{{c}}{{{escape_latex(name)}}}")
        rules.append(rf"\cmidrule(lr){{{start}-{start + len(columns) - 1}}}")
        start += len(columns)
    return [" & ".join(["", *heads]) + r" \\", "".join(rules)]


def _line(cells: Sequence[str]) -> str:
    return " & ".join(map(escape_latex, cells)) + r" \\"
