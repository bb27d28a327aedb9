"""Token scores against hand-made figures, pooled sets and the properties that define them."""

import json
import math
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import precision_recall_fscore_support

from plmr.errors import PlmrError
from plmr.metrics import token_scores

PAIRED_FLAGS = st.lists(
    st.lists(st.tuples(st.booleans(), st.booleans()), max_size=12).map(
        lambda tokens: ([ours for ours, _ in tokens], [truth for _, truth in tokens])
    ),
    min_size=1,
    max_size=8,
)


def test_figures_worked_out_by_hand():
    predicted = [[1, 1, 0, 0], [0, 0], [0, 1, 0]]
    gold = [[1, 0, 1, 0], [0, 1], None]
    scores = token_scores(predicted, gold)
    assert scores.sparsity == pytest.approx(3 / 9)
    assert scores.gold_share == pytest.approx(3 / 6)
    assert [scores.micro_precision, scores.micro_recall] == pytest.approx([1 / 2, 1 / 3])
    assert scores.micro_f1 == pytest.approx(0.4)
    assert (scores.macro_precision, scores.macro_recall, scores.macro_f1) == (0.25, 0.25, 0.25)
    assert scores.f1_ceiling == pytest.approx(0.8)
    assert scores.f1_of_ceiling == pytest.approx(0.5)
    assert scores.f1_random == pytest.approx(2 * (2 / 6) * (3 / 6) / (2 / 6 + 3 / 6))
    assert (scores.n_texts, scores.n_annotated, scores.n_tokens) == (3, 2, 9)


@given(PAIRED_FLAGS)
def test_micro_scores_are_those_of_all_tokens_pooled(pairs):
    scores = token_scores([ours for ours, _ in pairs], [truth for _, truth in pairs])
    pooled = [(ours, truth) for row in pairs for ours, truth in zip(*row, strict=True)]
    hits = sum(ours and truth for ours, truth in pooled)
    if hits:
        expected = precision_recall_fscore_support(
            [truth for _, truth in pooled], [ours for ours, _ in pooled], average="binary"
        )[:3]
        assert (scores.micro_precision, scores.micro_recall, scores.micro_f1) == pytest.approx(expected)
    else:
        assert scores.micro_f1 == 0


@given(PAIRED_FLAGS)
def test_macro_scores_follow_erasers_loop_over_listed_texts(pairs):
    scores = token_scores([ours for ours, _ in pairs], [truth for _, truth in pairs])
    precisions, recalls, f1s = [], [], []
    for ours, truth in pairs:
        selected = {i for i, flag in enumerate(ours) if flag}
        marked = {i for i, flag in enumerate(truth) if flag}
        if not selected | marked:
            continue
        precisions.append(len(selected & marked) / len(selected) if selected else 0)
        recalls.append(len(selected & marked) / len(marked) if marked else 0)
        f1s.append(2 * len(selected & marked) / (len(selected) + len(marked)))
    means = [sum(values) / max(1, len(values)) for values in (precisions, recalls, f1s)]
    assert [scores.macro_precision, scores.macro_recall, scores.macro_f1] == pytest.approx(means)


@given(PAIRED_FLAGS)
def test_f1_never_exceeds_its_ceiling(pairs):
    scores = token_scores([ours for ours, _ in pairs], [truth for _, truth in pairs])
    assert scores.micro_f1 <= scores.f1_ceiling + 1e-12
    assert scores.f1_random <= scores.f1_ceiling + 1e-12
    assert 0 <= scores.f1_of_ceiling <= 1 + 1e-12


@given(st.integers(1, 30), st.data())
def test_the_ceiling_is_reached_by_nested_selections(n, data):
    selected, marked = data.draw(st.integers(1, n)), data.draw(st.integers(1, n))
    scores = token_scores([[i < selected for i in range(n)]], [[i < marked for i in range(n)]])
    share, gold_share = selected / n, marked / n
    assert scores.f1_ceiling == pytest.approx(2 * min(share, gold_share) / (share + gold_share))
    assert scores.f1_of_ceiling == pytest.approx(1)


def test_without_gold_only_sparsity_is_known():
    scores = token_scores([[1, 0], []], [None, None])
    assert scores.sparsity == 0.5
    assert scores.n_annotated == 0
    for name in ("gold_share", "micro_f1", "macro_f1", "f1_ceiling", "f1_of_ceiling", "f1_random"):
        assert math.isnan(getattr(scores, name))


def test_no_texts_at_all():
    assert math.isnan(token_scores([], []).sparsity)


@pytest.mark.parametrize(
    ("predicted", "gold", "message"),
    [
        ([[1]], [[1], [0]], "1 predicted, 2 gold texts"),
        ([[1], [1, 0]], [[1], [1]], "text 1 has 2 predicted, 1 gold tokens"),
        ([[0.3, 0.9]], [[0, 1]], "pass flags, not scores"),
        ([[[1, 0]]], [[1]], r"shape \(1, 2\); pass one flag per token"),
    ],
)
def test_inputs_that_do_not_pair_up_are_named(predicted, gold, message):
    with pytest.raises(PlmrError, match=message):
        token_scores(predicted, gold)


@pytest.mark.parametrize(("aspect", "share"), [(0, 0.185), (1, 0.156), (2, 0.124)])
def test_gold_share_of_beer_reviews_is_the_published_one(shared_data: Path, aspect: int, share: float):
    lines = (shared_data / "beer" / "annotations.json").read_text(encoding="utf-8").splitlines()
    reviews = [json.loads(line) for line in lines]
    gold = [
        [any(start <= i < end for start, end in review[str(aspect)]) for i in range(len(review["x"]))]
        for review in reviews
        if review[str(aspect)]
    ]
    scores = token_scores(gold, gold)
    assert scores.micro_f1 == scores.macro_f1 == scores.f1_ceiling == 1
    assert scores.gold_share == pytest.approx(share, abs=0.006)
    assert scores.f1_random == pytest.approx(scores.gold_share)
