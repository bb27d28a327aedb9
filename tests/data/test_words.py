from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from plmr.data.words import flags_from_ranges, spans_from_flags, split_words


def words_of(text: str) -> list[str]:
    return [text[start:end] for start, end in split_words(text)]


def test_letters_hold_together_across_inner_apostrophes_and_hyphens():
    assert words_of("don't stop — it’s a well-known 'quote', isn't-it?") == [
        "don't", "stop", "—", "it’s", "a", "well-known", "'", "quote", "',", "isn't-it", "?",
    ]  # fmt: skip


def test_runs_of_symbols_are_one_word():
    assert words_of("great!!! -- 5/5 ...") == ["great", "!!!", "--", "5", "/", "5", "..."]


def test_emoji_sequences_stay_whole():
    astronaut, flag, keycap, heart = "👩🏽‍🚀", "🇫🇷", "1️⃣", "❤️"
    assert words_of(f"{astronaut} {flag} {keycap} i{heart}beer") == [
        astronaut,
        flag,
        keycap,
        "i",
        heart,
        "beer",
    ]


def test_scripts_without_spaces_split_by_character():
    assert words_of("美味しい2024年") == ["美", "味", "し", "い", "2024", "年"]
    assert words_of("ไม่ดี") == ["ไ", "ม่", "ดี"]


def test_combining_marks_and_joiners_stay_with_their_letters():
    assert words_of("cafe\u0301 नमस्ते می\u200cخواهم") == ["cafe\u0301", "नमस्ते", "می\u200cخواهم"]


def test_invisible_characters_belong_to_no_word():
    assert words_of("\ufeffa\u200bb \x00 \u00a0\u3000") == ["a", "b"]
    assert split_words("") == ()


@given(st.text())
def test_words_are_ordered_disjoint_and_cover_every_letter_and_digit(text: str):
    words = split_words(text)
    assert all(start < end for start, end in words)
    assert all(before[1] <= after[0] for before, after in pairwise(words))
    covered = {position for start, end in words for position in range(start, end)}
    assert all(position in covered for position, character in enumerate(text) if character.isalnum())
    assert not any(text[position].isspace() for position in covered)


@given(st.text())
def test_spans_of_selected_words_select_the_same_words(text: str):
    words = split_words(text)
    flags = tuple(len(text[start:end]) % 2 == 0 for start, end in words)
    assert flags_from_ranges(words, spans_from_flags(words, flags)) == flags


def test_a_range_marks_every_word_it_touches():
    words = split_words("the nose is fine")
    assert flags_from_ranges(words, [(7, 10)]) == (False, True, True, False)
    assert flags_from_ranges(words, [(12, 13), (0, 3)]) == (True, False, False, True)
    assert flags_from_ranges(words, [(3, 4)]) == (False, False, False, False)


def test_neighbouring_words_share_a_span():
    words = split_words("the nose is  very fine")
    assert spans_from_flags(words, (True, False, True, True, False)) == ((0, 3), (9, 17))
