"""The renormalised attention, against loops and derivatives worked out by hand."""

from math import exp

import pytest
import torch
from torch.testing import assert_close

from plmr.encoders import attention
from plmr.encoders.attention import attention_shares, rationale_attention, weighted_attention

B, HEADS, T = 2, 3, 6


@pytest.fixture
def scores():
    return 2 * torch.randn(B, HEADS, T, T)


@pytest.fixture
def visible():
    return torch.tensor([[True] * T, [True] * 4 + [False] * 2])[:, None, None, :]


@pytest.fixture
def keep():
    return torch.tensor([[1.0, 0, 1, 0, 0, 1], [0.0, 1, 1, 0, 1, 1]])


def weights_of(scores, visible, keep):
    """The weights, read off by attending to unit vectors; products with the unit matrix are the scores themselves."""
    unit = torch.eye(T).expand(B, HEADS, T, T)
    return weighted_attention(attention_shares(scores, unit, visible, scale=1.0), unit, keep)


def test_weights_follow_the_formula(scores, visible, keep):
    actual = weights_of(scores, visible, keep)
    for b in range(B):
        for h in range(HEADS):
            for i in range(T):
                terms = [float(keep[b, j]) * float(visible[b, 0, 0, j]) * exp(scores[b, h, i, j]) for j in range(T)]
                expected = [term / sum(terms) for term in terms]
                assert actual[b, h, i].tolist() == pytest.approx(expected, abs=1e-6)


def test_keeping_everything_is_softmax(scores, visible):
    expected = scores.masked_fill(~visible, float("-inf")).softmax(dim=-1)
    assert_close(weights_of(scores, visible, torch.ones(B, T)), expected)
    assert_close(weights_of(scores, None, torch.ones(B, T)), scores.softmax(dim=-1))


def test_the_gradient_reaches_tokens_that_were_not_selected(scores, keep):
    # With p the softmax over all tokens and w the weights: dw_j / dM_u = (δ_ju − w_j) p_u / Σ_k M_k p_k.
    keep = keep.clone().requires_grad_()
    upstream = torch.randn(B, HEADS, T, T)
    weights = weights_of(scores, None, keep)
    (weights * upstream).sum().backward()
    p, w = scores.softmax(dim=-1), weights.detach()
    kept = (p * keep.detach()[:, None, None, :]).sum(dim=-1, keepdim=True)
    expected = ((upstream - (w * upstream).sum(dim=-1, keepdim=True)) * p / kept).sum(dim=(1, 2))
    assert_close(keep.grad, expected, atol=1e-4, rtol=1e-4)
    assert (keep.grad[keep == 0].abs() > 1e-3).all()


def test_keeping_nothing_gives_no_weight_and_no_nan(scores, visible):
    keep = torch.zeros(B, T, requires_grad=True)
    weights = weights_of(scores, visible, keep)
    assert (weights == 0).all()


def test_dropping_by_weight_is_dropping_by_mask(keep):
    query, key, value = torch.randn(3, B, HEADS, T, 8).unbind()
    module = torch.nn.Identity().eval()
    soft, _ = rationale_attention(module, query, key, value, None, keep=keep)
    hard, _ = rationale_attention(module, query, key, value, keep.bool()[:, None, None, :])
    assert soft.shape == (B, T, HEADS, 8)
    assert_close(soft, hard, atol=1e-5, rtol=0)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_a_token_that_sees_nothing_kept_spoils_nothing(dtype):
    query, key, value = (torch.randn(3, B, HEADS, T, 8) * 20).to(dtype).unbind()
    near = ((torch.arange(T)[:, None] - torch.arange(T)).abs() <= 1)[None, None]
    keep = torch.tensor([[1.0, 0, 0, 0, 0, 1]]).expand(B, T)
    attended, _ = rationale_attention(torch.nn.Identity().eval(), query, key, value, near, keep=keep)
    assert attended.isfinite().all()
    assert_close(attended[:, 0], value[:, :, 0])  # it sees itself alone


@pytest.fixture
def wide():
    """Queries, keys and values of a text that is much longer than they are wide, as leaves."""
    return [torch.randn(B, HEADS, 64, 8, requires_grad=True) for _ in range(3)]


def attended_and_saved(inputs, keep, module):
    """The attended values under dropout, and how many numbers autograd holds for them."""
    saved = []

    def note(tensor):
        saved.append(tensor.numel())
        return tensor

    torch.manual_seed(1)
    with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
        attended, _ = rationale_attention(module, *inputs, None, dropout=0.1, keep=keep)
    return attended, sum(saved)


@pytest.mark.parametrize("masked", [True, False])
def test_long_texts_are_attended_to_again_in_the_backward_pass(wide, masked, monkeypatch):
    keep = (torch.rand(B, 64) < 0.5).float().requires_grad_() if masked else None
    leaves = [*wide, keep] if masked else wide
    module, upstream = torch.nn.Identity().train(), torch.randn(B, 64, HEADS, 8)
    found = {}
    for again in (True, False):
        if not again:
            monkeypatch.setattr(attention, "worth_recomputing", lambda *_: False)
        attended, saved = attended_and_saved(wide, keep, module)
        found[again] = (attended, torch.autograd.grad(attended, leaves, upstream), saved)
    assert_close(found[True][0], found[False][0], rtol=0, atol=0)
    assert_close(found[True][1], found[False][1])
    weights = B * HEADS * 64 * 64
    assert found[True][2] < weights < found[False][2]


def test_short_texts_and_the_fused_kernel_are_not(wide):
    short = [x[:, :, :24] for x in wide]
    for inputs, dropout in ((short, 0.1), (wide, 0.0)):
        assert not attention.worth_recomputing(inputs[0], None, dropout)
