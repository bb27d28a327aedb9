"""Options that one method alone has: declared, set, refused, saved."""

from dataclasses import dataclass, fields
from itertools import product

import pytest
import torch

from plmr.config import RationaleConfig
from plmr.errors import PlmrError
from plmr.methods import METHODS, Options, option
from plmr.methods.options import option_kinds, read_options
from plmr.modeling import RationaleModel
from plmr.training import RationaleTrainingArguments
from tests.small import small_batch, small_model

LABELS = torch.tensor([0, 1, 1])
GATES = {"run_length": 3.0, "multiplier_rate": 1.0, "multiplier_least": 1.0, "multiplier_most": 0.2}
CHANGES = {
    "fr": {"as_released": True},
    "mcd": {"kl_weight": 3.0, "as_released": True},
    "dar": {"teacher_weight": 3.0, "teacher_share": 0.4, "as_released": True},
    "mrd": {"remaining_weight": 3.0, "as_released": True},
    "inter-rat": {"as_released": True},
    "g-rat": {
        "guider_share": 0.4,
        "guider_noise": 3.0,
        "guidance_weight": 3.0,
        "guidance_span": 0.2,
        "agreement_weight": 3.0,
        "as_released": True,
    },
    "3player": {"complement_weight": 3.0, "complement_margin": 2.0, "reinforce": True},
    "rnp-reinforce": {"baseline": True},
    "invrat": {"invariance_weight": 3.0, "environments": 3, "round_robin": True},
    "dmr": {
        "teacher_share": 0.4,
        "output_weight": 3.0,
        "teacher_temperature": 2.0,
        "feature_weight": 3.0,
        "oracle": True,
    },
    "a2r": {"gap_weight": 3.0, "as_released": True},
    "hardkuma": GATES,
    "dare": {**GATES, "information_weight": 3.0, "as_released": True},
    "cr": {"prior_weight": 3.0, "necessity_weight": 3.0, "left_out": 1, "relaxation": 2.0, "as_released": True},
    "mgr": {"n_generators": 2},
    "dr": {"least_rate": 0.95},
    "n2r": {"norm_weight": 3.0, "norm_epsilon": 1.0},
    "a2i": {"attack_weight": 3.0},
}
"""Another value for every option there is."""


@dataclass(frozen=True)
class Some(Options):
    hard: bool = option(True, "Whether masks are hard.")
    form: str = option("kl", "Which divergence.")


def test_every_option_is_explained_and_has_a_name_of_its_own():
    settings = {*vars(RationaleConfig()), *RationaleTrainingArguments.__dataclass_fields__}
    for method in METHODS.values():
        assert not settings & option_kinds(method.options_class).keys()
        for each in fields(method.options_class):
            assert each.metadata["explanation"].endswith(".")


@pytest.mark.parametrize("name", METHODS)
def test_every_option_changes_the_losses_their_gradient_or_the_rates_at_some_time(name):
    changes = CHANGES.get(name, {})
    assert changes.keys() == option_kinds(METHODS[name].options_class).keys()

    def effects(options, progress, seed):
        model = small_model(method=name, method_options=options).train()
        model.set_progress(progress)
        torch.manual_seed(seed)
        seen = []
        for _ in range(2):  # what a batch leaves behind counts from the next one on
            model.zero_grad()
            output = model(**small_batch(), labels=LABELS)
            output.loss.backward()
            gradient = sum(p.grad.abs().sum().item() for p in model.parameters() if p.grad is not None)
            seen.append(({term: value.item() for term, value in output.losses.items()}, gradient))
        return seen, {player: model.method.rate_of(player) for player in model.method.modules_of()}

    for option_name, value in changes.items():
        # One draw of so few words may leave an option nothing to change.
        tries = product((0.3, 0.26), range(1, 6))
        assert any(effects({option_name: value}, *each) != effects(None, *each) for each in tries), option_name


def test_whole_numbers_are_as_good_as_others():
    """Else a buffer made of one would count in whole numbers."""
    options = small_model(method="hardkuma", method_options={"multiplier_least": 1}).method.options
    assert type(options.multiplier_least) is float
    assert small_model(method="mare", keep_bias=5).method.mask_head.bias.dtype == torch.float32


def test_options_are_completed_and_saved_with_the_model(tmp_path):
    model = small_model(method="dar", method_options={"teacher_weight": 2})
    assert (model.method.options.teacher_weight, model.method.options.teacher_share) == (2, 0.25)
    model.save_pretrained(tmp_path)
    loaded = RationaleModel.from_pretrained(tmp_path)
    assert loaded.config.method_options == {"teacher_weight": 2, "teacher_share": 0.25, "as_released": False}
    assert loaded.method.options == model.method.options
    assert small_model(method="rnp").config.method_options is None


@pytest.mark.parametrize(
    ("method", "options", "message"),
    [
        (
            "mcd",
            {"kl_wieght": 1.0},
            "'mcd' has no option 'kl_wieght'; it has as_released, kl_weight. Did you mean 'kl_weight'",
        ),
        ("rnp", {"kl_weight": 1.0}, "method 'rnp' has no option 'kl_weight', nor any other; leave it out"),
        ("mcd", {"kl_weight": "much"}, "kl_weight='much' is not a number of 0 or more"),
        ("mcd", {"kl_weight": -1.0}, "kl_weight=-1.0 is not a number of 0 or more"),
        ("dar", {"teacher_share": 1.0}, "teacher_share=1.0 is not a share of the training above 0 and below 1"),
        (
            "dar",
            {"teacher_share": 0.7},
            r"\(teacher 0.7\) and sparsity_annealing=0.35 are more than the whole",
        ),
    ],
)
def test_options_that_cannot_be_meant_are_refused_when_the_model_is_built(method, options, message):
    with pytest.raises(PlmrError, match=message) as caught:
        small_model(method=method, method_options=options)
    assert "\n" not in str(caught.value)


def test_kinds_other_than_numbers_are_checked_too():
    assert read_options("some", Some, {"hard": False}) == Some(hard=False)
    with pytest.raises(PlmrError, match="hard should be true or false, not 3"):
        read_options("some", Some, {"hard": 3})
    with pytest.raises(PlmrError, match="form should be a text, not None"):
        read_options("some", Some, {"form": None})


def test_options_are_a_mapping():
    with pytest.raises(PlmrError, match="method_options=3 is not a mapping"):
        RationaleConfig(method_options=3)
