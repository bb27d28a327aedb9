import pytest
from hypothesis import given
from hypothesis import strategies as st

from plmr.data import Example, limit_words
from plmr.errors import PlmrError


def numbered(count: int, gold: set[int]) -> Example:
    return Example.from_tokens([f"w{n}" for n in range(count)], "a", [int(n in gold) for n in range(count)])


def gold_words(example: Example) -> set[str]:
    pairs = zip(example.words, example.rationale or (), strict=True)
    return {example.text[start:end] for (start, end), flag in pairs if flag}


def test_cutting_says_what_it_loses():
    pieces, reach = limit_words([numbered(10, {0, 7, 8}), numbered(3, {2})], max_words=4)
    assert [piece.text for piece in pieces] == ["w0 w1 w2 w3", "w0 w1 w2"]
    assert (reach.texts, reach.longer, reach.gold, reach.lost, reach.lost_share) == (2, 1, 4, 2, 0.5)
    assert "2 of 4 gold words (50.0%) are out of reach" in str(reach)


@given(st.integers(0, 40), st.integers(1, 12), st.data())
def test_windows_reach_every_word_and_never_exceed_the_limit(count: int, max_words: int, data: st.DataObject):
    stride = data.draw(st.integers(1, max_words))
    gold = data.draw(st.sets(st.integers(0, max(count - 1, 0)), max_size=count))
    example = numbered(count, gold)
    pieces, reach = limit_words([example], max_words, stride)
    assert all(len(piece.words) <= max_words and piece.label == "a" for piece in pieces)
    assert {word for piece in pieces for word in piece.text.split()} == set(example.text.split())
    assert set().union(*map(gold_words, pieces)) == {f"w{n}" for n in gold}
    assert [piece.extra["window"] for piece in pieces] == list(range(len(pieces)))
    assert reach.lost == 0
    assert len(pieces) == 1 + max(-(-(count - max_words) // stride), 0)


def test_texts_without_annotation_stay_without():
    pieces, reach = limit_words([Example.from_text("one two three", "a")], max_words=2, stride=1)
    assert [piece.rationale for piece in pieces] == [None, None]
    assert reach.lost_share == 0


def test_a_window_must_move_but_not_jump():
    for stride in (0, 5):
        with pytest.raises(PlmrError, match=f"not {stride}"):
            limit_words([], max_words=4, stride=stride)
    with pytest.raises(PlmrError, match="at least 1, not 0"):
        limit_words([], max_words=0)
