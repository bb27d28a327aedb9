"""Configuration: presets, choices, and the way to a file and back."""

import json
from pathlib import Path
from typing import get_type_hints

import numpy as np
import pytest

from plmr import __version__
from plmr.config import RationaleConfig
from plmr.errors import PlmrError
from plmr.limits import CHOICES, RANGES
from plmr.presets import PRESETS


@pytest.mark.parametrize("preset", PRESETS)
def test_a_preset_survives_a_file(preset, tmp_path):
    config = RationaleConfig.from_preset(
        preset, sparsity=0.15, thresholds=[0.4, 0.6], id2label={0: "a", 1: "b", 2: "c"}
    )
    config.save_pretrained(tmp_path)
    loaded = RationaleConfig.from_pretrained(tmp_path)
    assert loaded.to_dict() | {"transformers_version": None} == config.to_dict() | {"transformers_version": None}
    assert (loaded.preset, loaded.num_labels, loaded.plmr_version) == (preset, 3, __version__)
    assert loaded.thresholds == [0.4, 0.6]


def test_the_default_preset_is_the_defaults():
    assert RationaleConfig.from_preset().to_dict() == RationaleConfig().to_dict()


def test_presets_set_known_switches_to_known_choices():
    names = set(RationaleConfig().to_dict())
    for preset in PRESETS.values():
        assert set(preset) <= names
        assert all(value in CHOICES[name] for name, value in preset.items() if name in CHOICES)


def test_the_presets_say_what_the_specification_says():
    paper, released = (RationaleConfig.from_preset(name) for name in ("paper", "released"))
    assert (paper.unit, paper.pooling, paper.full_text_path) == ("subword", "mean", "predictor")
    assert (paper.sparsity_schedule, paper.constraint_form, paper.shared_mask_head) == ("linear", "paper", False)
    assert (paper.full_text_weight, paper.match_weight) == (1.0, 1.0)
    assert (released.masking, released.pooling, released.full_text_path) == ("zero", "first", "first_token")
    assert (released.full_text_weight, released.sparsity_weight, released.continuity_weight) == (2, 10, 10)
    assert (released.mask_head_dropout, released.class_head_dropout) == (0.1, 0.2)
    assert (paper.depth_rule, released.depth_rule) == ("paper", "released")
    assert released.shared_mask_head and released.freeze_embeddings
    assert (released.sparsity_schedule, released.constraint_form) == ("log_linear", "released")
    assert {c.predictor_input for c in (paper, released, RationaleConfig())} == {"embeddings"}


def test_overrides_win_over_the_preset():
    assert RationaleConfig.from_preset("released", full_text_weight=1.5).full_text_weight == 1.5


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"masking": "dorp"}, "masking='dorp' is not one of drop, zero.* Did you mean 'drop'"),
        ({"unit": "words"}, "unit='words' is not one of word, subword"),
        ({"sparsity": 0}, "sparsity=0 is not between 0 and 1.*for example 0.2"),
        ({"sparsity": 1.0}, "not between 0 and 1"),
        ({"sparsity_annealing": 1.5}, "sparsity_annealing=1.5"),
        ({"match_function": "exponential", "match_base": 1.0}, "match_base=1.0 must exceed 1"),
        ({"max_tokens": 2}, "at least 4 tokens"),
        ({"class_head_dropout": 2}, "class_head_dropout=2 is not a probability of 0 or more and below 1"),
        ({"mask_head_dropout": -1}, "mask_head_dropout=-1"),
        ({"gumbel_temperature": 0}, "gumbel_temperature=0 is not a number above 0"),
        ({"gumbel_noise": -0.1}, "gumbel_noise=-0.1 is not a number of 0 or more"),
        ({"score_spread": 0}, "score_spread=0 is not a number above 0, or None"),
        ({"smoothing": 4}, "smoothing=4 is not an odd number of units"),
        ({"sparsity_delay": 1}, "sparsity_delay=1 is not a share of the training of 0 or more and below 1"),
        ({"sparsity_delay": 0.5, "sparsity_annealing": 0.6}, "delay=0.5 and sparsity_annealing=0.6 are more than the"),
        ({"keep_bias": float("inf")}, "keep_bias=inf is not a finite number"),
        ({"keep_bias": "much"}, "keep_bias='much' is not a finite number"),
        ({"sparsity": None}, "sparsity=None"),
        ({"sparsity": True}, "sparsity=True"),
        ({"thresholds": 5}, "thresholds=5 is not a list of keep probabilities"),
        ({"thresholds": [0.5, 1.5]}, r"thresholds=\[0.5, 1.5\]"),
        *(
            ({name: -1.0}, f"{name}=-1.0 is not a number of 0 or more")
            for name in ("sparsity_weight", "continuity_weight", "full_text_weight", "match_weight")
        ),
        *(({name: float("nan")}, f"{name}=nan is not") for name in RANGES),
    ],
)
def test_a_value_out_of_range_is_an_error_that_says_what_to_give(settings, message):
    with pytest.raises(PlmrError, match=message) as caught:
        RationaleConfig(**settings)
    assert "\n" not in str(caught.value)


def test_every_number_has_its_range_and_the_ends_that_count_are_in_it():
    hints = {name: hint for name, hint in get_type_hints(RationaleConfig.__init__).items() if name != "return"}
    numbers = {name for name, hint in hints.items() if hint in (int, float, float | None)}
    assert numbers == set(RANGES)
    RationaleConfig(sparsity_delay=0.7, sparsity_annealing=0.3, gumbel_noise=0, score_spread=None, smoothing=1)
    RationaleConfig(sparsity_delay=0.9, sparsity_annealing=0.1, window_overlap=0, thresholds=[0.0, 1.0], max_tokens=4)


def test_an_unknown_preset_is_an_error():
    with pytest.raises(PlmrError, match="no preset 'papers'; choose one of default, paper, released"):
        RationaleConfig.from_preset("papers")


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"generator_depth": "two"}, "generator_depth should be a whole number or null, not 'two'"),
        ({"dim_reduction_blocks": 1.5}, r"dim_reduction_blocks should be a whole number or null, not 1\.5"),
        ({"freeze_embeddings": "false"}, "freeze_embeddings should be true or false, not 'false'"),
        ({"method": 5}, "method should be a text, not 5"),
        ({"pad_token_id": "[PAD]"}, "pad_token_id should be a whole number or null"),
        ({"id2label": "x"}, "id2label='x' should number the classes from 0 on"),
        ({"id2label": {"1": "a", "2": "b"}}, "should number the classes from 0 on"),
        ({"id2label": {0: "a", 1: "a"}}, "each with a name of its own"),
    ],
)
def test_a_value_of_another_kind_is_an_error(settings, message):
    with pytest.raises(PlmrError, match=message):
        RationaleConfig(**settings)


def test_numbers_of_numpy_and_paths_are_what_a_file_can_hold():
    config = RationaleConfig(sparsity=np.float32(0.25), max_tokens=np.int64(64), glove=Path("vectors.txt"))
    assert json.loads(config.to_json_string())["sparsity"] == 0.25
    assert (config.max_tokens, config.glove) == (64, "vectors.txt")
