"""Several plays in a batch: who moves, how far, and who never moves again."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from plmr.methods import METHODS, RNP, Play
from plmr.methods.losses import cross_entropy
from tests.small import small_model, without_dropout
from tests.training.steps import Watch, trainer_of


class TwoPlays(RNP):
    """The predictor moves by its prediction, then the generator by the same."""

    summary = "a game of two moves, for these tests"

    def plays(self):
        return [Play(("predictor",), self._prediction("first")), Play(("generator",), self._prediction("second"))]

    def _prediction(self, name):
        return lambda batch: {name: cross_entropy(self.predict(batch, self.select(batch)), batch)}


@pytest.fixture(autouse=True)
def _two_plays(monkeypatch):
    monkeypatch.setitem(METHODS, "two-plays", TwoPlays)


def run(model, folder, **options):
    """Train; the weights at the start, before each step's last move and after it."""
    watch = Watch(model)
    watch.note()
    trainer = trainer_of(model, folder, [watch], **options)
    trainer.train()
    assert all(parameter.requires_grad for parameter in model.parameters())
    return trainer, watch.states


def moved(one, other):
    return {name for name in one if not torch.equal(one[name], other[name])}


def names_of(model, player):
    owned = {id(p) for module in model.method.modules_of()[player] for p in module.parameters()}
    return {name for name, p in model.named_parameters() if id(p) in owned}


@pytest.mark.parametrize("bf16", [False, True])
def test_each_play_moves_its_players_alone(bf16, tmp_path):
    model = small_model(method="two-plays")
    trainer, (start, between, end) = run(model, tmp_path, learning_rate=0.01, weight_decay=0.5, bf16=bf16)
    assert moved(start, between) and moved(start, between) <= names_of(model, "predictor")
    assert moved(between, end) and moved(between, end) <= names_of(model, "generator")
    (line,) = [line for line in trainer.state.log_history if "loss" in line]
    assert {"loss_first", "loss_second"} <= line.keys()
    assert line["loss_first"] + line["loss_second"] == pytest.approx(line["loss"], rel=1e-2 if bf16 else 1e-4)


def test_the_gradients_of_every_play_are_clipped(tmp_path):
    """Under plain gradient descent a play then moves just as far as its gradients are long."""
    rates = {"learning_rate": 1.0, "head_learning_rate": 1.0, "optim": "sgd", "lr_scheduler_type": "constant"}
    model = small_model(method="two-plays")
    _, states = run(model, tmp_path, max_grad_norm=1e-3, **rates)
    for one, other in zip(states, states[1:], strict=False):
        length = torch.stack([(other[name] - one[name]).double().norm() for name in one]).norm()
        assert length.item() == pytest.approx(1e-3, rel=0.02)


def test_no_player_shortens_the_steps_of_another(tmp_path):
    """One play moves both players of RNP, and the gradients of each are clipped to the same length."""
    rates = {"learning_rate": 1.0, "head_learning_rate": 1.0, "optim": "sgd", "lr_scheduler_type": "constant"}
    model = without_dropout(small_model(method="rnp", sparsity_delay=0.0, sparsity_annealing=0.0))
    with torch.no_grad():
        model.method.mask_head.linear.weight *= 1e4  # the generator's gradients are by far the longer ones
    before = {name: weight.detach().clone() for name, weight in model.named_parameters()}
    trainer_of(model, tmp_path, max_grad_norm=1e-3, **rates).train()
    for player in ("generator", "predictor"):
        after = dict(model.named_parameters())
        moves = [(after[name] - before[name]).double().norm() for name in names_of(model, player)]
        assert torch.stack(moves).norm().item() == pytest.approx(1e-3, rel=0.02)


@pytest.mark.parametrize("method", ["two-plays", "mcd"])
def test_a_batch_in_parts_moves_the_players_as_the_whole_does(method, tmp_path):
    """Only the parts before the last show the second play the predictor as it was: a difference of second order."""
    settings = {"gumbel_noise": 0.0, "sparsity_delay": 0.0, "sparsity_annealing": 0.0, "constraint_form": "paper"}
    runs = []
    for parts in (1, 2):
        model = without_dropout(small_model("gru", method=method, **settings))
        size = {"per_device_train_batch_size": 8 // parts, "gradient_accumulation_steps": parts}
        runs.append(run(model, tmp_path, optim="sgd", learning_rate=1e-3, head_learning_rate=1e-3, **size))
    (trainer, (start, _, whole)), (other, (*_, part)) = runs
    for name in names_of(model, "predictor"):
        torch.testing.assert_close(part[name] - start[name], whole[name] - start[name], atol=1e-7, rtol=1e-3)
    generator = names_of(model, "generator")
    apart, way = (
        torch.stack([(one[name] - two[name]).norm() for name in generator]).norm()
        for one, two in ((part, whole), (whole, start))
    )
    assert way > 1e-5 and apart < 0.02 * way
    line, other_line = trainer.state.log_history[0], other.state.log_history[0]
    for name in line:
        if name.startswith("loss"):
            assert other_line[name] == pytest.approx(line[name], rel=0.01), name


def test_a_teacher_never_moves_after_its_stage_and_judges_without_dropout(tmp_path):
    options = {"teacher_share": 0.5}
    model = small_model(method="dar", method_options=options, sparsity_delay=0.0, sparsity_annealing=0.0)
    method, judging = model.method, []
    watched = [part for part in method.teacher.modules() if isinstance(part, nn.Dropout)] + [method.teacher_head]
    for part in watched:
        part.register_forward_hook(lambda part, *_: judging.append((method.stage, part.training)))
    _, states = run(model, tmp_path, max_steps=4, learning_rate=0.01, weight_decay=0.5)
    ends = [states[0], *states[2::2]]
    teacher, players = names_of(model, "teacher"), names_of(model, "generator") | names_of(model, "predictor")
    steps = [moved(one, other) for one, other in zip(ends, ends[1:], strict=False)]
    assert len(steps) == 4
    assert [bool(step & teacher) for step in steps] == [True, True, False, False]
    assert [bool(step & players) for step in steps] == [True] * 4
    assert [bool(step & names_of(model, "generator")) for step in steps] == [False, False, True, True]
    assert set(judging) == {("teacher", True), ("game", False)}
