"""Stages: what comes before the game, and when the game starts."""

import pytest
import torch
from torch import nn

from plmr.methods.game import at_rest
from tests.small import PENALTY, small_encoder, small_model


def players_at(model, progress):
    model.set_progress(progress)
    return [play.players for play in model.method.plays()]


@pytest.mark.parametrize(
    ("delay", "share", "start"), [(0.25, 0.25, 0.25), (0.4, 0.2, 0.4), (0.0, 0.3, 0.3), (0.2, 0.5, 0.5)]
)
def test_the_teacher_learns_beside_the_predictor_and_then_the_game_starts(delay, share, start):
    model = small_model(method="dar", sparsity_delay=delay, method_options={"teacher_share": share}).train()
    game = [("generator", "predictor")]
    assert players_at(model, 0.0) == players_at(model, share - 0.01) == [("teacher",), ("predictor",)]
    if share < delay:
        assert players_at(model, share) == players_at(model, delay - 0.01) == [("predictor",)]
    assert players_at(model, start + 0.01) == players_at(model, 1.0) == game
    asked = []
    for progress in (start, start + 0.175, start + 0.35, 1.0):
        model.set_progress(progress)
        asked.append(model.method.annealed_sparsity())
    assert asked == pytest.approx([1.0, 0.6, 0.2, 0.2])
    assert model.method.settled == pytest.approx(start + 0.35)


def test_the_guider_learns_first_rests_until_the_start_and_learns_on_in_the_game():
    options = {"guider_share": 0.2, "guidance_span": 0.4}
    model = small_model(method="g-rat", sparsity_delay=0.3, method_options=options).train()
    assert players_at(model, 0.0) == players_at(model, 0.19) == [("guider",), ("predictor",)]
    assert players_at(model, 0.2) == players_at(model, 0.29) == [("predictor",)]
    assert players_at(model, 0.31) == players_at(model, 1.0) == [("guider",), ("generator", "predictor")]
    guidance = []
    for progress in (0.0, 0.3, 0.4, 0.7, 1.0):
        model.set_progress(progress)
        guidance.append(model.method.guidance)
    assert guidance == pytest.approx([1.0, 1.0, 0.75, 0.0, 0.0])


def test_both_predictors_of_invrat_learn_from_whole_texts_first():
    model = small_model(method="invrat").train()
    assert players_at(model, 0.0) == players_at(model, 0.24) == [("aware",), ("predictor",)]
    assert players_at(model, 0.26) == players_at(model, 1.0) == [("predictor", "aware"), ("generator",)]


def test_a_method_without_stages_is_in_the_game_from_the_first_step():
    method = small_model(method="rnp").method
    method.progress = 0.0
    assert (method.stage, method.start) == ("game", 0.25)


def test_the_teacher_judges_from_the_start_where_the_share_is_set_at_once():
    model = small_model(method="dar", sparsity_annealing=0.0, **PENALTY).train()
    assert players_at(model, 0.2) == [("teacher",), ("predictor",)]
    assert players_at(model, 0.25) == [("generator", "predictor")]


@pytest.mark.parametrize("family", ["bert", "gru"])
def test_at_rest_there_is_no_learning_and_no_dropout(family):
    encoder = small_encoder(family).train()
    encoder.embedding_modules[0].requires_grad_(False)
    before = [(p, p.requires_grad) for p in encoder.parameters()]
    encoder.blocks[0].eval()
    modes = [(part, part.training) for part in encoder.modules()]
    with pytest.raises(ZeroDivisionError), at_rest([encoder]):
        assert not any(p.requires_grad for p in encoder.parameters())
        # Gradients pass through a GRU on CUDA in training mode only.
        awake = [part for part, _ in modes if part.training]
        assert all(isinstance(part, nn.GRU) for part in awake) and bool(awake) is (family == "gru")
        ids = torch.randint(4, 60, (2, 7))
        first, second = (encoder.run(encoder.embed(ids), range(2), torch.ones(2, 7)) for _ in range(2))
        assert torch.equal(first, second)
        raise ZeroDivisionError
    assert all(p.requires_grad is learns for p, learns in before)
    assert all(part.training is mode for part, mode in modes)
