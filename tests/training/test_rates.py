"""Learning rates that a method sets for its players, step by step."""

from __future__ import annotations

import pytest
import torch

from plmr.methods import METHODS, RNP
from tests.small import small_model, without_dropout
from tests.training.steps import Watch, trainer_of
from tests.training.test_plays import TwoPlays, names_of

FACTORS = {"predictor": 0.25, "generator": 3.0}


class Paced(RNP):
    summary = "RNP at rates of its players' own, for these tests"

    def rate_of(self, player):
        return FACTORS[player]


class PacedPlays(Paced, TwoPlays):
    summary = "the same, in two plays"


@pytest.fixture(autouse=True)
def _methods(monkeypatch):
    for name, method in {"paced": Paced, "two-plays": TwoPlays, "paced-plays": PacedPlays}.items():
        monkeypatch.setitem(METHODS, name, method)


def run(method, folder, **options):
    model = without_dropout(small_model(method=method, gumbel_noise=0.0, sparsity_delay=0.0, sparsity_annealing=0.0))
    watch = Watch(model)
    watch.note()
    rates = {"learning_rate": 1e-4, "head_learning_rate": 1e-3, "weight_decay": 0.5, "max_steps": 1}
    trainer = trainer_of(model, folder, [watch], **rates | options)
    trainer.train()
    return trainer, watch.states


def test_a_player_moves_so_many_times_as_far_and_decays_with_it(tmp_path):
    """In one play both see the same weights, so AdamW's step differs by the rate alone."""
    trainer, (start, _, end) = run("paced", tmp_path)
    _, (same, _, usual) = run("rnp", tmp_path)
    for player, factor in FACTORS.items():
        for name in names_of(trainer.model, player):
            assert torch.equal(start[name], same[name])
            torch.testing.assert_close(
                end[name] - start[name], factor * (usual[name] - same[name]), atol=1e-6, rtol=1e-3
            )


def test_the_rate_holds_for_every_play(tmp_path):
    """Also for one that is not the last; the second play sees what the first has done, so only that is compared."""
    trainer, (start, between, _) = run("paced-plays", tmp_path)
    _, (_, usual, _) = run("two-plays", tmp_path)
    for name in names_of(trainer.model, "predictor"):
        torch.testing.assert_close(
            between[name] - start[name], 0.25 * (usual[name] - start[name]), atol=1e-6, rtol=1e-3
        )


def test_the_schedule_goes_on_as_if_nothing_had_happened(tmp_path):
    rates = []
    for method in ("paced-plays", "two-plays"):
        trainer, _ = run(method, tmp_path, max_steps=3, lr_scheduler_type="linear", logging_steps=1)
        rates.append([line["learning_rate"] for line in trainer.state.log_history if "learning_rate" in line])
        assert {group["player"] for group in trainer.optimizer.param_groups} == {"generator", "predictor"}
    assert rates[0] == rates[1] and rates[0][0] > rates[0][-1]
