"""Windows of a long text: where they begin and end, and which of them decides on a word."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from plmr.data.encoding import Encoded
from plmr.errors import PlmrError
from plmr.explain.long_texts import merge, vote
from plmr.explain.windows import split
from plmr.inference import Prediction


@st.composite
def texts(draw):
    """Words of some tokens each, a few without any, and tokens of no word in between."""
    front, back = draw(st.sampled_from([(1, 1), (1, 0), (2, 1), (0, 0)]))
    body, word = [0], 1
    for length in draw(st.lists(st.integers(-2, 7), min_size=1, max_size=40)):
        body += [-1] if length < 0 else [word] * length
        word += length >= 0
    word_ids = [-1] * front + body + [-1] * back
    return Encoded(list(range(100, 100 + len(word_ids))), word_ids, word, label=1, frame=(front, back))


SHARES = st.sampled_from([0.0, 0.1, 0.25, 0.5, 0.9, 0.99])


@settings(deadline=None, max_examples=300)
@given(text=texts(), max_tokens=st.integers(4, 24), overlap=SHARES)
def test_windows_cover_a_text_between_its_words(text, max_tokens, overlap):
    document = split(text, max_tokens, overlap)
    front, back = text.frame
    total, length = len(document.encoded.input_ids), max_tokens - front - back
    spans = {}
    for place, word in enumerate(document.encoded.word_ids):
        spans.setdefault(word, []).append(place)
    spans.pop(-1, None)
    reached = front
    for window in document.windows:
        assert len(window.encoded.input_ids) <= max_tokens
        assert window.encoded.input_ids == [document.encoded.input_ids[place] for place in window.places]
        assert list(window.places[:front]) == list(range(front))
        assert list(window.places[len(window.places) - back :]) == list(range(total - back, total))
        body = window.places[front : len(window.places) - back]
        assert list(body) == list(range(body[0], body[-1] + 1))
        for places in spans.values():
            assert set(places) <= set(body.tolist()) or not set(places) & set(body.tolist())
        # Nothing between two windows is left out, and every window brings something new.
        assert body[0] <= reached < body[-1] + 1 or len(document.windows) == 1
        reached = body[-1] + 1
        numbers = [word for word in window.encoded.word_ids if word >= 0]
        if numbers and len(document.windows) > 1:
            assert numbers[0] == 0 and window.encoded.n_words == numbers[-1] + 1
    assert reached == total - back
    assert document.n_cut_words == (
        0
        if len(text.input_ids) <= max_tokens
        else sum(text.word_ids.count(word) > length for word in set(text.word_ids) - {-1})
    )


@settings(deadline=None, max_examples=300)
@given(text=texts(), max_tokens=st.integers(4, 24), overlap=SHARES)
def test_every_word_belongs_to_the_window_where_it_is_farthest_from_a_cut(text, max_tokens, overlap):
    document = split(text, max_tokens, overlap)
    owned = [window.places[window.own] for window in document.windows]
    assert np.concatenate(owned).tolist() == list(range(len(document.encoded.input_ids)))
    front, back = document.encoded.frame
    spans = [(w.places[front], w.places[len(w.places) - back - 1] + 1) for w in document.windows]
    word_ids = np.array(document.encoded.word_ids)
    for word in set(word_ids.tolist()) - {-1}:
        places = np.flatnonzero(word_ids == word)
        distances = [
            min(
                math.inf if k == 0 else places[0] - start,
                math.inf if k == len(spans) - 1 else end - places[-1] - 1,
            )
            if start <= places[0] and places[-1] < end
            else -1
            for k, (start, end) in enumerate(spans)
        ]
        best = distances.index(max(distances))
        assert [set(places) <= set(each.tolist()) for each in owned] == [k == best for k in range(len(spans))]


def single_tokens(n_words):
    return Encoded(list(range(n_words + 2)), [-1, *range(n_words), -1], n_words)


def test_windows_by_hand():
    # 8 tokens leave 6 for the text; a quarter of 8 is 2, so starts are 4 apart; and the second window is the last.
    document = split(single_tokens(10), 8, 0.25)
    assert [window.encoded.input_ids for window in document.windows] == [
        [0, 1, 2, 3, 4, 5, 6, 11],
        [0, 5, 6, 7, 8, 9, 10, 11],
    ]
    assert [window.encoded.word_ids for window in document.windows] == [[-1, *range(6), -1]] * 2
    # Of words 4 and 5, one is nearer to the end of the first window, one to the beginning of the second.
    assert [window.own for window in document.windows] == [slice(0, 6), slice(2, 8)]


@pytest.mark.parametrize("overlap", [0.0, 0.25, 0.5])
def test_neighbours_share_as_much_as_asked_for_and_their_number_grows_with_the_text(overlap):
    shared = int(overlap * 40)
    for n_words in (100, 1_000, 10_000):
        windows = split(single_tokens(n_words), 40, overlap).windows
        assert len(windows) == math.ceil((n_words - shared) / (38 - shared))
        for one, other in zip(windows, windows[1:], strict=False):
            assert len(set(one.places[1:-1]) & set(other.places[1:-1])) == shared


def test_a_text_that_fits_is_its_own_window():
    text = single_tokens(10)
    (window,) = split(text, 12, 0.25).windows
    assert window.encoded is text and len(split(text, 11, 0.25).windows) == 2


def test_a_word_longer_than_a_window_loses_its_end():
    text = Encoded(list(range(53)), [-1, 0, *[1] * 50, -1], 2)
    document = split(text, 8, 0.25)
    assert document.n_cut_words == 1 and document.encoded.input_ids == [0, *range(1, 8), 52]
    assert [window.encoded.input_ids for window in document.windows] == [[0, 1, 52], [0, *range(2, 8), 52]]
    alone = split(Encoded(list(range(52)), [-1, *[0] * 50, -1], 1), 8, 0.25)
    assert len(alone.windows) == 1 and alone.n_cut_words == 1


def test_special_tokens_must_leave_room():
    with pytest.raises(PlmrError, match="max_tokens=4 leaves no room.*5 special tokens; give at least 6"):
        split(Encoded(list(range(9)), [-1, -1, -1, 0, 1, 2, 3, -1, -1], 4, frame=(3, 2)), 4, 0.25)


def test_the_vote_is_the_weighted_mean_of_logarithms():
    rows = np.array([[0.9, 0.1], [0.2, 0.8], [0.5, 0.5]], dtype=np.float32)
    products = np.array([0.9**3 * 0.2, 0.1**3 * 0.8]) ** 0.25
    np.testing.assert_allclose(vote(rows, np.array([3, 1, 0])), products / products.sum(), rtol=1e-6)
    plain = np.array([0.9 * 0.2 * 0.5, 0.1 * 0.8 * 0.5]) ** (1 / 3)
    np.testing.assert_allclose(vote(rows, np.array([0, 0, 0])), plain / plain.sum(), rtol=1e-6)
    certain = vote(np.array([[1.0, 0.0], [0.4, 0.6]], dtype=np.float32), np.array([1, 1]))
    assert certain.dtype == np.float32 and certain.sum() == pytest.approx(1) and certain[0] > 0.999


def test_an_answer_is_put_together_by_hand():
    document = split(single_tokens(10), 8, 0.25)
    keep = [np.arange(8) / 10, np.arange(8) / 100]
    parts = [Prediction(np.array([0.5, 0.5]), each > 1, each, each) for each in keep]
    mask = np.zeros(12, dtype=bool)
    mask[[1, 2, 6]] = True  # two words of the first window's own, one of the second's
    merged = merge(document, parts, mask, np.array([[0.9, 0.1], [0.2, 0.8]]))
    np.testing.assert_allclose(merged.keep, [*np.arange(6) / 10, *np.arange(2, 8) / 100])
    products = np.array([0.9**2 * 0.2, 0.1**2 * 0.8]) ** (1 / 3)
    np.testing.assert_allclose(merged.probabilities, products / products.sum())
    assert merged.mask is mask and document.votes(mask).tolist() == [2, 1]
