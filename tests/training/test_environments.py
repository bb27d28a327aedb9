"""Environments on their way from the data into the losses of a method that reads them."""

from dataclasses import replace

import pytest
import torch

from plmr import RationaleClassifier, make_reviews
from plmr.errors import PlmrError
from plmr.training.environments import clustered, with_environments
from tests.small import small_model
from tests.training.steps import texts, trainer_of

QUICK = {"epochs": 1, "batch_size": 8, "eval_strategy": "no", "save_strategy": "no", "load_best_model_at_end": False}


def test_methods_that_do_not_read_them_leave_the_texts_alone():
    given = texts()
    assert with_environments(small_model(method="rnp"), given, 0, 4) == (given, [])


def test_environments_of_the_data_stay():
    given = [replace(text, environment=i % 2) for i, text in enumerate(texts())]
    assert with_environments(small_model(method="invrat"), given, 0, 4) == (given, [])


@pytest.mark.parametrize(
    ("numbers", "message"),
    [
        ([0, 1, None, 1], "1 of 4 training texts have no environment; give it for all or none"),
        ([0, 1, 2, 1], "environment 2 is out of range.*set its option environments=3"),
    ],
)
def test_environments_that_cannot_be_used_are_one_line(numbers, message):
    given = [replace(text, environment=number) for text, number in zip(texts(4), numbers, strict=True)]
    with pytest.raises(PlmrError, match=message):
        with_environments(small_model(method="invrat"), given, 0, 4)


def test_fewer_texts_than_environments_are_one_line():
    with pytest.raises(PlmrError, match="1 training texts cannot be grouped into 2 environments"):
        with_environments(small_model(method="invrat"), texts(1), 0, 4)


def test_texts_without_any_are_grouped_by_what_they_are_made_of():
    model = small_model(method="invrat").train()
    few = [replace(text, input_ids=[2, *([5, 6] if i < 3 else [50, 51]) * 3, 3]) for i, text in enumerate(texts())]
    found, (note,) = with_environments(model, few, 0, 4)
    groups = [text.environment for text in found]
    assert len(set(groups[:3])) == len(set(groups[3:])) == 1 and groups[0] != groups[3]
    assert "no environments" in note and "2-means" in note and "3" in note and "5" in note
    assert model.training
    assert clustered(model, few, 2, 0, 8) == groups


def test_they_reach_the_losses_in_training(tmp_path, monkeypatch):
    seen = []
    model = small_model(method="invrat", sparsity_delay=0.0, sparsity_annealing=0.0)
    method, play = model.method, model.method.losses_in
    monkeypatch.setattr(method, "losses_in", lambda *a: (seen.append(a[1].environments), play(*a))[1])
    given = [replace(text, environment=i // 4) for i, text in enumerate(texts())]
    trainer = trainer_of(model, tmp_path, length_grouping=False)
    trainer.train_dataset.texts = given
    trainer.train()
    assert len(seen) == 2
    assert sorted(seen[0].tolist()) == [0] * 4 + [1] * 4 and torch.equal(seen[0], seen[1])


def test_a_fit_says_whether_it_had_to_guess():
    reviews = make_reviews(40, seed=3)
    rows = [{"text": e.text, "label": e.label, "environment": i % 2} for i, e in enumerate(reviews)]
    for data, guessed in ((rows, False), (reviews, True)):
        classifier = RationaleClassifier.from_pretrained("gru", method="invrat")
        notes = classifier.fit(data, reviews, **QUICK, disable_tqdm=True, use_cpu=True).notes
        assert any("2-means" in note for note in notes) is guessed
        classifier.evaluate(rows)
    refused = RationaleClassifier.from_pretrained("gru", method="invrat")
    with pytest.raises(PlmrError, match="environment 'north' is not a whole number"):
        refused.fit([row | {"environment": "north"} for row in rows], reviews, **QUICK)
