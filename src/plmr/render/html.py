"""A rationale as an HTML fragment, for notebooks and web pages, and the frame of a page."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape
from importlib.resources import files
from string import Template

from plmr.render.text import Mark, RationaleLike, one_line, pieces, printable, remark


def asset(name: str) -> str:
    """A style sheet or template that ships with this package."""
    return files("plmr.render").joinpath(name).read_text(encoding="utf-8")


def escaped(text: str) -> str:
    """A label, name or sentence for HTML, on one line."""
    return escape(one_line(text))


def page(
    title: str, findings: Iterable[str], sections: str, *, made_with: str, styles: Iterable[str], kind: str
) -> str:
    """A self-contained HTML document; write it as UTF-8.

    Args:
        title: Its heading; escaped here.
        findings: Sentences below it; escaped here.
        sections: Its content, as HTML.
        made_with: Its foot, as HTML.
        styles: Style sheets that ship with this package.
        kind: Class of the body, for the style sheets.
    """
    return Template(asset("page.html")).substitute(
        style="".join(map(asset, styles)),
        kind=kind,
        title=escaped(title),
        finding="".join(f'<p class="finding">{escaped(sentence)}</p>' for sentence in findings),
        sections=sections,
        made_with=made_with,
    )


def marked_html(text: str, marks: Iterable[Mark]) -> str:
    """The text as HTML, every mark a `<mark>` whose class is its kind.

    Args:
        text: The text as given; it is escaped here.
        marks: Disjoint character ranges in order, each with its kind.
    """
    return "".join(
        escape(piece) if kind is None else f'<mark class="{kind}">{escape(piece)}</mark>'
        for piece, kind in pieces(printable(text), marks)
    )


def rationale_html(rationale: RationaleLike) -> str:
    """The highlighted text, label, probability and note as one self-contained fragment.

    Text takes the colour of the page around it and highlights bring their own, so it reads on light and dark
    alike; the style sheet touches nothing outside the fragment.
    """
    text = marked_html(rationale.text, ((start, end, "kept") for start, end in rationale.spans))
    said = remark(rationale)
    note = f'<p class="note">Note: {escaped(said)}</p>' if said else ""
    return (
        f'<div class="plmr-rationale"><style>{asset("rationale.css")}</style>'
        f'<p class="text" dir="auto">{text}</p>'
        f'<p class="verdict"><b>{escaped(rationale.label)}</b> '
        f'<span class="bar" aria-hidden="true"><span style="width:{rationale.score:.1%}"></span></span> '
        f"{rationale.score:.1%}</p>{note}</div>"
    )
