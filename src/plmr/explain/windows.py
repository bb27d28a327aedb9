"""Windows of texts that are longer than the encoder.

K windows, T tokens. What becomes of them: `plmr.explain.long_texts`.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import inf

import numpy as np

from plmr.config import RationaleConfig
from plmr.data.encoding import Encoded
from plmr.errors import PlmrError


@dataclass(frozen=True)
class Window:
    """A piece of a text that fits the model.

    Attributes:
        encoded: The piece as the model reads it: special tokens around it, words counted from 0.
        places: Where each of its tokens stands in the text. *Shape:* (T,)
        own: Which of its tokens the text takes from this window.
    """

    encoded: Encoded
    places: np.ndarray
    own: slice


@dataclass(frozen=True)
class Document:
    """A text and its windows; one that fits the model is its own only window.

    Attributes:
        encoded: The text, without what was cut off words longer than a window.
        windows: In order. Every token of the text is the own token of exactly one of them.
        n_cut_words: Words longer than a window.
    """

    encoded: Encoded
    windows: tuple[Window, ...]
    n_cut_words: int = 0

    def gather(self, values: Sequence[np.ndarray]) -> np.ndarray:
        """Values of the windows' tokens to values of the text's tokens. *Shape:* (T,)"""
        return np.concatenate([each[window.own] for window, each in zip(self.windows, values, strict=True)])

    def votes(self, mask: np.ndarray) -> np.ndarray:
        """Selected words that each window has decided on. *Shape:* (K,)

        Args:
            mask: *Shape:* (T,)
        """
        words = np.where(mask, self.encoded.word_ids, -1)
        owned = (words[window.places[window.own]] for window in self.windows)
        return np.array([len(np.unique(each[each >= 0])) for each in owned])

    def mask_of(self, flags: Sequence[bool] | np.ndarray) -> np.ndarray:
        """The tokens of the flagged words. *Shape:* (T,)

        Args:
            flags: One for each word of the text.
        """
        # The last entry stands for tokens of no word, whose number is -1.
        return np.append(np.asarray(flags, dtype=bool), False)[self.encoded.word_ids]


def split(encoded: Encoded, max_tokens: int, overlap: float) -> Document:
    """Cut a text into overlapping windows between its words.

    A word that no window can hold loses its end.

    Args:
        encoded: A text of any length.
        max_tokens: The longest window, special tokens included.
        overlap: Share of `max_tokens` that neighbouring windows have in common, in [0, 1).

    Raises:
        PlmrError: The special tokens alone fill a window.
    """
    total = len(encoded.input_ids)
    if total <= max_tokens:
        return Document(encoded, (Window(encoded, np.arange(total), slice(0, total)),))
    length = max_tokens - sum(encoded.frame)
    if length < 1:
        raise PlmrError(
            f"max_tokens={max_tokens} leaves no room for a text: the tokenizer adds {sum(encoded.frame)} special "
            f"tokens; give at least {sum(encoded.frame) + 1}."
        )
    edges = _edges(encoded)
    n_cut = sum(end - start > length for start, end in pairwise(edges))
    if n_cut:
        encoded = _cut_words(encoded, edges, length)
        edges = _edges(encoded)
    spans = _spans(edges, length, int(overlap * max_tokens))
    owned = _owned(edges, spans)
    windows = (_window(encoded, span, own) for span, own in zip(spans, owned, strict=True))
    return Document(encoded, tuple(windows), n_cut)


def split_all(texts: Iterable[Encoded], config: RationaleConfig) -> list[Document]:
    """Split texts as a configuration says; those that were cut when they were encoded are left as they are."""
    return [split(text, config.max_tokens, config.window_overlap) for text in texts]


def _edges(encoded: Encoded) -> list[int]:
    """Positions where a window may start or end: in front of each token that continues no word, and at the end."""
    front, back = encoded.frame
    body = range(front, len(encoded.word_ids) - back)
    last = {encoded.word_ids[place]: place for place in body}
    edges, inside = [], -1
    for place in body:
        if place > inside:
            edges.append(place)
        if (word := encoded.word_ids[place]) >= 0:
            inside = max(inside, last[word])
    return [*edges, body.stop]


def _cut_words(encoded: Encoded, edges: Sequence[int], length: int) -> Encoded:
    """Leave of every word what fits a window."""
    kept = [place for start, end in pairwise(edges) for place in range(start, min(end, start + length))]
    return _pick(encoded, [*range(edges[0]), *kept, *range(edges[-1], len(encoded.input_ids))])


def _spans(edges: Sequence[int], length: int, overlap: int) -> list[tuple[int, int]]:
    """First and last edge of each window, special tokens left out."""
    spans = []
    start = edges[0]
    while True:
        last = bisect_right(edges, start + length) - 1
        spans.append((start, edges[last]))
        if edges[last] == edges[-1]:
            return spans
        # Late enough that the next window holds at least one word more than this one.
        start = edges[bisect_left(edges, max(edges[last] - overlap, edges[last + 1] - length))]


def _owned(edges: Sequence[int], spans: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """The part of each window whose words stand farther from a cut there than in any other; the first of equals."""

    def distance(number: int, start: int, end: int) -> float:
        left = start - spans[number][0] if number else inf
        right = spans[number][1] - end if number < len(spans) - 1 else inf
        return min(left, right)

    # From one window to the next, a word's distance rises and then falls; so the best one moves only forward.
    owner, bounds = 0, [edges[0]]
    for word in pairwise(edges):
        while owner + 1 < len(spans) and distance(owner + 1, *word) > distance(owner, *word):
            owner += 1
            bounds.append(word[0])
    return list(pairwise([*bounds, edges[-1]]))


def _window(encoded: Encoded, span: tuple[int, int], owned: tuple[int, int]) -> Window:
    """A window of a text; the first and the last one own the special tokens."""
    total, (front, back) = len(encoded.input_ids), encoded.frame
    places = np.array([*range(front), *range(*span), *range(total - back, total)])
    piece = _pick(encoded, places.tolist())
    first = min((word for word in piece.word_ids if word >= 0), default=0)
    word_ids = [word - first if word >= 0 else -1 for word in piece.word_ids]
    shift = front - span[0]
    start = 0 if owned[0] == front else owned[0] + shift
    stop = len(places) if owned[1] == total - back else owned[1] + shift
    piece = Encoded(piece.input_ids, word_ids, max(word_ids) + 1, frame=encoded.frame)
    return Window(piece, places, slice(start, stop))


def _pick(encoded: Encoded, places: Sequence[int]) -> Encoded:
    """The text with some of its tokens only."""
    ids, words = encoded.input_ids, encoded.word_ids
    return Encoded(
        [ids[place] for place in places],
        [words[place] for place in places],
        encoded.n_words,
        encoded.label,
        encoded.frame,
    )
