"""What every view of a rationale needs: a text that is safe to show, cut into marked and plain pieces."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Protocol

Span = tuple[int, int]
Mark = tuple[int, int, str]

# Replacements are one character for one, so that character ranges keep pointing at the same words.
_ZERO_WIDTH_SPACE = 0x200B
_REPLACEMENT = 0xFFFD
_BIDI_CONTROLS = (*range(0x202A, 0x202F), *range(0x2066, 0x206A))
_SAFE = (
    {code: 0x2400 + code for code in range(32) if chr(code) not in "\n\t"}
    | {0x7F: 0x2421}
    | dict.fromkeys(range(0x80, 0xA0), _REPLACEMENT)
    | dict.fromkeys(_BIDI_CONTROLS, _ZERO_WIDTH_SPACE)
)


class RationaleLike(Protocol):
    """The part of `plmr.output.Rationale` that is shown; spelled out here because views know no torch."""

    @property
    def text(self) -> str:
        """The text as given."""

    @property
    def label(self) -> str:
        """The predicted label."""

    @property
    def score(self) -> float:
        """Its probability."""

    @property
    def spans(self) -> Sequence[Span]:
        """Character ranges of the rationale, disjoint and in order."""

    @property
    def word_ranges(self) -> Sequence[Span]:
        """Character range of every word."""

    @property
    def selected(self) -> Sequence[bool]:
        """Which words the rationale holds."""

    @property
    def note(self) -> str | None:
        """What the reader should know beside it."""


def printable(text: str, encoding: str = "utf-8") -> str:
    """The text with everything that could act on a terminal or a page made harmless.

    Control characters become their Unicode pictures, bidirectional overrides (which could reorder what stands
    around the text) become zero-width spaces, and what `encoding` cannot carry becomes a question mark.

    Args:
        text: Any string, lone surrogates included.
        encoding: Encoding of the place it is shown in.

    Returns:
        A string of the same length: character ranges into `text` hold in it too.
    """
    safe = text.replace("\r\n", " \n").translate(_SAFE)
    return safe.encode(encoding, "replace").decode(encoding)


def one_line(text: str, encoding: str = "utf-8") -> str:
    """`printable` for labels, names and notes, which must not break the line they stand in."""
    return printable(" ".join(text.split()), encoding)


def pieces(text: str, marks: Iterable[Mark]) -> Iterator[tuple[str, str | None]]:
    """Cut a text at its marks.

    Args:
        text: The whole text.
        marks: Disjoint character ranges in order, each with the kind of mark.

    Yields:
        The pieces in order with their kind, `None` between marks; joined, they are the text.
    """
    end = 0
    for start, stop, kind in marks:
        if end < start:
            yield text[end:start], None
        yield text[start:stop], kind
        end = stop
    if end < len(text):
        yield text[end:], None


def merge_words(words: Sequence[Span], kinds: Sequence[str | None]) -> list[Mark]:
    """Join neighbouring words of one kind into one mark, the space between them included.

    Args:
        words: Character range of every word, in order.
        kinds: Kind of every word, `None` for an unmarked one.
    """
    marks: list[Mark] = []
    previous: str | None = None
    for (start, end), kind in zip(words, kinds, strict=True):
        if kind is not None and kind == previous:
            marks[-1] = (marks[-1][0], end, kind)
        elif kind is not None:
            marks.append((start, end, kind))
        previous = kind
    return marks


def remark(rationale: RationaleLike) -> str | None:
    """What a reader must know beside the highlights: the note, and that nothing was selected."""
    remarks = [rationale.note] if rationale.note else []
    if rationale.text.strip() and not rationale.spans:
        remarks.append("no word selected")
    return "; ".join(remarks) or None
