"""The trainer: chance, rates, terms."""

from __future__ import annotations

import json

import pytest
import torch
from transformers import TrainerCallback

from plmr.methods import METHODS
from plmr.training.sampler import LengthGroupedSampler
from tests.small import small_model
from tests.training.runs import same_weights, train
from tests.training.steps import texts, trainer_of

ONE_EPOCH = {"epochs": 1, "eval_strategy": "no", "save_strategy": "no"}


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


@pytest.mark.parametrize("length_grouping", [True, False])
def test_the_order_has_a_seed_of_its_own_where_one_is_given(tmp_path, length_grouping):
    def order(**seeds):
        options = {"length_grouping": length_grouping, "per_device_train_batch_size": 2, **seeds}
        batches = trainer_of(small_model(), tmp_path, **options).get_train_dataloader()
        return [batch["input_ids"].tolist() for batch in batches]

    assert order(seed=1, data_seed=5) == order(seed=2, data_seed=5)
    assert order(seed=1, data_seed=5) != order(seed=1, data_seed=6)


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
    expected = trainer.model(**trainer.data_collator([text.features() for text in texts()])).losses
    assert {f"loss_{name}" for name in expected} == {name for name in lines[-1] if name.startswith("loss_")}
    for line in lines:
        terms = [value for name, value in line.items() if name.startswith("loss_")]
        assert sum(terms) == pytest.approx(line["loss"], rel=1e-3)


class Precisions(TrainerCallback):
    """The types of what the model's matrices give while it learns."""

    def __init__(self):
        self.seen = set()

    def on_train_begin(self, args, state, control, model, **kwargs):
        for part in model.modules():
            if isinstance(part, torch.nn.Linear):
                part.register_forward_hook(self.look)

    def look(self, part, inputs, output):
        if part.training:
            self.seen.add(output.dtype)


@pytest.mark.parametrize(("bf16", "expected"), [(True, torch.bfloat16), (False, torch.float32)])
def test_a_training_multiplies_in_the_precision_asked_for(tiny_bert, tmp_path, bf16, expected):
    precisions = Precisions()
    train(tiny_bert, tmp_path, **ONE_EPOCH, bf16=bf16, callbacks=[precisions])
    assert precisions.seen == {expected}


def test_bf16_on_the_cpu(tiny_bert, tmp_path):
    classifier, summary = train(tiny_bert, tmp_path, **ONE_EPOCH, bf16=True)
    assert {p.dtype for p in classifier.model.parameters()} == {torch.float32}
    assert summary.calibration.share == pytest.approx(0.2, abs=0.01)
    classifier.save_pretrained(tmp_path / "model")
    loaded = type(classifier).from_pretrained(tmp_path / "model")
    text = "the nose is dull and the taste is balanced"
    assert loaded(text).score == pytest.approx(classifier(text).score, abs=1e-6)


def test_early_stopping_stops(tmp_path):
    stop = {"early_stopping_patience": 1, "early_stopping_threshold": 100.0}
    train("gru-3", tmp_path, **stop, load_best_model_at_end=True, save_total_limit=None)
    steps = sorted(int(path.name.rpartition("-")[2]) for path in tmp_path.glob("checkpoint-*"))
    assert steps == [3, 6, 9, 12, 15]  # the target has stopped falling at 12, and 15 is the first to compare


def test_an_epoch_with_more_words_than_asked_for_is_never_the_best(tmp_path):
    class EasierBefore(TrainerCallback):
        """Evaluations with more words look better than they are."""

        def on_evaluate(self, args, state, control, metrics, **kwargs):
            metrics["eval_loss"] = -1.0 if state.global_step < 12 else float(state.global_step)

    best = {"load_best_model_at_end": True, "metric_for_best_model": "loss", "save_total_limit": None}
    train("gru-3", tmp_path, callbacks=[EasierBefore()], **best)
    state = json.loads((tmp_path / "checkpoint-20" / "trainer_state.json").read_text())
    assert state["best_global_step"] == 12 and state["best_metric"] == 12.0
