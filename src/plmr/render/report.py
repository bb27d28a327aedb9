"""One self-contained HTML page that sets the rationales of several methods beside the gold ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from string import Template
from typing import Protocol

from plmr.render.chart import Bar, f1_chart
from plmr.render.html import asset, escaped, marked_html, page
from plmr.render.table import RESULT_COLUMNS, Column, Value, result_cells, used_columns
from plmr.render.text import RationaleLike, Span, merge_words, one_line


class AnnotatedExample(Protocol):
    """The part of `plmr.data.Example` that is shown."""

    @property
    def text(self) -> str:
        """The text as given."""

    @property
    def words(self) -> Sequence[Span]:
        """Character range of every word."""

    @property
    def label(self) -> str | int | float | None:
        """The raw label."""

    @property
    def rationale(self) -> Sequence[bool] | None:
        """One gold flag per word; None = not annotated."""


@dataclass(frozen=True, slots=True)
class GoldText:
    """A text with the right answer.

    Attributes:
        text: The text as given.
        label: Its right label, as the systems spell it.
        spans: Character ranges of the gold rationale, disjoint and in order.
    """

    text: str
    label: str
    spans: Sequence[Span]

    @classmethod
    def from_example(cls, example: AnnotatedExample, label: str | None = None) -> GoldText:
        """Take an annotated example.

        Args:
            example: An example with a rationale.
            label: Its label as the systems spell it; the raw label as a string when not given.

        Raises:
            ValueError: The example has no rationale.
        """
        if example.rationale is None:
            raise ValueError(f"no gold rationale on {one_line(example.text)[:60]!r}: compare on annotated texts only")
        marks = merge_words(example.words, ["gold" if flag else None for flag in example.rationale])
        spans = tuple((start, end) for start, end, _ in marks)
        return cls(example.text, str(example.label) if label is None else label, spans)


@dataclass(frozen=True, slots=True)
class System:
    """A method and what it predicted.

    Attributes:
        name: Short name, unlike that of any other system.
        description: What it is, in plain words.
        metrics: Figures by key, shares in [0, 1]: those of `RESULT_COLUMNS`; with `f1` it enters the chart,
            with `f1_ceiling` and `f1_chance` marked there.
        predictions: One per text shown, in the same order.
    """

    name: str
    description: str
    metrics: Mapping[str, Value]
    predictions: Sequence[RationaleLike]


def comparison_report(
    *,
    title: str,
    finding: str,
    intro: str,
    systems: Sequence[System],
    texts: Sequence[GoldText],
    columns: Sequence[Column] = RESULT_COLUMNS,
    selection: str = "",
    made_with: str = "",
) -> str:
    """Build the page: finding, figures, chart of F1, then every text with gold and chosen words.

    It loads nothing: no script, font, image or link, and its content security policy forbids any.

    Args:
        title: Heading of the page.
        finding: The result in one or two sentences.
        intro: What is compared, in plain words; blank lines part paragraphs.
        systems: The methods, in the order shown.
        texts: The texts shown.
        columns: Figures of the table; those no system has are left out.
        selection: How the texts were picked.
        made_with: Command, data and hardware, for the foot of the page.

    Returns:
        A complete HTML document; write it as UTF-8.

    Raises:
        ValueError: A system's predictions are not those of the texts.
    """
    for system in systems:
        if [prediction.text for prediction in system.predictions] != [gold.text for gold in texts]:
            raise ValueError(
                f"{system.name} has {len(system.predictions)} predictions that are not, one for one, of the "
                f"{len(texts)} texts shown: predict exactly these texts, in this order"
            )
    articles = (
        _article(number, gold, [(system.name, system.predictions[number - 1]) for system in systems])
        for number, gold in enumerate(texts, start=1)
    )
    sections = Template(asset("report.html")).substitute(
        intro=_paragraphs(intro),
        systems="".join(f"<dt>{escaped(s.name)}</dt><dd>{escaped(s.description)}</dd>" for s in systems),
        table=_table(systems, columns),
        chart=_chart(systems),
        selection=_paragraphs(selection),
        texts="\n".join(articles),
    )
    return page(title, [finding], sections, made_with=_paragraphs(made_with), styles=["report.css"], kind="comparison")


def _table(systems: Sequence[System], columns: Sequence[Column]) -> str:
    results = {system.name: system.metrics for system in systems}
    used = used_columns(results, columns)
    head = "".join(f'<th scope="col"><abbr title="{escaped(c.meaning)}">{escaped(c.title)}</abbr></th>' for c in used)
    body = ""
    for name, cells in zip(results, result_cells(results, used), strict=True):
        figures = "".join(
            f'<td class="best">{escaped(cell.text)}<span class="unseen"> (best)</span></td>'
            if cell.best
            else f"<td>{escaped(cell.text)}</td>"
            for cell in cells
        )
        body += f'<tr><th scope="row">{escaped(name)}</th>{figures}</tr>'
    meanings = "; ".join(f"<b>{escaped(c.title)}</b> {escaped(c.meaning)}" for c in used)
    return (
        f'<div class="scroll" tabindex="0" role="region" aria-label="Figures"><table><thead><tr>'
        f'<th scope="col">Method</th>{head}</tr></thead><tbody>{body}</tbody></table></div>'
        f'<p class="small">{meanings}. The best figure of a column is underlined.</p>'
    )


def _chart(systems: Sequence[System]) -> str:
    bars = [
        Bar(system.name, f1, _figure(system, "f1_ceiling"), _figure(system, "f1_chance"))
        for system in systems
        if (f1 := _figure(system, "f1")) is not None
    ]
    if not bars:
        return ""
    return (
        f"<figure>{f1_chart(bars)}<figcaption>"
        '<span><span class="key" aria-hidden="true"></span>ceiling: the best F1 at the share selected</span>'
        '<span><span class="key chance" aria-hidden="true"></span>chance: random words, the same share</span>'
        "</figcaption></figure>"
    )


def _figure(system: System, key: str) -> float | None:
    value = system.metrics.get(key)
    return None if value is None or isinstance(value, str) or value != value else value


def _article(number: int, gold: GoldText, predictions: Sequence[tuple[str, RationaleLike]]) -> str:
    text = marked_html(gold.text, ((start, end, "gold") for start, end in gold.spans))
    right = _row("Gold", [f"label {escaped(gold.label)}"], text)
    methods = "".join(_method_row(name, prediction, gold) for name, prediction in predictions)
    heading = f'<h3 id="text-{number}">Text {number}</h3>'
    return f'<article aria-labelledby="text-{number}">{heading}{right}{methods}</article>'


def _method_row(name: str, prediction: RationaleLike, gold: GoldText) -> str:
    kinds = _kinds(prediction, gold.spans)
    hits, extra, missed = (kinds.count(kind) for kind in ("hit", "extra", "missed"))
    verdict = "✓ right" if prediction.label == gold.label else '<b class="wrong">✗ wrong</b>'
    said = [
        f"says {escaped(prediction.label)} {verdict}",
        f"{hits} of {hits + missed} gold words found",
        f"{extra} extra",
    ]
    if prediction.note:
        said.append(escaped(prediction.note))
    text = marked_html(prediction.text, merge_words(prediction.word_ranges, kinds))
    return _row(name, said, text)


def _kinds(prediction: RationaleLike, gold: Sequence[Span]) -> list[str | None]:
    """Hit, extra (chosen, not gold), missed (gold, not chosen) or `None`, for every word."""
    kinds: list[str | None] = []
    for (start, end), selected in zip(prediction.word_ranges, prediction.selected, strict=True):
        marked = any(start < gold_end and gold_start < end for gold_start, gold_end in gold)
        if selected:
            kinds.append("hit" if marked else "extra")
        else:
            kinds.append("missed" if marked else None)
    return kinds


def _row(who: str, said: Sequence[str], text: str) -> str:
    lines = "".join(f"<p>{line}</p>" for line in said)
    return (
        f'<div class="row"><div class="who"><h4>{escaped(who)}</h4>{lines}</div>'
        f'<p class="text" dir="auto">{text}</p></div>'
    )


def _paragraphs(prose: str) -> str:
    return "".join(f"<p>{escaped(paragraph)}</p>" for paragraph in prose.split("\n\n") if paragraph.strip())
