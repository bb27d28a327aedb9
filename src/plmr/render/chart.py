"""A bar chart of F1 against what the share selected allows and what chance gives, as inline SVG."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from plmr.render.html import escaped

# Drawn small, so that the lettering stays readable when a phone scales the chart down.
_WIDTH = 460
_ROW = 62
_BAR = 18
_AXIS = 16


@dataclass(frozen=True, slots=True)
class Bar:
    """One system in the chart; all figures lie in [0, 1].

    Attributes:
        name: The system.
        f1: Its F1.
        ceiling: The highest F1 the share it selects allows, 2·min(S, s)/(S + s) with the gold share s.
        chance: F1 of a random selection of the same share.
    """

    name: str
    f1: float
    ceiling: float | None = None
    chance: float | None = None


def f1_chart(bars: Sequence[Bar]) -> str:
    """Horizontal bars of F1, one per system, with a line at its ceiling and a dashed line at chance.

    The style sheet of the report colours it (classes `bar`, `track`, `ceiling`, `chance`).
    """
    height = len(bars) * _ROW + _AXIS
    rows = "".join(_row(bar, index * _ROW) for index, bar in enumerate(bars))
    summary = "; ".join(f"{bar.name}: {_caption(bar)}" for bar in bars)
    return (
        f'<svg viewBox="0 0 {_WIDTH} {height}" role="img" aria-labelledby="chart-title chart-summary">'
        f'<title id="chart-title">F1 of each method</title><desc id="chart-summary">{escaped(summary)}</desc>'
        f"{rows}{_axis(height - 4)}</svg>"
    )


def _row(bar: Bar, top: int) -> str:
    y = top + 24
    lines = "".join(
        f'<line class="{kind}" x1="{_x(value)}" x2="{_x(value)}" y1="{y - 4}" y2="{y + _BAR + 4}"/>'
        for kind, value in (("chance", bar.chance), ("ceiling", bar.ceiling))
        if value is not None
    )
    return (
        f'<text class="name" y="{top + 15}">{escaped(bar.name)}</text>'
        f'<text class="value" x="{_WIDTH}" y="{top + 15}">{_caption(bar)}</text>'
        f'<rect class="track" y="{y}" width="{_WIDTH}" height="{_BAR}"/>'
        f'<rect class="bar" y="{y}" width="{_x(bar.f1)}" height="{_BAR}"/>{lines}'
    )


def _caption(bar: Bar) -> str:
    figures = (("F1", bar.f1), ("ceiling", bar.ceiling), ("chance", bar.chance))
    return " · ".join(f"{name} {value:.1%}" for name, value in figures if value is not None)


def _axis(y: int) -> str:
    anchors = {0.0: "start", 0.25: "middle", 0.5: "middle", 0.75: "middle", 1.0: "end"}
    return "".join(
        f'<text class="tick" x="{_x(share)}" y="{y}" text-anchor="{anchor}">{share:.0%}</text>'
        for share, anchor in anchors.items()
    )


def _x(share: float) -> str:
    return f"{share * _WIDTH:.1f}"
