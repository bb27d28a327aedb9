"""The activation that is made again in the backward pass, against the two modules written one after the other."""

import copy

import pytest
import torch
from torch import nn
from torch.autograd.graph import saved_tensors_hooks

from plmr.encoders import LAYOUTS
from plmr.encoders.feed_forward import ActivatedLinear
from plmr.methods.game import at_rest
from tests.small import FAMILIES, small_encoder

WIDTH, HIDDEN, TEXTS = 5, 20, 7


@pytest.fixture
def plain():
    return nn.Sequential(nn.GELU(), nn.Linear(HIDDEN, WIDTH))


@pytest.fixture
def joined(plain):
    return ActivatedLinear(plain[0], copy.deepcopy(plain[1]))


@pytest.fixture
def hidden():
    return torch.randn(TEXTS, HIDDEN)


def gradients(module, hidden, upstream):
    hidden = hidden.clone().requires_grad_()
    output = module(hidden)
    output.backward(upstream.to(output.dtype))
    return output, hidden.grad, *(parameter.grad for parameter in module.parameters())


@pytest.mark.parametrize("half", [False, True])
def test_output_and_gradients_are_those_of_two_modules(plain, joined, hidden, half):
    upstream = torch.randn(TEXTS, WIDTH)
    with torch.autocast("cpu", torch.bfloat16, enabled=half):
        expected = gradients(plain, hidden, upstream)
        actual = gradients(joined, hidden, upstream)
    assert len(actual) == 4
    assert all(torch.equal(a, b) for a, b in zip(actual, expected, strict=True))


def test_what_the_activation_gives_is_not_held(plain, joined, hidden):
    def held(module):
        found = []
        with saved_tensors_hooks(lambda tensor: found.append(tensor) or tensor, lambda tensor: tensor):
            module(hidden.clone().requires_grad_())
        return sum(torch.equal(tensor, plain[0](hidden)) for tensor in found)

    assert (held(plain), held(joined)) == (1, 0)


def test_a_map_at_rest_in_the_forward_pass_gets_no_gradient_from_the_backward_pass(joined, hidden):
    inputs = hidden.clone().requires_grad_()
    with at_rest([joined]):
        output = joined(inputs)
    assert joined.weight.requires_grad
    output.sum().backward()
    assert joined.weight.grad is None
    assert joined.bias.grad is None
    assert inputs.grad.abs().sum() > 0


@pytest.mark.parametrize("family", FAMILIES)
def test_every_block_of_an_encoder_has_it_where_the_architecture_allows(family):
    encoder = small_encoder(family)
    joined = [module for module in encoder.modules() if isinstance(module, ActivatedLinear)]
    # ModernBERT multiplies with a gate between the two.
    assert (LAYOUTS[encoder.model.config.model_type].activated is None) == (family == "modernbert")
    assert len(joined) == (0 if family == "modernbert" else encoder.n_blocks)
    # Or transformers draws its weights a second time when a model is built around the encoder.
    assert all(module._is_hf_initialized for module in joined)
