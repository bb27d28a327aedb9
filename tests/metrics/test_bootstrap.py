"""The bootstrap against every possible resample of a few texts, and its symmetries."""

from itertools import product

import numpy as np
import pytest

from plmr.errors import PlmrError
from plmr.metrics import bootstrap_difference, bootstrap_of_counts, token_scores

GOLD = [[1, 1, 0, 0], [1, 0, 0, 0], [0, 0, 1, 1], None]
FIRST = [[1, 1, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0], [1, 0, 0, 0]]
SECOND = [[1, 0, 0, 1], [1, 0, 0, 0], [1, 1, 0, 0], [0, 0, 0, 0]]


def pick(rows: list, texts: tuple[int, ...]) -> list:
    return [rows[text] for text in texts]


def test_draws_follow_the_distribution_over_all_resamples():
    exact = [
        token_scores(pick(FIRST, texts), pick(GOLD, texts)).micro_f1
        - token_scores(pick(SECOND, texts), pick(GOLD, texts)).micro_f1
        for texts in product(range(3), repeat=3)
    ]
    result = bootstrap_difference(FIRST, SECOND, GOLD, level=0.5, resamples=20_000)
    at_most, at_least = np.mean(np.array(exact) <= 1e-12), np.mean(np.array(exact) >= -1e-12)
    assert result.p_value == pytest.approx(min(1, 2 * min(at_most, at_least)), abs=0.02)
    # Ends of the interval are values of the exact distribution with a quarter of the mass on either side.
    for end, side in ((result.low, -1), (result.high, 1)):
        beyond = np.mean(side * np.array(exact) > side * end + 1e-9)
        reached = np.mean(side * np.array(exact) >= side * end - 1e-9)
        assert beyond <= 0.26
        assert reached >= 0.24
    assert result.n_texts == 3


def test_the_difference_is_that_of_the_two_systems():
    expected = token_scores(FIRST, GOLD).micro_f1 - token_scores(SECOND, GOLD).micro_f1
    assert bootstrap_difference(FIRST, SECOND, GOLD, resamples=10).difference == pytest.approx(expected)


def test_equal_systems_do_not_differ():
    result = bootstrap_difference(FIRST, FIRST, GOLD, resamples=100)
    assert (result.difference, result.low, result.high, result.p_value) == (0, 0, 0, 1)


def test_swapping_systems_turns_the_sign():
    one, other = (
        bootstrap_difference(a, b, GOLD, resamples=1200, seed=5) for a, b in ((FIRST, SECOND), (SECOND, FIRST))
    )
    assert (one.low, one.high) == pytest.approx((-other.high, -other.low))
    assert one.p_value == other.p_value


def test_a_clear_difference_is_significant_and_an_even_one_is_not():
    rng = np.random.default_rng(0)
    gold = rng.random((200, 20)) < 0.2
    good, bad = gold ^ (rng.random(gold.shape) < 0.05), gold ^ (rng.random(gold.shape) < 0.3)
    clear = bootstrap_difference(list(good), list(bad), list(gold), resamples=2000)
    even = bootstrap_difference(list(bad), list(gold ^ (rng.random(gold.shape) < 0.3)), list(gold), resamples=2000)
    assert clear.p_value < 0.01
    assert clear.low > 0
    assert even.low < 0 < even.high


def test_the_same_seed_gives_the_same_answer():
    assert bootstrap_difference(FIRST, SECOND, GOLD, seed=7, resamples=700) == bootstrap_difference(
        FIRST, SECOND, GOLD, seed=7, resamples=700
    )


def test_bad_inputs_are_named():
    with pytest.raises(PlmrError, match="no text has a gold rationale"):
        bootstrap_difference([[1]], [[1]], [None])
    with pytest.raises(PlmrError, match="level 95"):
        bootstrap_difference([[1]], [[1]], [[1]], level=95)


def test_counts_of_texts_give_the_same_answer_as_their_flags():
    rng = np.random.default_rng(4)
    first, second, gold = ([rng.random(12) < share for _ in range(15)] for share in (0.3, 0.5, 0.4))

    def counts(chosen):
        return [(sum(c & g), sum(c), sum(g)) for c, g in zip(chosen, gold, strict=True)]

    of_counts = bootstrap_of_counts(counts(first), counts(second), resamples=200)
    assert of_counts == bootstrap_difference(first, second, gold, resamples=200)
    with pytest.raises(PlmrError, match="no text has a gold rationale"):
        bootstrap_of_counts([], [])
