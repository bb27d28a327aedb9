"""The collapse alarm: by hand, and in a training driven into it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from plmr.training.collapse import Figures, collapse_findings, position_agreement
from tests.small import PENALTY
from tests.training.runs import train

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
    assert collapse_findings(WELL, 0.2, 0.5) == []
    (finding,) = collapse_findings(replace(WELL, **change), 0.2, 0.5)
    assert message in finding


def test_a_label_nobody_finds_is_no_collapse():
    assert collapse_findings(replace(WELL, accuracy=0.5, full_text_accuracy=0.6), 0.2, 0.5) == []


def test_agreement_by_hand():
    one, two = np.array([1, 1, 0, 0], bool), np.array([1, 0, 1], bool)
    assert position_agreement([one, two]) == pytest.approx(1 / 3)
    assert position_agreement([one, one, two]) == pytest.approx((1 + 1 / 3) / 2)
    assert position_agreement([~one[:2], one[2:]]) == 0
    assert position_agreement([one]) == position_agreement([]) == 0


def test_a_run_driven_to_select_nothing_says_so(tiny_bert, tmp_path, caplog):
    settings = {**PENALTY, "sparsity": 0.01, "sparsity_weight": 1000.0, "sparsity_annealing": 0.0, "keep_bias": -3.0}
    _, summary = train(tiny_bert, tmp_path, settings=settings, epochs=1, eval_strategy="epoch", save_strategy="no")
    assert "selects nothing" in caplog.text
    assert any("the generator selects nothing" in note for note in summary.notes)


def test_the_alarm_waits_for_the_annealing(tiny_bert, tmp_path, caplog):
    settings = {**PENALTY, "keep_bias": 5.0, "sparsity_annealing": 0.0, "sparsity_delay": 1.0}
    _, summary = train(tiny_bert, tmp_path, settings=settings, epochs=1, save_strategy="no")
    assert "Step 3:" not in caplog.text and "Step 6:" not in caplog.text
    assert any("Step 10: the generator selects everything" in note for note in summary.notes)
