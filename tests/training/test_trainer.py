"""The trainer: chance, rates, terms, plays."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from transformers import EarlyStoppingCallback, TrainerCallback

from plmr.data.encoding import Encoded
from plmr.methods import METHODS, RNP, Play
from plmr.training import RationaleTrainer, RationaleTrainingArguments
from plmr.training.sampler import LengthGroupedSampler
from tests.small import small_model
from tests.training.runs import same_weights, train

ONE_EPOCH = {"epochs": 1, "eval_strategy": "no", "save_strategy": "no"}


def texts(n=8):
    generator = torch.Generator().manual_seed(0)
    rows = torch.randint(4, 60, (n, 6), generator=generator).tolist()
    return [Encoded([2, *row, 3], [-1, *range(6), -1], 6, i % 2) for i, row in enumerate(rows)]


def trainer_of(model, folder, callbacks=(), **options):
    quiet = {"eval_strategy": "no", "save_strategy": "no", "load_best_model_at_end": False, "disable_tqdm": True}
    defaults = {
        "use_cpu": True,
        "max_steps": 1,
        "per_device_train_batch_size": 8,
        "warmup_steps": 0,
        "logging_steps": 1,
    }
    args = RationaleTrainingArguments(output_dir=str(folder), **quiet | defaults | options)
    return RationaleTrainer(model, args, texts(), callbacks=list(callbacks))


def test_the_seed_is_all_that_chance_depends_on(tiny_bert, tmp_path):
    one, again, other = (train(tiny_bert, tmp_path, **ONE_EPOCH, seed=seed)[0] for seed in (1, 1, 2))
    assert same_weights(one, again) and not same_weights(one, other)


def test_the_order_depends_on_seed_and_epoch_alone():
    def order(seed, epoch):
        sampler = LengthGroupedSampler(list(range(40)), 4, seed)
        sampler.set_epoch(epoch)
        torch.rand(seed + 1)
        return list(sampler)

    assert sorted(order(0, 0)) == list(range(40)) and order(0, 1) == order(0, 1)
    assert order(0, 0) not in (order(0, 1), order(1, 0))


def test_every_part_has_its_rate(tmp_path):
    model = small_model(generator_depth=2, dim_reduction_blocks=1)
    rates = {"learning_rate": 1e-4, "head_learning_rate": 1e-2, "predictor_learning_rate_scale": 0.5}
    groups = trainer_of(model, tmp_path, **rates, weight_decay=0.1).create_optimizer().param_groups
    rate = {id(p): group["lr"] for group in groups for p in group["params"]}
    decay = {id(p): group["weight_decay"] for group in groups for p in group["params"]}
    method = model.method
    for modules, expected in (
        (method.mask_heads, 1e-2),
        (method.class_head, 5e-3),
        (method.encoder.blocks[:2], 1e-4),
        (method.encoder.blocks[2:], 5e-5),
    ):
        assert [rate[id(p)] for p in modules.parameters()] == pytest.approx(
            [expected] * len(list(modules.parameters()))
        )
    assert len(rate) == sum(1 for _ in model.parameters()) == sum(len(group["params"]) for group in groups)
    assert {decay[id(p)] for n, p in model.named_parameters() if n.endswith("bias")} == {0.0}


@pytest.mark.parametrize("method", METHODS)
def test_the_terms_logged_add_up_to_the_loss(method, tmp_path):
    trainer = trainer_of(small_model(method=method, sparsity_delay=0.0), tmp_path, max_steps=4, logging_steps=2)
    trainer.train()
    lines = [line for line in trainer.state.log_history if "loss" in line]
    assert len(lines) == 2
    for line in lines:
        terms = [value for name, value in line.items() if name.startswith("loss_")]
        assert len(terms) == (5 if method == "plmr" else 3)
        assert sum(terms) == pytest.approx(line["loss"], rel=1e-3)


class TwoPlays(RNP):
    """The predictor moves by its prediction, then the generator by the same."""

    summary = "a game of two moves, for this test"

    def plays(self):
        return [Play(("predictor",), self._prediction("first")), Play(("generator",), self._prediction("second"))]

    def _prediction(self, name):
        return lambda batch: {name: F.cross_entropy(self.predict(batch, self.select(batch)), batch.targets)}


class Watch(TrainerCallback):
    """The state before each move of the optimizer, and after the last."""

    def __init__(self, model):
        self.model = model
        self.states = []

    def note(self):
        self.states.append({name: tensor.clone() for name, tensor in self.model.state_dict().items()})

    def on_pre_optimizer_step(self, *_, **__):
        self.note()

    def on_optimizer_step(self, *_, **__):
        self.note()


def test_each_play_moves_its_players_alone(tmp_path, monkeypatch):
    monkeypatch.setitem(METHODS, "two-plays", TwoPlays)
    model = small_model(method="two-plays")
    watch = Watch(model)
    watch.note()
    trainer = trainer_of(model, tmp_path, [watch], learning_rate=0.01, max_grad_norm=0)
    trainer.train()
    start, between, end = watch.states

    def moved(one, other):
        return {name for name in one if not torch.equal(one[name], other[name])}

    owners = {
        player: {n for n, p in model.named_parameters() if id(p) in {id(q) for m in modules for q in m.parameters()}}
        for player, modules in model.method.modules_of().items()
    }
    assert moved(start, between) and moved(start, between) <= owners["predictor"]
    assert moved(between, end) and moved(between, end) <= owners["generator"]
    assert all(parameter.requires_grad for parameter in model.parameters())
    (line,) = [line for line in trainer.state.log_history if "loss" in line]
    assert {"loss_first", "loss_second"} <= line.keys()


def test_bf16_on_the_cpu(tiny_bert, tmp_path):
    classifier, summary = train(tiny_bert, tmp_path, **ONE_EPOCH, bf16=True)
    assert {p.dtype for p in classifier.model.parameters()} == {torch.float32}
    assert summary.calibration.share == pytest.approx(0.2, abs=0.01)
    classifier.save_pretrained(tmp_path / "model")
    loaded = type(classifier).from_pretrained(tmp_path / "model")
    text = "the nose is dull and the taste is balanced"
    assert loaded(text).score == pytest.approx(classifier(text).score, abs=1e-6)


def test_early_stopping_stops(tiny_bert, tmp_path):
    stop = EarlyStoppingCallback(early_stopping_patience=1, early_stopping_threshold=100.0)
    train(tiny_bert, tmp_path, callbacks=[stop], load_best_model_at_end=True, save_total_limit=None)
    steps = sorted(int(path.name.rpartition("-")[2]) for path in tmp_path.glob("checkpoint-*"))
    assert steps == [3, 6]
