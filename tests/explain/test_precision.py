"""Predicting in bfloat16: near the answers of float32, and computed differently."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

from plmr import RationaleClassifier, devices
from plmr.errors import PlmrError


def test_bfloat16_answers_nearly_as_float32_does(trained, texts):
    classifier = trained["bert"]
    assert not classifier.bf16
    half = RationaleClassifier(classifier.config, classifier.model, classifier.tokenizer, bf16=True)
    exact, near = ([list(r.scores.values()) for r in each(texts)] for each in (classifier, half))
    difference = np.abs(np.array(exact) - np.array(near))
    # Eight bits of mantissa: alike to a few thousandths, and not bit for bit.
    assert 0 < difference.max() < 0.03
    assert half(texts) == half(texts)


def test_rationales_are_as_long_as_asked_for_in_bfloat16_too(trained, texts):
    classifier = trained["bert"]
    half = RationaleClassifier(classifier.config, classifier.model, classifier.tokenizer, bf16=True)
    assert {sum(r.selected) for r in half(texts, max_words=4)} == {4}


def test_bfloat16_survives_loading_and_is_refused_where_it_means_nothing(trained, tmp_path, texts):
    folder = tmp_path / "model"
    trained["bert"].save_pretrained(folder)
    half = RationaleClassifier.from_pretrained(folder, bf16=True)
    assert half.bf16 and half(texts[0]).label in half.labels
    assert not RationaleClassifier.from_pretrained(folder).bf16
    with pytest.raises(PlmrError, match="bf16=True is for backend='torch'"):
        RationaleClassifier.from_pretrained(folder, bf16=True, backend="onnx")


@pytest.mark.parametrize("fast", [False, True])
@pytest.mark.parametrize("asked", [False, True])
def test_who_predicts_in_a_slow_bfloat16_is_told(asked, fast, trained, tmp_path, monkeypatch):
    monkeypatch.setattr(devices, "fast_bfloat16", lambda device: fast)
    trained["bert"].save_pretrained(tmp_path / "model")
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        RationaleClassifier.from_pretrained(tmp_path / "model", device="cpu", bf16=asked)
    sentences = [str(warning.message) for warning in told if "bf16" in str(warning.message)]
    assert len(sentences) == (asked and not fast)
