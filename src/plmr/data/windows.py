"""Fitting long texts to a word limit, and saying what that costs."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from plmr.data.schema import Example
from plmr.errors import PlmrError


@dataclass(frozen=True, slots=True)
class Reach:
    """What a word limit leaves of the gold rationales.

    Attributes:
        texts: Number of texts.
        longer: Texts longer than the limit.
        gold: Gold words in all texts.
        lost: Gold words no piece contains, so no model can find them.
    """

    texts: int
    longer: int
    gold: int
    lost: int

    @property
    def lost_share(self) -> float:
        """Share of gold words out of reach, in [0, 1]."""
        return self.lost / self.gold if self.gold else 0.0

    def __str__(self) -> str:
        return (
            f"{self.longer} of {self.texts} texts are longer than the limit; "
            f"{self.lost} of {self.gold} gold words ({self.lost_share:.1%}) are out of reach"
        )


def limit_words(examples: Iterable[Example], max_words: int, stride: int | None = None) -> tuple[list[Example], Reach]:
    """Cuts texts to their first words, or splits them into overlapping windows.

    A window keeps its text's label, even where its text's gold words all lie in other windows.

    Args:
        examples: Texts of any length.
        max_words: Most words of a piece.
        stride: Words from the start of one window to the next, at most `max_words`; None = cut.

    Returns:
        The pieces in order, each with its number in `extra["window"]`, and the reach.

    Raises:
        PlmrError: If `max_words` or `stride` is out of range.
    """
    if max_words < 1:
        raise PlmrError(f"the word limit should be at least 1, not {max_words}")
    if stride is not None and not 1 <= stride <= max_words:
        raise PlmrError(f"the stride should lie between 1 and the window's {max_words} words, not {stride}")
    pieces: list[Example] = []
    texts = longer = gold = lost = 0
    for example in examples:
        length = len(example.words)
        starts = [0] if stride is None else range(0, max(length - max_words, 0) + stride, stride)
        pieces += [_piece(example, start, max_words, number) for number, start in enumerate(starts)]
        flags = example.rationale or ()
        texts += 1
        longer += length > max_words
        gold += sum(flags)
        lost += sum(flags[max_words:]) if stride is None else 0
    return pieces, Reach(texts, longer, gold, lost)


def _piece(example: Example, start: int, count: int, number: int) -> Example:
    words = example.words[start : start + count]
    extra = {**example.extra, "window": number}
    if len(words) == len(example.words):
        return replace(example, extra=extra)
    begin, end = words[0][0], words[-1][1]
    return replace(
        example,
        text=example.text[begin:end],
        words=tuple((since - begin, to - begin) for since, to in words),
        rationale=None if example.rationale is None else example.rationale[start : start + count],
        extra=extra,
    )
