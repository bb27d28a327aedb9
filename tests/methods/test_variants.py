"""Variants of PLMR: a name for settings."""

import pytest
import torch

from plmr.config import RationaleConfig
from plmr.errors import PlmrError
from plmr.explain.card import model_card
from plmr.methods import PLMR, find_method, idle_settings
from plmr.modeling import RationaleModel
from plmr.presets import PRESETS, VARIANTS
from tests.small import small_batch, small_encoder, small_model

LABELS = torch.tensor([0, 1, 1])


@pytest.mark.parametrize("name", VARIANTS)
def test_a_variant_is_its_method_with_its_settings(name):
    """To the last bit; and they are not the method's usual ones."""
    batch, settings = small_batch(), VARIANTS[name].settings
    deep = {"generator_depth": 3, "dim_reduction_blocks": 3, "seed": 2, "sampler": "gumbel"}
    base = {key: value for key, value in deep.items() if key not in settings}
    variant, spelled, usual = (small_model(**each) for each in (base | {"method": name}, base | settings, deep))
    for model in (variant, spelled, usual):
        model.method.start_from(small_encoder("bert").state_dict())
    assert type(variant.method) is find_method(name) is PLMR and variant.config.method == name
    assert {key: getattr(variant.config, key) for key in settings} == settings
    losses = []
    for model in (variant, spelled, usual):
        if "generator_start" in settings:  # which is of the training's beginning
            model.train().set_progress(0.1)
        torch.manual_seed(0)
        losses.append({term: value.item() for term, value in model(**batch, labels=LABELS).losses.items()})
    assert losses[0] == losses[1] != losses[2]
    assert idle_settings(variant.config) == []


@pytest.mark.parametrize("name", VARIANTS)
def test_a_saved_variant_comes_back_as_one(name, tmp_path):
    model, batch = small_model(method=name), small_batch()
    model.save_pretrained(tmp_path)
    loaded = RationaleModel.from_pretrained(tmp_path)
    assert loaded.config.method == name and loaded.state_dict().keys() == model.state_dict().keys()
    with torch.no_grad():
        assert torch.equal(loaded(**batch).logits, model(**batch).logits)


@pytest.mark.parametrize("preset", PRESETS)
def test_a_variant_goes_before_a_preset_and_not_before_what_is_said(preset):
    assert RationaleConfig.from_preset(preset, method="plmr-no-full-text").full_text_path == "none"
    assert RationaleConfig.from_preset(preset, method="plmr-no-match", match_weight=0.0).match_weight == 0
    with pytest.raises(PlmrError, match="match_weight=3.0 contradicts method='plmr-no-match', which is 'plmr' with"):
        RationaleConfig.from_preset(preset, method="plmr-no-match", match_weight=3.0)


def test_the_card_of_the_variant_that_leaks_says_so():
    labels = {0: "bad", 1: "good"}
    assert "not all that the prediction uses" in model_card(RationaleConfig(method="plmr-hidden", id2label=labels))
    assert "not all that the prediction uses" not in model_card(RationaleConfig(method="plmr-m1", id2label=labels))
