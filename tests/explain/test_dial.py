"""The sparsity dial: one model, rationales of any length, and a label from each."""

from __future__ import annotations

import math
import re
from dataclasses import replace

import numpy as np
import pytest
import torch

from plmr import RationaleClassifier, make_reviews
from plmr.errors import PlmrError
from plmr.explain.export import export_onnx
from plmr.explain.pipeline import RationalePipeline
from plmr.explain.posthoc import compare
from plmr.inference import evaluating
from plmr.masking import Units, top_units
from plmr.methods.game import Selection
from tests.small import small_batch, small_model


@pytest.fixture(scope="module")
def deep(tiny_bert) -> RationaleClassifier:
    """Two blocks that prune one after the other, and a third class."""
    rows = [replace(row, label="fair") if i % 3 == 0 else row for i, row in enumerate(make_reviews(80, seed=5))]
    classifier = RationaleClassifier.from_pretrained(
        str(tiny_bert), sparsity_annealing=0.0, generator_depth=2, dim_reduction_blocks=2
    )
    classifier.fit(rows[:60], rows[60:], epochs=1, batch_size=8, disable_tqdm=True, use_cpu=True)
    assert classifier.model.method.n_steps == 2 and len(classifier.labels) == 3
    return classifier


@pytest.fixture(scope="module", params=["bert", "gru", "deep"])
def classifier(request, trained) -> RationaleClassifier:
    return request.getfixturevalue("deep") if request.param == "deep" else trained[request.param]


def test_rationales_hold_exactly_the_words_asked_for(classifier, texts):
    for share in (0.05, 0.1, 0.5, 0.9, 1.0):
        for text, rationale in zip(texts, classifier(texts, sparsity=share), strict=True):
            assert sum(rationale.selected) == max(1, round(share * len(rationale.selected)))
            assert rationale.text == text
    for most in (1, 5, 10_000):
        for rationale in classifier(texts, max_words=most):
            assert sum(rationale.selected) == min(most, len(rationale.selected))
    assert classifier("", sparsity=0.5).words == () == classifier("", max_words=3).words


def test_a_longer_rationale_holds_the_shorter_one(classifier, texts):
    before = classifier(texts, max_words=1)
    for most in range(2, 30, 3):
        after = classifier(texts, max_words=most)
        for short, long in zip(before, after, strict=True):
            assert all(b for a, b in zip(short.selected, long.selected, strict=True) if a)
        before = after


def test_kept_words_come_first(classifier, texts):
    """Every kept word scores at least as high as any that the last pruning step could have kept and was left."""
    for rationale in classifier(texts, max_words=4):
        kept = [k for k, s in zip(rationale.keep_scores, rationale.selected, strict=True) if s]
        left = [k for k, s in zip(rationale.keep_scores, rationale.selected, strict=True) if not s]
        assert min(kept) >= max(left)


def test_the_length_of_the_calibrated_rationale_gives_that_rationale(classifier, texts):
    for text, own in zip(texts, classifier(texts), strict=True):
        if not any(own.selected):
            continue
        again = classifier(text, max_words=sum(own.selected))
        assert again.selected == own.selected
        assert again.score == pytest.approx(own.score, abs=1e-6)


def test_the_label_is_read_off_the_rationale_alone(classifier, texts):
    """The prediction equals that of the predictor on the mask, and other words do not change it."""
    model = classifier.model
    rationale = classifier(texts[0], max_words=6)
    (encoded,) = classifier._tokenization()([texts[0]], [rationale.word_ranges])
    ids, word_ids = torch.tensor([encoded.input_ids]), torch.tensor([encoded.word_ids])
    mask = torch.tensor([[float(w >= 0 and rationale.selected[w]) for w in encoded.word_ids]])
    with evaluating(model), torch.no_grad():
        logits = model.predict_from(mask, ids, torch.ones_like(ids), word_ids)
    expected = logits.softmax(-1)[0].numpy()
    assert np.allclose(list(rationale.scores.values()), expected, atol=1e-6)


def test_both_or_impossible_lengths_are_refused(classifier):
    with pytest.raises(PlmrError, match="both say how long"):
        classifier("a text", sparsity=0.1, max_words=3)
    for wrong in (0, -0.1, 1.5):
        with pytest.raises(PlmrError, match="not a share between 0 and 1"):
            classifier("a text", sparsity=wrong)
    with pytest.raises(PlmrError, match="max_words=0 is not a whole number of 1 or more"):
        classifier("a text", max_words=0)


NO_NUMBERS = {"max_words": (2.5, True, "5", -1), "sparsity": ("0.1", True, math.nan), "batch_size": (0, -1, 2.5, None)}
WRONG = [({name: value}, f"{name}={value!r} is not a ") for name, values in NO_NUMBERS.items() for value in values]


@pytest.fixture(scope="module", params=["torch", "onnx"])
def backend(request, trained, tmp_path_factory):
    """A classifier as each backend loads it."""
    folder = tmp_path_factory.mktemp("backend") / "model"
    trained["bert"].save_pretrained(folder)
    if request.param == "onnx":
        pytest.importorskip("onnxruntime")
        export_onnx(trained["bert"], folder)
    return RationaleClassifier.from_pretrained(folder, backend=request.param)


def test_arguments_of_another_kind_are_refused_before_anything_is_read(backend):
    def untouched():
        raise AssertionError("a text was read")
        yield

    for wrong, message in WRONG:
        for ask in (backend, backend.iter_predict, backend.evaluate):
            with pytest.raises(PlmrError, match=re.escape(message)):
                ask(untouched(), **wrong)
        with pytest.raises(PlmrError, match=re.escape(message)):
            backend("a text", **wrong)


@pytest.mark.parametrize("wrong", [*WRONG, *(({"limit": n}, f"limit={n!r} is not a whole") for n in (0, -1, 2.5, "3"))])
def test_a_comparison_refuses_the_same(trained, wrong):
    with pytest.raises(PlmrError, match=re.escape(wrong[1])):
        compare(trained["bert"], make_reviews(2, seed=6), [], **wrong[0])


def test_what_holds_no_texts_of_its_own_is_not_classified(backend):
    for wrong, message in (
        ({"text": "good beer"}, "got dict: pass the texts in it"),
        (b"abc", "got bytes: decode"),
        (3, "got int"),
        (None, "got NoneType"),
        (np.array([["good"], ["bad"]]), "got ndarray: pass one column"),
        (np.array("good"), "got ndarray"),
    ):
        for ask in (backend, backend.iter_predict):
            with pytest.raises(PlmrError, match=message):
                ask(wrong)
    with pytest.raises(PlmrError, match="got str: put the text in a list"):
        backend.iter_predict("good beer")
    assert backend(np.array(["good beer"])) == backend(("good beer",)) == [backend("good beer")]


def test_numbers_of_numpy_count_as_numbers(trained):
    ask = trained["bert"]
    assert ask("good beer, bad day", max_words=np.int64(2)) == ask("good beer, bad day", max_words=2)
    assert ask("good beer, bad day", sparsity=np.float32(0.5)) == ask("good beer, bad day", sparsity=0.5)


@pytest.mark.parametrize("length", [{"sparsity": 0.15}, {"max_words": 3}], ids=["share", "words"])
def test_evaluation_at_a_length_scores_the_answers_of_that_length(classifier, length):
    """Figures worked out by hand from what the call answers: counts of words, and labels read off those words."""
    rows = make_reviews(20, seed=6)
    answers = classifier([row.text for row in rows], **length)
    pairs = [
        (kept, marked)
        for row, answer in zip(rows, answers, strict=True)
        for kept, marked in zip(answer.selected, row.rationale, strict=True)
    ]
    kept, marked = (sum(flags) for flags in zip(*pairs, strict=True))
    both = sum(k and m for k, m in pairs)
    right = [row.label == answer.label for row, answer in zip(rows, answers, strict=True)]
    expected = {
        "sparsity": kept / len(pairs),
        "accuracy": sum(right) / len(right),
        "precision": both / kept,
        "recall": both / marked,
        "f1": 2 * both / (kept + marked),
    }
    report = classifier.evaluate(rows, batch_size=7, **length)
    assert report.figures() == pytest.approx(expected)
    assert report.figures()["sparsity"] != classifier.evaluate(rows).figures()["sparsity"]


@pytest.mark.parametrize("unit", ["word", "subword"])
def test_whole_words_are_kept_whatever_the_unit(unit):
    model, batch = small_model(unit=unit, sparsity=0.3), small_batch()
    with torch.no_grad():
        output = model(**batch, n_words=torch.tensor([3, 2, 1]))
    for row, wanted in enumerate((3, 2, 1)):
        kept = {int(w) for w, m in zip(batch["word_ids"][row], output.mask[row], strict=True) if m}
        assert len(kept) == wanted and -1 not in kept
        for word in kept:
            assert output.mask[row][batch["word_ids"][row] == word].all()


def test_top_units_by_hand():
    units = Units.from_index(torch.tensor([[-1, 0, 0, 1, 2, -1], [-1, 0, 1, -1, -1, -1]]))
    ranking = torch.tensor([[9.0, 0.1, 0.7, 0.5, 0.7, 9.0], [9.0, 0.0, 0.0, 9.0, 9.0, 9.0]])
    assert top_units(units, ranking, torch.tensor([1, 1])).tolist() == [[1, 0, 0], [1, 0, 0]]
    assert top_units(units, ranking, torch.tensor([2, 5])).tolist() == [[1, 0, 1], [1, 1, 0]]


def test_the_ranking_goes_on_among_what_early_steps_pruned():
    """Of two steps on five units: the survivors of the first come first by the second's probability, however low."""
    selection = Selection(
        masks=[torch.tensor([[1.0, 0.0, 1.0, 0.0, 1.0]]), torch.tensor([[0.0, 0.0, 1.0, 0.0, 0.0]])],
        probabilities=[torch.tensor([[0.6, 0.4, 0.9, 0.1, 0.7]]), torch.tensor([[0.2, 0.8, 0.5, 0.9, 0.05]])],
    )
    assert torch.allclose(selection.ranking, torch.tensor([[1.2, 0.4, 1.5, 0.1, 1.05]]))
    assert selection.ranking[0].argsort(descending=True).tolist() == [2, 0, 4, 1, 3]
    assert torch.allclose(selection.score, torch.tensor([[0.2, 0.0, 0.5, 0.0, 0.05]]))


def test_with_two_steps_a_longer_rationale_takes_what_the_first_step_would_have_kept_next(deep, texts):
    """The order of the words within what the first step pruned is that of its own probabilities."""
    model, checked = deep.model, 0
    for text in texts[:5]:
        rationale = deep(text)
        (encoded,) = deep._tokenization()([text], [rationale.word_ranges])
        ids, word_ids = torch.tensor([encoded.input_ids]), torch.tensor([encoded.word_ids])
        with evaluating(model), torch.no_grad():
            selection = model.method.select(model.batch(ids, word_ids=word_ids))
        first, survived = selection.probabilities[0][0].tolist(), selection.masks[0][0].bool().tolist()
        n = len(rationale.word_ranges)
        pruned = sorted((i for i in range(n) if not survived[i]), key=lambda i: -first[i])
        for more in range(1, len(pruned) + 1):
            longer = deep(text, max_words=sum(survived) + more)
            kept = {i for i, flag in enumerate(longer.selected) if flag}
            assert kept == {i for i in range(n) if survived[i]} | set(pruned[:more])
            checked += 1
    assert checked > 20


def test_the_pipeline_asks_for_the_same_length(classifier, texts):
    parts = {"model": classifier.model, "tokenizer": classifier.tokenizer}
    plain = RationalePipeline(**parts)
    assert plain(texts[:3]) == [rationale.to_dict() for rationale in classifier(texts[:3])]
    asked = [rationale.to_dict() for rationale in classifier(texts[:3], max_words=4)]
    assert plain(texts[:3], max_words=4) == asked
    assert RationalePipeline(**parts, max_words=4)(texts[:3]) == asked
    one_by_one = RationalePipeline(**parts, max_words=4, batch_size=1)(texts[:3])
    assert [answer["words"] for answer in one_by_one] == [answer["words"] for answer in asked]
    assert plain(texts[0], sparsity=0.5) == classifier(texts[0], sparsity=0.5).to_dict()
    with pytest.raises(PlmrError, match="sparsity=3 is not"):
        plain(texts[0], sparsity=3)
    with pytest.raises(TypeError, match="shape"):
        plain(texts[0], shape=3)
