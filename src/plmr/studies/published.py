"""Figures that papers have published, to stand beside one's own; they come from `data/published.json`."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

_ASPECTS = {
    "beer": {"look": "appearance", "smell": "aroma", "0": "appearance", "1": "aroma", "2": "palate"},
    "hotel": {"0": "location", "1": "service", "2": "cleanliness"},
}
_LIKELY = {"hotel": "service"}
"""The aspect of rows that do not say theirs: table 5 has the figures for Service of the papers that it quotes."""
NEAR = 0.05
"""How far a published share may be from the one asked for, for the figures to stand side by side."""


@dataclass(frozen=True)
class Published:
    """A row of a published table. Figures are in percent, None where the table has none.

    Attributes:
        table: Its number in the paper.
        method: As the paper writes it.
        source: Where the paper has the figures from, a key of `sources()`.
        dataset, aspect: What was labelled; None where the table does not say which aspect.
        encoder: `GRU`, `GRU-3`, `BERT-base`, …
        family: Which of a dataset's files, a key of `families()`; None where that is not known or there is one family.
        max_words: The longest text; None, as long as they are.
        S: Share selected.
        ACC: Accuracy.
        P, R, F1: Agreement with the words that people marked.
    """

    table: str
    method: str
    source: str
    dataset: str
    aspect: str | None
    encoder: str
    family: str | None
    max_words: int | None
    S: float | None
    ACC: float | None
    P: float | None
    R: float | None
    F1: float | None

    @property
    def pooled(self) -> bool:
        """Whether F1 is, but for rounding, the harmonic mean of P and R, as it is when counts are pooled (micro)."""
        if self.P is None or self.R is None or self.F1 is None:
            return True
        return abs(self.F1 - 2 * self.P * self.R / (self.P + self.R)) <= 0.15

    @property
    def origin(self) -> str:
        """What the figures are of and where they are from, in words."""
        of = f", {families()[self.family]}" if self.family else ", files not stated" if self.dataset == "beer" else ""
        of += f", texts of up to {self.max_words} words" if self.max_words else ""
        mean = "" if self.pooled else "; its F1 is not the harmonic mean of its P and R, so it may be a mean over texts"
        unsaid = "" if self.aspect else ", aspect not stated in the table"
        return f"{self.method} on {self.encoder}{of}: table {self.table}{unsaid}, {sources()[self.source]}{mean}"

    def difference(self, family: str | None) -> str:
        """What is to be said beside one's own figures on another family of files; nothing where it is the same."""
        if family is None or self.family in (None, family):
            return ""
        return f"; other texts than ours, which are the {families().get(family, family)}"


def published() -> tuple[Published, ...]:
    """Every published figure the package carries."""
    return tuple(Published(**row) for row in _content()["figures"])


def sources() -> dict[str, str]:
    """Where the paper has its figures from, by key."""
    return dict(_content()["sources"])


def families() -> dict[str, str]:
    """The families of files that a dataset has, by key."""
    return dict(_content()["families"])


def citation() -> str:
    """The paper that holds the tables."""
    return str(_content()["from"])


def published_beside(
    label: str, encoder: str, dataset: str, sparsity: float, aspect: str | None = None, max_words: int | None = None
) -> Published | None:
    """The published row that one's own figures can stand beside.

    Args:
        label: The method: its name, or that of a variant such as `plmr without match loss`.
        encoder: As in `RationaleConfig.encoder`.
        dataset: Name of a published dataset.
        sparsity: The share asked for.
        aspect: Which aspect is the label.
        max_words: The longest text read.

    Returns:
        That of the same method and aspect at the nearest share, on an encoder of the same kind and preferably the
        same one; None where there is none within `NEAR`.
    """
    asked = str(aspect).casefold()
    asked = _ASPECTS.get(dataset, {}).get(asked, asked)
    kind = _encoder(encoder)

    def rank(row: Published) -> tuple[bool, bool, float]:
        distance = abs((row.S or 0) / 100 - sparsity)
        return row.encoder != kind, (row.max_words is None) != (max_words is None or max_words > 120), distance

    rows = [
        row
        for row in published()
        if (row.method.casefold(), row.dataset) == (label.casefold(), dataset)
        and (row.aspect or _LIKELY.get(dataset)) == asked
        and row.encoder.startswith("GRU") == kind.startswith("GRU")
        and (row.S is not None and abs(row.S / 100 - sparsity) <= NEAR)
    ]
    return min(rows, key=rank, default=None)


@cache
def _content() -> dict[str, Any]:
    text = files("plmr.studies").joinpath("data/published.json").read_text(encoding="utf-8")
    content: dict[str, Any] = json.loads(text)
    return content


def _encoder(name: str) -> str:
    """How the tables write an encoder; of those they do not know, the one they use most."""
    if name == "gru" or name.startswith("gru-"):
        return "GRU" if name == "gru" else "GRU-3"
    family = next((each for each in ("ELECTRA", "RoBERTa") if each.casefold() in name.casefold()), "BERT")
    return f"{family}-{'large' if 'large' in name.casefold() else 'base'}"
