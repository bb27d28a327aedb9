"""Failure rates on hand-made rationales, and the word list behind them."""

import math

import pytest

from plmr.errors import PlmrError
from plmr.metrics import failure_scores, is_function_word
from plmr.metrics.function_words import ARTICLES, CONJUNCTIONS, PREPOSITIONS, PRONOUNS

WORDS = "the aroma of this beer is lovely , and it pours well".split()
GOLD = [word in ("aroma", "lovely") for word in WORDS]


def chosen(*words: str) -> list[bool]:
    return [word in words for word in WORDS]


def test_rates_worked_out_by_hand():
    predicted = [
        chosen("the", "of", "this", "beer"),  # precision 0, function words 3/4: fails everywhere
        chosen("the", "aroma", "beer", "pours", "is"),  # precision 1/5, function words 1/5: meaningful enough
        chosen("aroma", ",", "it", "and"),  # precision 1/4, function words 3/4: fails at theta_1 = 0.3 only
        chosen("the", "of", "this"),  # would fail, but the label is wrong
        chosen(),  # nothing selected
        chosen("the", "of"),  # not annotated
        chosen("the", ",", "beer", "pours", "well"),  # precision 0, function words 2/5: fails up to theta_2 = 0.4
    ]
    gold = [GOLD, GOLD, GOLD, GOLD, GOLD, None, GOLD]
    scores = failure_scores([WORDS] * 7, predicted, gold, [1, 1, 1, 0, 1, 1, 1])
    found = {(rate.precision_limit, rate.function_word_limit): rate.n_failed for rate in scores.rates}
    assert found == {(0.2, 0.3): 2, (0.2, 0.4): 2, (0.2, 0.5): 1, (0.3, 0.3): 3, (0.3, 0.4): 3, (0.3, 0.5): 2}
    assert all(rate.rate == pytest.approx(rate.n_failed / 6) for rate in scores.rates)
    assert (scores.n_texts, scores.n_correct) == (6, 5)
    assert scores.function_word_share == pytest.approx((3 + 1 + 3 + 3 + 0 + 2) / (4 + 5 + 4 + 3 + 0 + 5))


def test_limits_are_inclusive():
    words, gold = ["the", "of", "a", "beer", "hop", "malt", "fine", "red", "big", "old"], [0] * 7 + [1] * 3
    scores = failure_scores([words], [[1] * 10], [gold], [1], precision_limits=[0.3], function_word_limits=[0.3])
    assert scores.rates[0].rate == 1


def test_nothing_annotated():
    scores = failure_scores([["the"]], [[1]], [None], [1])
    assert math.isnan(scores.rates[0].rate)
    assert math.isnan(scores.function_word_share)


def test_words_that_do_not_match_their_flags_are_named():
    with pytest.raises(PlmrError, match="text 0 has 1 words, 2 predicted"):
        failure_scores([["the"]], [[1, 0]], [[1, 0]], [1])


@pytest.mark.parametrize(
    "word",
    [
        "A",
        "it's",
        "They\N{RIGHT SINGLE QUOTATION MARK}re",
        "that",
        "...",
        "\N{EM DASH}",
        "$",
        "Of",
        "because",
    ],
)
def test_function_words(word):
    assert is_function_word(word)


@pytest.mark.parametrize(
    "word", ["", "beer", "like", "don't", "'s", "not", "one", "o'clock", "4.5", "\N{BEER MUG}", ":d"]
)
def test_other_words(word):
    assert not is_function_word(word)


def test_the_classes_are_lower_case_and_do_not_overlap():
    classes = (ARTICLES, PRONOUNS, PREPOSITIONS, CONJUNCTIONS)
    assert all(word == word.lower() for words in classes for word in words)
    assert len(frozenset().union(*classes)) == sum(map(len, classes))
