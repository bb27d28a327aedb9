"""Explainers side by side: equal lengths, the same metrics, the same texts."""

from __future__ import annotations

import copy
from types import SimpleNamespace

import numpy as np
import pytest

from plmr import RationaleClassifier, make_reviews
from plmr.errors import PlmrError
from plmr.explain.posthoc import EXPLAINERS, ExternalRationale, check_explainers, compare, comparing
from plmr.explain.posthoc.explainers import Explainer
from plmr.explain.posthoc.with_lime import lime_scores

REVIEWS = make_reviews(6, seed=9)
FAST = ["occlusion", "random"]


def test_all_rationales_are_equally_long(classifier):
    reviews = REVIEWS[:3]
    result = compare(classifier, reviews, FAST, max_words=4)
    n_words = sum(len(example.words) for example in reviews)
    assert list(result.systems) == ["plmr", *FAST]
    for system in result.systems.values():
        assert system.report.word.sparsity == 4 * len(reviews) / n_words
        assert system.report.word.n_tokens == n_words
    # And with lengths that differ from text to text, in total:
    shares = {s.report.word.sparsity for s in compare(classifier, reviews, FAST, sparsity=0.3).systems.values()}
    assert shares == {sum(max(1, round(0.3 * len(e.words))) for e in reviews) / n_words}


def test_the_models_own_figures_are_those_of_its_evaluation(classifier):
    mine = compare(classifier, REVIEWS, []).systems["plmr"].report
    evaluated = classifier.evaluate(REVIEWS, faithfulness=True)
    assert (mine.word, mine.iou) == (evaluated.word, evaluated.iou)
    assert mine.auprc == pytest.approx(evaluated.auprc, abs=1e-6)
    for name in ("sufficiency", "comprehensiveness", "aopc_sufficiency", "aopc_comprehensiveness"):
        assert getattr(mine.faithfulness, name) == pytest.approx(getattr(evaluated.faithfulness, name), abs=1e-6)


def test_everything_is_compared_in_the_classifiers_precision(trained):
    exact = trained["bert"]
    half = RationaleClassifier(exact.config, exact.model, exact.tokenizer, bf16=True)
    explainers = ["ig", "occlusion", "attention"]
    systems, near = (compare(each, REVIEWS, explainers, max_words=4).systems for each in (exact, half))
    for name in ("plmr", *explainers):
        one, other = (each[name].report.faithfulness.aopc_sufficiency for each in (systems, near))
        # Eight bits of mantissa: alike to a few thousandths, and not bit for bit.
        assert 0 < abs(one - other) < 0.03, name
    own, evaluated = compare(half, REVIEWS, []).systems["plmr"].report, half.evaluate(REVIEWS, faithfulness=True)
    assert own.faithfulness.sufficiency == pytest.approx(evaluated.faithfulness.sufficiency, abs=0.01)


def test_seconds_are_those_of_the_explainers_alone(trained, monkeypatch):
    """By a clock that ticks with every text the classifier reads: setting up and scoring are not counted."""
    read = 0

    def tick(head, inputs, output):
        nonlocal read
        read += len(output)

    monkeypatch.setattr(comparing, "time", SimpleNamespace(perf_counter=lambda: read))
    hook = trained["bert"].model.method.class_head.register_forward_hook(tick)
    try:
        result = compare(trained["bert"], REVIEWS[:3], FAST)
    finally:
        hook.remove()
    n_words = np.mean([len(example.words) for example in REVIEWS[:3]])
    assert {name: system.seconds for name, system in result.systems.items()} == {
        "plmr": 1,
        "occlusion": pytest.approx(n_words + 1),  # the whole text, and the text without each word
        "random": 0,
    }
    slower = {name: system["times_slower"] for name, system in result.to_dict()["systems"].items()}
    assert slower == {"plmr": 1, "occlusion": pytest.approx(n_words + 1), "random": 0}


def test_scores_that_copy_gold_reach_the_ceiling(trained):
    external = {
        "gold": [ExternalRationale(None, np.array(e.rationale, dtype=float)) for e in REVIEWS],
        "opposite": [ExternalRationale(None, -np.array(e.rationale, dtype=float)) for e in REVIEWS],
        "flags": [ExternalRationale(np.array(e.rationale), None) for e in REVIEWS],
    }
    result = compare(trained["bert"], REVIEWS, [], external, max_words=1)
    word = {name: system.report.word for name, system in result.systems.items()}
    assert word["gold"].micro_precision == 1 and word["gold"].micro_f1 == word["gold"].f1_ceiling < 1
    assert word["opposite"].micro_f1 == 0
    assert word["flags"].micro_f1 == 1 and word["flags"].sparsity == word["flags"].gold_share
    assert result.systems["gold"].report.auprc == 1
    assert result.systems["flags"].report.auprc is None
    assert np.isnan(result.systems["flags"].report.faithfulness.aopc_sufficiency)
    assert result.systems["gold"].seconds is None
    assert any("flags: 6 rationales have no scores" in note for note in result.notes)


def test_the_same_seed_takes_the_same_texts(trained):
    def figures(**options):
        return compare(trained["bert"], REVIEWS, ["random"], limit=3, **options).to_dict()["systems"]["random"]["word"]

    assert figures(seed=1) == figures(seed=1)
    assert figures(seed=1) != figures(seed=2)
    assert figures()["n_texts"] == 3


def test_of_a_text_longer_than_the_encoder_the_beginning_counts(trained):
    classifier = copy.copy(trained["bert"])
    classifier.model = copy.deepcopy(classifier.model)
    classifier.model.config.max_tokens = 20
    scores = [ExternalRationale(None, np.arange(len(e.words), dtype=float)) for e in REVIEWS]
    result = compare(classifier, REVIEWS, ["occlusion"], {"last": scores}, sparsity=0.2)
    (note,) = result.notes
    assert note == "6 of 6 texts are longer than 20 tokens: their beginnings count"
    for system in result.systems.values():
        assert system.report.word.n_tokens <= 6 * 18
        assert system.report.word.sparsity == result.systems["plmr"].report.word.sparsity > 0


def test_explainers_that_cannot_run_are_named(trained, monkeypatch):
    with pytest.raises(PlmrError, match="no explainer 'occlsion'. Did you mean 'occlusion'"):
        compare(trained["bert"], REVIEWS, ["occlsion"])
    with pytest.raises(PlmrError, match="'gru-3' has no attention"):
        compare(trained["gru"], REVIEWS, ["attention"])
    monkeypatch.setitem(EXPLAINERS, "lime", Explainer(lime_scores, "", "no_such_library"))
    with pytest.raises(PlmrError, match=r"no_such_library is not installed; pip install \"plmr\[compare\]\""):
        compare(trained["bert"], REVIEWS)
    with pytest.raises(PlmrError, match="cannot be called 'ig'"):
        compare(trained["bert"], REVIEWS, [], {"ig": [ExternalRationale(np.zeros(1, bool), None)] * 6})
    with pytest.raises(PlmrError, match="not been trained"):
        compare(type(trained["bert"])(trained["bert"].config), REVIEWS)


def test_on_a_recurrent_encoder_attention_is_left_out_unless_asked_for(trained):
    names, (note,) = check_explainers(None, trained["gru"].model)
    assert names == [name for name in EXPLAINERS if name != "attention"]
    assert "attention is left out" in note
