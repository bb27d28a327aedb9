"""The collapse alarm: by hand, and in a training driven into it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from transformers import TrainerState

from plmr.config import RationaleConfig
from plmr.masking import keep_probability, threshold_mask, within_budget
from plmr.training import CollapseAlarm
from plmr.training.callbacks import has_settled
from plmr.training.collapse import Figures, collapse_findings, position_agreement
from tests.small import PENALTY
from tests.training.runs import train

BUDGET, PENALIZED = RationaleConfig(), RationaleConfig(sampler="gumbel")
WELL = Figures(argmax_share=0.2, position_agreement=0.1, accuracy=0.8, full_text_accuracy=0.85)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"argmax_share": 0.019}, "selects nothing: 1.9%"),
        ({"argmax_share": 0.93}, "selects everything: 93.0%"),
        ({"position_agreement": 0.9}, "same positions whatever the text: two texts share 90%"),
        ({"accuracy": 0.55}, "lost the label: 55.0% correct from the rationale, 85.0% from the whole text, 50.0%"),
    ],
)
def test_each_sign_is_one_finding(change, message):
    for config in (BUDGET, PENALIZED):
        assert collapse_findings(WELL, config, 0.5) == []
        (finding,) = collapse_findings(replace(WELL, **change), config, 0.5)
        assert message in finding


@pytest.mark.parametrize("share", [0.01, 0.95])
def test_the_advice_names_only_settings_that_the_sampler_reads(share):
    figures = replace(WELL, argmax_share=share)
    assert "sparsity_weight" in collapse_findings(figures, PENALIZED, 0.5)[0]
    assert "sparsity_weight" not in collapse_findings(figures, BUDGET, 0.5)[0]


@pytest.mark.parametrize("share", [0.01, 0.95])
def test_gates_of_a_methods_own_get_no_advice_of_samplers_that_it_does_not_have(share):
    (finding,) = collapse_findings(replace(WELL, argmax_share=share), RationaleConfig(method="hardkuma"), 0.5)
    assert "sampler" not in finding and "sparsity_weight" not in finding


@pytest.mark.parametrize(
    ("config", "named"),
    [
        (RationaleConfig(), False),
        (RationaleConfig(full_text_path="none"), True),
        (RationaleConfig(method="rnp", full_text_path="none"), False),
    ],
)
def test_a_lost_label_is_not_answered_by_a_setting_that_is_there_already_or_never_read(config, named):
    (finding,) = collapse_findings(replace(WELL, accuracy=0.55), config, 0.5)
    assert ("full_text_path" in finding) == named


def test_low_odds_are_no_sign_where_a_prior_holds_the_share():
    assert collapse_findings(replace(WELL, argmax_share=0.0), RationaleConfig(method="cr"), 0.5) == []
    assert len(collapse_findings(replace(WELL, argmax_share=1.0), RationaleConfig(method="cr"), 0.5)) == 1


def test_under_a_budget_only_scores_that_are_not_numbers_select_nothing():
    valid, counts = torch.ones(3, 9, dtype=torch.bool), torch.tensor([1, 2, 3])
    for logits, kept in ((torch.zeros(3, 9, 2), [1, 2, 3]), (torch.full((3, 9, 2), torch.nan), [0, 0, 0])):
        mask = threshold_mask(keep_probability(within_budget(logits, valid, counts)))
        assert mask.sum(dim=1).tolist() == kept


@pytest.mark.parametrize(("chance", "full"), [(0.5, 0.85), (0.9, 0.99), (0.34, 0.7)])
def test_a_lost_label_is_seen_however_often_the_commonest_class_is(chance, full):
    lost = replace(WELL, accuracy=chance, full_text_accuracy=full)
    assert "lost the label" in collapse_findings(lost, BUDGET, chance)[0]
    found = replace(lost, accuracy=(chance + full) / 2)
    assert collapse_findings(found, BUDGET, chance) == []


def test_a_label_nobody_finds_is_no_collapse():
    assert collapse_findings(replace(WELL, accuracy=0.5, full_text_accuracy=0.6), BUDGET, 0.5) == []


def test_agreement_by_hand():
    one, two = np.array([1, 1, 0, 0], bool), np.array([1, 0, 1], bool)
    assert position_agreement([one, two]) == pytest.approx(1 / 3)
    assert position_agreement([one, one, two]) == pytest.approx((1 + 1 / 3) / 2)
    assert position_agreement([~one[:2], one[2:]]) == 0
    assert position_agreement([one]) == position_agreement([]) == 0


@pytest.mark.parametrize(("method", "has_depth"), [("plmr", True), ("rnp", False)])
def test_advice_names_only_what_the_method_reads(method, has_depth):
    (finding,) = collapse_findings(replace(WELL, position_agreement=0.9), RationaleConfig(method=method), 0.5)
    assert ("generator_depth" in finding) == has_depth


def test_a_run_driven_to_select_nothing_says_so(tiny_bert, tmp_path, caplog):
    settings = {**PENALTY, "sparsity": 0.01, "sparsity_weight": 1000.0, "sparsity_annealing": 0.0, "keep_bias": -3.0}
    _, summary = train(tiny_bert, tmp_path, settings=settings, epochs=1, eval_strategy="epoch", save_strategy="no")
    assert caplog.text.count("selects nothing") == 1
    assert sum("the generator selects nothing" in note for note in summary.notes) == 1


def test_notes_are_of_the_model_that_is_kept(caplog):
    alarm = CollapseAlarm(BUDGET, 0.5, start=0.25, settled=0.6)
    state = TrainerState(global_step=10, max_steps=10)
    collapsed = replace(WELL, position_agreement=0.9)
    for figures, n_findings in ((collapsed, 1), (collapsed, 1), (WELL, 0)):
        metrics = {
            "eval_argmax_sparsity": figures.argmax_share,
            "eval_position_agreement": figures.position_agreement,
            "eval_accuracy": figures.accuracy,
            "eval_full_text_accuracy": figures.full_text_accuracy,
        }
        alarm.on_evaluate(None, state, None, metrics)
        assert len(alarm.findings) == n_findings
    assert caplog.text.count("same positions") == 1


@pytest.mark.parametrize(("step", "expected"), [(99, False), (100, False), (101, True), (399, True), (400, True)])
def test_a_training_has_settled_once_a_step_has_asked_for_the_share_it_ends_with(step, expected):
    """Of 400 steps a quarter reads whole texts. Step 101 is the first after them: it starts when a quarter is done."""
    state = TrainerState(global_step=step, max_steps=400)
    assert has_settled(state, 0.25, 0.25) is expected
    assert has_settled(state, 1.0, 1.0) is (step == 400)
    assert has_settled(state, 0.0, 0.25) is (step >= 100), "where the target falls little by little, it has by then"
    assert has_settled(state, 0.0, 0.0)


def test_the_alarm_waits_for_the_annealing(tiny_bert, tmp_path, caplog):
    settings = {**PENALTY, "keep_bias": 5.0, "sparsity_annealing": 0.0, "sparsity_delay": 0.95}
    _, summary = train(tiny_bert, tmp_path, settings=settings, epochs=1, save_strategy="no")
    assert "Step 3:" not in caplog.text and "Step 6:" not in caplog.text
    assert caplog.text.count("Step 10: the generator selects everything") == 1
    assert any(note.startswith("the generator selects everything") for note in summary.notes)
