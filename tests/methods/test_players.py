"""Players: who owns which weights, and who moves when."""

import pytest
import torch

from plmr.errors import PlmrError
from plmr.methods import METHODS
from tests.small import FAMILIES, small_batch, small_model

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
def test_a_play_moves_its_players_and_nobody_else(family, name):
    model = small_model(family, method=name).train()
    batch = model.batch(**small_batch(family), labels=LABELS)
    for play in model.method.plays():
        model.zero_grad(set_to_none=True)
        torch.stack(list(play.losses(batch).values())).sum().backward()
        moved = {id(p) for p in model.parameters() if p.grad is not None}
        assert moved == {i for player in play.players for i in owned(model.method, player)}


@pytest.mark.parametrize("name", METHODS)
@pytest.mark.parametrize("family", ["bert", "electra-projected", "gru"])
def test_frozen_embeddings_stay(family, name):
    model = small_model(family, method=name, freeze_embeddings=True).train()
    model(**small_batch(family), labels=LABELS).loss.backward()
    still = [n for n, p in model.named_parameters() if p.grad is None]
    assert still and all(".embeddings." in n for n in still)


def test_heads_are_the_new_modules():
    model = small_model(generator_depth=3, dim_reduction_blocks=2)
    assert model.method.heads() == [*model.method.mask_heads, model.method.class_head]
    assert len(small_model(dim_reduction_blocks=2, shared_mask_head=True).method.heads()) == 2


def test_the_players_of_rnp_share_nothing():
    method = small_model(method="rnp").method
    assert not set(owned(method, "generator")) & set(owned(method, "predictor"))


def test_an_unknown_method_is_an_error():
    with pytest.raises(PlmrError, match="no method 'plrm'; choose one of plmr, rnp.*Did you mean 'plmr'"):
        small_model(method="plrm")
