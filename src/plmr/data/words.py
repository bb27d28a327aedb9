"""Words of a text as character ranges, and the way between ranges and one flag per word.

A range is `(start, end)`: Python character offsets into the text, `end` excluded.
"""

from collections.abc import Iterable, Sequence

import regex

Range = tuple[int, int]

# Scripts written without spaces have no word boundary to read off; a character is their smallest honest unit.
_UNSPACED = r"\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}ーｰ"
_LETTERS = rf"[[\p{{L}}\p{{M}}\p{{N}}]--[{_UNSPACED}]]+"
_JOINERS = r"['’\-\u00ad\u200c\u200d]"
# An emoji may contain invisible joiners and variation selectors, but a symbol never starts with one.
_SYMBOLS = r"[^\s\p{L}\p{M}\p{N}\p{Cc}\p{Cf}][^\s\p{L}\p{N}\p{Cc}]*"
_WORD = regex.compile(
    rf"[{_UNSPACED}]\p{{M}}* | {_LETTERS}(?:{_JOINERS}{_LETTERS})* | {_SYMBOLS}",
    regex.VERBOSE | regex.VERSION1,
)


def split_words(text: str) -> tuple[Range, ...]:
    """Splits a text into words without changing it.

    A word is a run of letters, marks and digits, also across an inner apostrophe or hyphen (`don't`,
    `well-known`); or one character of a script written without spaces; or a run of other visible symbols
    (`!!!`, an emoji with its joiners). Whitespace and invisible control characters belong to no word.

    Args:
        text: Any text.

    Returns:
        The character range of every word, in order, never overlapping.
    """
    return tuple(match.span() for match in _WORD.finditer(text))


def flags_from_ranges(words: Sequence[Range], ranges: Iterable[Range]) -> tuple[bool, ...]:
    """Marks every word that at least one range overlaps, be it by a single character.

    Args:
        words: Character ranges of the words.
        ranges: Character ranges to project onto them, in any order.

    Returns:
        One flag per word.
    """
    wanted = tuple(ranges)
    return tuple(any(start < to and since < end for since, to in wanted) for start, end in words)


def spans_from_flags(words: Sequence[Range], flags: Sequence[bool]) -> tuple[Range, ...]:
    """Turns word flags into character ranges; neighbouring words share one, the gap between them included.

    Args:
        words: Character ranges of the words, in order.
        flags: One flag per word.

    Returns:
        Ranges in order, never overlapping.

    Raises:
        ValueError: If there is not one flag per word.
    """
    spans: list[Range] = []
    previous = False
    for (start, end), flag in zip(words, flags, strict=True):
        if flag and previous:
            spans[-1] = (spans[-1][0], end)
        elif flag:
            spans.append((start, end))
        previous = flag
    return tuple(spans)
