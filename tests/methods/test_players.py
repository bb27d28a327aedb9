"""Players: who owns which weights, and who moves when."""

import warnings

import pytest
import torch

from plmr.config import RationaleConfig
from plmr.errors import PlmrError
from plmr.methods import METHODS, idle_settings
from plmr.modeling import RationaleModel
from tests.small import FAMILIES, PENALTY, small_batch, small_encoder, small_model

LABELS = torch.tensor([0, 1, 1])


def owned(method, player):
    return [id(p) for module in method.modules_of()[player] for p in module.parameters()]


@pytest.mark.parametrize("name", METHODS)
@pytest.mark.parametrize("family", [*FAMILIES, "gru"])
def test_every_weight_has_one_owner(family, name):
    method = small_model(family, method=name).method
    owners = [parameter for player in method.modules_of() for parameter in owned(method, player)]
    assert len(owners) == len(set(owners))
    names = {id(p): n for n, p in method.named_parameters()}
    assert [n for i, n in names.items() if i not in set(owners)] == []


@pytest.mark.parametrize("name", METHODS)
@pytest.mark.parametrize("family", ["bert", "modernbert", "electra-projected", "gru"])
@pytest.mark.parametrize("progress", [0.0, 0.3, 1.0])
def test_a_play_moves_its_players_and_nobody_else(family, name, progress):
    model = small_model(family, method=name).train()
    model.set_progress(progress)
    batch = model.batch(**small_batch(family), labels=LABELS)
    for play in model.method.plays():
        model.zero_grad(set_to_none=True)
        torch.stack(list(model.method.losses_in(play, batch).values())).sum().backward()
        moved = {id(p) for p in model.parameters() if p.grad is not None}
        moving = {i for player in play.players for i in owned(model.method, player)}
        # PLMR's generator has nothing to do before its start, though its play is the same all along.
        assert moved <= moving if name == "plmr" and progress == 0 else moved == moving
    assert all(p.requires_grad for p in model.parameters())
    assert all(part.training for part in model.modules())


@pytest.mark.parametrize("name", METHODS)
@pytest.mark.parametrize("progress", [0.0, 0.3, 1.0])
def test_plays_that_end_a_batch_together_name_their_losses_apart(name, progress):
    model = small_model(method=name).train()
    model.set_progress(progress)
    batch = model.batch(**small_batch(), labels=LABELS)
    names = [term for play in model.method.plays() for term in model.method.losses_in(play, batch)]
    assert len(names) == len(set(names)) == len(model(**small_batch(), labels=LABELS).losses)


@pytest.mark.parametrize("name", METHODS)
@pytest.mark.parametrize("family", ["bert", "electra-projected", "gru"])
def test_frozen_embeddings_stay(family, name):
    model = small_model(family, method=name, freeze_embeddings=True).train()
    model(**small_batch(family), labels=LABELS).loss.backward()
    playing = {i for play in model.method.plays() for player in play.players for i in owned(model.method, player)}
    still = [n for n, p in model.named_parameters() if p.grad is None and id(p) in playing]
    assert still and all(".embeddings." in n for n in still)


def test_heads_are_the_new_modules():
    model = small_model(generator_depth=3, dim_reduction_blocks=2)
    assert model.method.heads() == [*model.method.mask_heads, model.method.class_head]
    assert len(small_model(dim_reduction_blocks=2, shared_mask_head=True).method.heads()) == 2


def test_an_unknown_method_is_an_error():
    with pytest.raises(PlmrError, match="no method 'plrm'; choose one of plmr, rnp.*Did you mean 'plmr'"):
        small_model(method="plrm")


def test_settings_that_change_nothing_are_named():
    for method in METHODS:
        for preset in ("default", "paper", "released"):
            assert idle_settings(RationaleConfig.from_preset(preset, method=method)) == []
    changed = {"generator_depth": 2, "match_weight": 3.0, "mask_head_dropout": 0.3, "continuity_weight": 1.0}
    (sentence,) = idle_settings(RationaleConfig(method="rnp", **changed))
    assert "'rnp' does not read generator_depth=2, match_weight=3.0; leave" in sentence
    assert idle_settings(RationaleConfig(**changed)) == []
    (sentence,) = idle_settings(RationaleConfig(sparsity_weight=5.0))
    assert "sparsity_weight=5.0 changes nothing: sampler='budget'" in sentence
    assert idle_settings(RationaleConfig(sparsity_weight=5.0, keep_bias=5.0, sampler="gumbel")) == []
    (sentence,) = idle_settings(RationaleConfig(keep_bias=5.0))
    assert "keep_bias=5.0 changes nothing: sampler='budget'" in sentence
    assert idle_settings(RationaleConfig(method="hardkuma", keep_bias=5.0)) == []
    (sentence,) = idle_settings(RationaleConfig(method="cr", sparsity_weight=5.0, score_spread=None, smoothing=1))
    assert "'cr' does not read score_spread=None, sparsity_weight=5.0; leave" in sentence
    three, options = {"method": "3player", "gumbel_noise": 0.5}, {"complement_margin": 2.0, "complement_weight": 3.0}
    assert idle_settings(RationaleConfig(**three, method_options=options)) == []
    (sentence,) = idle_settings(RationaleConfig(**three, method_options=options | {"reinforce": True}))
    idle = "does not read complement_margin=2.0, gumbel_noise=0.5; leave"
    assert f"'3player' with complement_weight=3.0, reinforce=True {idle}" in sentence


@pytest.mark.parametrize("name", METHODS)
def test_a_setting_moves_the_losses_of_the_methods_that_read_it_and_of_no_other(name):
    # Two steps, so that their shares and heads count; the exponential, so that its base does.
    base = {"dim_reduction_blocks": 2, "match_function": "exponential", "sampler": "gumbel"}
    changes = {
        "generator_depth": 3,
        "depth_rule": "released",
        "dim_reduction_blocks": 1,
        "shared_mask_head": True,
        "sparsity_schedule": "log_linear",
        "predictor_input": "hidden",
        "predictor_blocks": "all",
        "predictor_start": "late",
        "generator_start": "none",
        "full_text_path": "predictor",
        "full_text_weight": 5.0,
        "match_weight": 3.0,
        "match_function": "identity",
        "match_base": 7.0,
    }
    assert set(changes) == frozenset().union(*(method.reads for method in METHODS.values()))

    def losses(**settings):
        model = small_model(method=name, **base | settings).train()
        model.method.start_from(small_encoder("bert").state_dict())
        torch.manual_seed(1)
        found = []
        for progress in (0.1, 1.0):  # while whole texts are read, and afterwards
            model.set_progress(progress)
            found += [term.item() for term in model(**small_batch(), labels=LABELS).losses.values()]
        return found

    unchanged = pytest.approx(losses(), abs=1e-6)
    moved = {setting for setting, value in changes.items() if losses(**{setting: value}) != unchanged}
    assert moved == METHODS[name].reads


@pytest.mark.parametrize(
    ("name", "options"),
    [*((name, {}) for name, method in METHODS.items() if method.ignores), ("3player", {"reinforce": True})],
)
def test_a_setting_that_a_method_ignores_moves_none_of_its_losses(name, options):
    changes = {
        "sampler": "budget",
        "gumbel_temperature": 3.0,
        "gumbel_noise": 0.5,
        "score_spread": 5.0,
        "smoothing": 5,
        "sparsity_weight": 3.0,
        "continuity_weight": 3.0,
        "constraint_form": "paper",
    }
    others = {"complement_margin": 2.0} if "reinforce" in options else {}

    def losses(seed, more=(), **settings):
        model = small_model(method=name, method_options=options | dict(more), **PENALTY | settings).train()
        model.set_progress(0.3)
        torch.manual_seed(seed)
        return [term.item() for term in model(**small_batch(), labels=LABELS).losses.values()]

    # One draw of so few words may be the same by chance.
    seeds = range(1, 6)
    still = {each for each, value in changes.items() if all(losses(s, **{each: value}) == losses(s) for s in seeds)}
    still |= {other for other, value in others.items() if all(losses(s, {other: value}) == losses(s) for s in seeds)}
    assert still == METHODS[name].idle_with(METHODS[name].options_class(**options))


def test_a_new_model_warns_of_them_and_a_loaded_one_does_not(tmp_path):
    config = RationaleConfig(method="rnp", encoder="bert", match_weight=3.0, max_tokens=48)
    with pytest.warns(UserWarning, match="does not read match_weight=3.0"):
        RationaleModel.from_encoder(config, small_encoder("bert")).save_pretrained(tmp_path)
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        RationaleModel.from_pretrained(tmp_path)
