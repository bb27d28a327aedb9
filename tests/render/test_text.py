"""Safe texts and the cutting of texts, checked as properties."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plmr.render.text import merge_words, one_line, pieces, printable, remark

# Pieces, because hypothesis melts alternatives of single characters into one alphabet and the few drown.
NASTY = st.sampled_from(
    ["\x1b[31m", "\x07", "\r\n", "\r", "\t", "\x00", "\x9b", "\u202e", "\u2067", "\ud800", "😀", "ש"]
)
ANY_TEXT = st.lists(st.text(max_size=8) | NASTY, max_size=10).map("".join)


@given(ANY_TEXT, st.sampled_from(["utf-8", "ascii", "latin-1", "cp1252"]))
def test_printable_text_is_as_long_harmless_and_encodable(text, encoding):
    safe = printable(text, encoding)
    assert len(safe) == len(text)
    safe.encode(encoding)
    assert not [c for c in safe if unicodedata.category(c) == "Cc" and c not in "\n\t"]
    assert not [c for c in safe if unicodedata.bidirectional(c) in {"LRO", "RLO", "LRE", "RLE", "LRI", "RLI", "FSI"}]


@given(st.text(st.characters(exclude_categories=["Cc", "Cf", "Cs"]) | st.sampled_from("\n\t😀")))
def test_ordinary_text_is_left_alone(text):
    assert printable(text) == text


def test_emoji_sequences_stay_whole():
    family = "👩‍👩‍👧 ❤️ 🏴󠁧󠁢󠁳󠁣󠁴󠁿"
    assert printable(family) == family


@pytest.mark.parametrize("text", ["two\nlines", "  wide   gaps\t", "carriage\r\nreturn"])
def test_one_line_has_no_break(text):
    assert one_line(text) == " ".join(text.split())


@given(ANY_TEXT, st.lists(st.integers(0, 40), max_size=10, unique=True))
def test_pieces_join_to_the_text_and_marked_ones_are_the_ranges(text, cuts):
    cuts = sorted(cut for cut in cuts if cut <= len(text))
    ranges = list(zip(cuts[::2], cuts[1::2], strict=False))
    cut = list(pieces(text, ((start, end, "kept") for start, end in ranges)))
    assert "".join(piece for piece, _ in cut) == text
    assert [piece for piece, kind in cut if kind] == [text[start:end] for start, end in ranges]


def test_neighbours_of_one_kind_become_one_mark():
    words = [(0, 3), (4, 7), (8, 11), (12, 15)]
    assert merge_words(words, ["hit", "hit", "extra", None]) == [(0, 7, "hit"), (8, 11, "extra")]
    assert merge_words(words, ["hit", None, "hit", "hit"]) == [(0, 3, "hit"), (8, 15, "hit")]


def test_a_reader_is_told_when_no_word_was_selected(make):
    assert remark(make("some words", [])) == "no word selected"
    assert remark(make("some words", [], note="cut")) == "cut; no word selected"
    assert remark(make("", [], note="empty text")) == "empty text"
    assert remark(make("some words", [True])) is None
