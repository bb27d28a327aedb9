"""A rationale in the terminal: highlighted in colour, bracketed where there is none."""

from __future__ import annotations

from rich.console import Console
from rich.text import Text

from plmr.render.text import RationaleLike, one_line, pieces, printable, remark

_HIGHLIGHT = "bold black on yellow"
_BAR_CELLS = 20


def rationale_text(rationale: RationaleLike, *, marks: bool = False, encoding: str = "utf-8") -> Text:
    """The text of a rationale with the selected words highlighted.

    Args:
        rationale: What to show.
        marks: Put `[[` and `]]` around the selected words as well, for readers without colour.
        encoding: Encoding of the console; what it cannot carry becomes a question mark.
    """
    before, after = ("[[", "]]") if marks else ("", "")
    shown = Text()
    for piece, kind in pieces(
        printable(rationale.text, encoding), ((start, end, "rationale") for start, end in rationale.spans)
    ):
        if kind is None:
            shown.append(piece)
        else:
            shown.append(before + piece + after, _HIGHLIGHT)
    return shown


def show(rationale: RationaleLike, console: Console) -> None:
    """Print the highlighted text, then the label with its probability, then the note if there is one.

    Without colour (a pipe, a dumb terminal, `NO_COLOR`) the rationale stands in `[[…]]`; outside a terminal
    lines are not wrapped, so that the text can be searched.

    Args:
        rationale: What to show.
        console: Where to; its colour system, width and encoding are respected.
    """
    marks = console.no_color or console.color_system is None
    wide_open = not console.is_terminal
    text = rationale_text(rationale, marks=marks, encoding=console.encoding)
    if text.plain.strip():
        console.print(text, soft_wrap=wide_open)
        console.print()
    console.print(_verdict(rationale, console), soft_wrap=wide_open)
    if said := remark(rationale):
        console.print(Text(f"note: {one_line(said, console.encoding)}", "italic"), soft_wrap=wide_open)


def _verdict(rationale: RationaleLike, console: Console) -> Text:
    full, empty = ("#", ".") if console.options.ascii_only else ("█", "░")
    filled = round(rationale.score * _BAR_CELLS)
    return Text.assemble(
        (one_line(rationale.label, console.encoding), "bold"),
        "  ",
        (full * filled, "green"),
        (empty * (_BAR_CELLS - filled), "dim"),
        f"  {rationale.score:.1%}",
    )
