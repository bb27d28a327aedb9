"""Pages of tables whose columns stand in groups, as papers print them: in the terminal, Markdown, LaTeX and HTML."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from string import Template

from rich.cells import cell_len
from rich.text import Text

from plmr.render.html import asset, escaped
from plmr.render.html import page as html_page
from plmr.render.latex import escape_latex, latex_sheet
from plmr.render.markdown import escape_markdown, markdown_table
from plmr.render.table import Cell
from plmr.render.text import one_line


@dataclass(frozen=True, slots=True)
class Group:
    """Columns that belong together.

    Attributes:
        title: What they are of; empty where the table has this group only.
        columns: Their titles.
    """

    title: str
    columns: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SheetRow:
    """A row.

    Attributes:
        name: What it is of.
        cells: The figures, group by group.
        quoted: Whether they are somebody else's, to be told apart from one's own.
        marks: Number of the footnote to each group, empty where it has none.
    """

    name: str
    cells: tuple[tuple[Cell, ...], ...]
    quoted: bool = False
    marks: tuple[str, ...] = ()

    @property
    def title(self) -> str:
        """The name with the numbers of its footnotes, in the order of the groups."""
        marks = ", ".join(dict.fromkeys(filter(None, self.marks)))
        return f"{self.name} [{marks}]" if marks else self.name


@dataclass(frozen=True, slots=True)
class Sheet:
    """A table.

    Attributes:
        title: What it shows.
        groups: Its columns.
        rows: Its rows.
        corner: Title of the first column.
    """

    title: str
    groups: tuple[Group, ...]
    rows: tuple[SheetRow, ...]
    corner: str = "method"

    def split(self) -> list[Sheet]:
        """A table for each group, where there is no room for several beside each other."""
        if len(self.groups) == 1:
            return [self]
        return [
            replace(
                self,
                title=f"{self.title}: {group.title}",
                groups=(replace(group, title=""),),
                rows=tuple(
                    replace(row, cells=(row.cells[i],), marks=row.marks[i : i + 1])
                    for row in self.rows
                    if any(cell.text != "–" for cell in row.cells[i])
                ),
            )
            for i, group in enumerate(self.groups)
        ]


@dataclass(frozen=True, slots=True)
class Page:
    """Tables with what must be said of them.

    Attributes:
        title: Heading.
        intro: Paragraphs above the tables.
        sheets: The tables.
        findings: Sentences that say what the tables show.
        notes: What must be known to read them.
        made_with: Code, machine and settings, for the foot.
    """

    title: str
    intro: Sequence[str]
    sheets: Sequence[Sheet]
    findings: Sequence[str]
    notes: Sequence[str]
    made_with: str


def page_text(page: Page) -> Text:
    """The page for a terminal; best figures starred, and bold where there are styles."""
    shown = Text(one_line(page.title) + "\n", "bold", end="")
    for paragraph in page.intro:
        shown.append(f"\n{one_line(paragraph)}\n")
    for sheet in (part for whole in page.sheets for part in whole.split()):
        shown.append("\n")
        shown.append_text(_sheet_text(sheet))
    for heading, sentences in (("Findings", page.findings), ("Notes", page.notes)):
        if sentences:
            shown.append(f"\n{heading}\n", "bold")
            shown.append("".join(f"- {one_line(sentence)}\n" for sentence in sentences))
    return shown.append(f"\n{one_line(page.made_with)}\n", "dim")


def page_markdown(page: Page) -> str:
    """The page in Markdown."""
    blocks = [f"# {escape_markdown(page.title)}", *map(escape_markdown, page.intro)]
    for sheet in (part for whole in page.sheets for part in whole.split()):
        blocks.append(f"**{escape_markdown(sheet.title)}**")
        names = [("*{}*" if row.quoted else "{}").format(escape_markdown(row.title)) for row in sheet.rows]
        figures = [_cells(row, "**{}**", escape_markdown) for row in sheet.rows]
        rows = [[name, *cells] for name, cells in zip(names, figures, strict=True)]
        blocks.append(markdown_table([sheet.corner, *sheet.groups[0].columns], rows))
    for heading, sentences in (("Findings", page.findings), ("Notes", page.notes)):
        if sentences:
            blocks += [f"## {heading}", "\n".join(f"- {escape_markdown(sentence)}" for sentence in sentences)]
    return "\n\n".join([*blocks, escape_markdown(page.made_with)]) + "\n"


def page_latex(page: Page) -> str:
    """The tables as LaTeX floats for a document that uses the package booktabs; the rest as comments and text."""
    head = [
        f"% {one_line(line)}" for line in (page.title, *page.intro, page.made_with, r"Needs \usepackage{booktabs}.")
    ]
    tables = [
        latex_sheet(
            sheet.title,
            sheet.corner,
            [(group.title, group.columns) for group in sheet.groups],
            [(row.title, [cell for cells in row.cells for cell in cells], row.quoted) for row in sheet.rows],
        )
        for sheet in page.sheets
    ]
    said = [*page.findings, *page.notes]
    items = "\n".join(f"  \\item {escape_latex(sentence)}" for sentence in said)
    notes = [f"\\begin{{itemize}}\n{items}\n\\end{{itemize}}"] if said else []
    return "\n\n".join(["\n".join(head), *tables, *notes]) + "\n"


def page_html(page: Page) -> str:
    """The page as one self-contained HTML document; write it as UTF-8."""
    sections = Template(asset("sheets.html")).substitute(
        intro="".join(f"<p>{escaped(paragraph)}</p>" for paragraph in page.intro),
        tables="\n".join(map(_sheet_html, page.sheets)),
        notes="".join(f"<li>{escaped(note)}</li>" for note in page.notes),
    )
    return html_page(
        page.title,
        page.findings,
        sections,
        made_with=f"<p>{escaped(page.made_with)}</p>",
        styles=["report.css", "sheets.css"],
        kind="sheets",
    )


def _cells(row: SheetRow, best: str, write: Callable[[str], str]) -> list[str]:
    return [(best if cell.best else "{}").format(write(cell.text)) for cells in row.cells for cell in cells]


def _sheet_text(sheet: Sheet) -> Text:
    table = [[sheet.corner, *sheet.groups[0].columns]]
    for row in sheet.rows:
        table.append([one_line(row.title), *(text.replace(" ± ", "±") for text in _cells(row, "*{}", one_line))])
    widths = [max(map(cell_len, column)) for column in zip(*table, strict=True)]
    shown = Text(one_line(sheet.title) + "\n", "bold", end="")
    for number, line in enumerate(table):
        quoted = number > 0 and sheet.rows[number - 1].quoted
        for column, (cell, width) in enumerate(zip(line, widths, strict=True)):
            space = " " * (width - cell_len(cell))
            padded = cell + space if column == 0 else "  " + space + cell
            shown.append(padded, "bold" if cell.startswith("*") else "dim" if quoted else "")
        shown.append("\n" if number else "\n" + "  ".join("-" * width for width in widths) + "\n")
    return shown


def _sheet_html(sheet: Sheet) -> str:
    groups = ""
    if any(group.title for group in sheet.groups):
        heads = "".join(
            f'<th scope="colgroup" colspan="{len(group.columns)}">{escaped(group.title)}</th>' for group in sheet.groups
        )
        groups = f'<tr class="groups"><td></td>{heads}</tr>'
    heads = "".join(
        f'<th scope="col"{_edge(i, j)}>{escaped(title)}</th>'
        for i, group in enumerate(sheet.groups)
        for j, title in enumerate(group.columns)
    )
    body = "".join(_row_html(row) for row in sheet.rows)
    return (
        f"<h3>{escaped(sheet.title)}</h3>"
        f'<div class="scroll" tabindex="0" role="region" aria-label="{escaped(sheet.title)}"><table><thead>{groups}<tr>'
        f'<th scope="col">{escaped(sheet.corner)}</th>{heads}</tr></thead><tbody>{body}</tbody></table></div>'
    )


def _row_html(row: SheetRow) -> str:
    figures = "".join(
        f'<td{_edge(i, j)}><b class="best">{_figure(cell)}</b><span class="unseen"> (best)</span></td>'
        if cell.best
        else f"<td{_edge(i, j)}>{_figure(cell)}</td>"
        for i, cells in enumerate(row.cells)
        for j, cell in enumerate(cells)
    )
    kind = ' class="quoted"' if row.quoted else ""
    return f'<tr{kind}><th scope="row">{escaped(row.title)}</th>{figures}</tr>'


def _figure(cell: Cell) -> str:
    value, _, spread = cell.text.partition(" ± ")
    return escaped(value) + (f" <small>± {escaped(spread)}</small>" if spread else "")


def _edge(group: int, column: int) -> str:
    """Where another group begins, a little room."""
    return ' class="edge"' if group and not column else ""
