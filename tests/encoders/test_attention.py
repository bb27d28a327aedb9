"""The renormalised attention, against loops and derivatives worked out by hand."""

from math import exp

import pytest
import torch
from torch.testing import assert_close

from plmr.encoders import attention
from plmr.encoders.attention import attention_scores, rationale_attention, weighted_attention

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
    return weighted_attention(attention_scores(scores, unit, visible, scale=1.0), unit, keep)


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


def test_what_is_kept_has_the_gradient_of_the_formula():
    leaves = [torch.randn(B, HEADS, T, T), torch.randn(B, HEADS, T, 4), torch.rand(B, T) + 0.1]
    upstream, found = torch.randn(B, HEADS, T, 4), []
    for formula in (
        weighted_attention,
        lambda s, v, m: (s.exp() * m[:, None, None]) @ v / (s.exp() @ m[:, None, :, None]),
    ):
        inputs = [leaf.clone().requires_grad_() for leaf in leaves]
        attended = formula(*inputs)
        found.append([attended, *torch.autograd.grad(attended, inputs, upstream)])
    for ours, expected in zip(*found, strict=True):
        assert_close(ours, expected, atol=1e-5, rtol=1e-4)


def test_the_gradient_of_a_dropped_token_is_what_keeping_it_would_change(scores, visible, keep):
    value, upstream = torch.randn(B, HEADS, T, 4), torch.randn(B, HEADS, T, 4)
    scores = scores.masked_fill(~visible, torch.finfo(torch.float32).min)
    keep = (keep * visible[:, 0, 0]).requires_grad_()
    before = weighted_attention(scores, value, keep)
    before.backward(upstream)
    for b in range(B):
        for dropped in (keep[b] == 0).nonzero()[:, 0].tolist():
            with_it = keep.detach().clone()
            with_it[b, dropped] = 1.0
            change = weighted_attention(scores, value, with_it) - before.detach()
            assert float(keep.grad[b, dropped]) == pytest.approx(float((change * upstream).sum()), abs=1e-5)
            assert keep.grad[b, dropped] != 0 or not visible[b, 0, 0, dropped]


def test_a_row_that_attends_to_dropped_tokens_alone_does_not_drown_the_others():
    # As in the first block of a pre-trained encoder: the kept tokens have e^-60 of the first row.
    scores = torch.zeros(1, 1, 2, 4)
    scores[0, 0, 0, 2] = 60.0
    scores.requires_grad_()
    value = torch.randn(1, 1, 4, 4, requires_grad=True)
    keep = torch.tensor([[1.0, 1.0, 0.0, 0.0]], requires_grad=True)
    upstream = torch.ones(1, 1, 2, 4)
    weighted_attention(scores, value, keep).backward(upstream)
    worth = value.detach().sum(dim=-1)[0, 0]
    for gradient in (scores.grad, value.grad, keep.grad):
        assert gradient.isfinite().all() and gradient.abs().max() < 20
    # Kept, the third token would be all of the first row, and a third of the second.
    others = worth[:2].mean()
    expected = (worth[2] - others) * (1 + 1 / 3)
    assert float(keep.grad[0, 2]) == pytest.approx(float(expected), abs=1e-5)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_dropout_is_that_of_the_weights(wide, dtype):
    query, key, value = (leaf.detach().to(dtype).requires_grad_() for leaf in wide)
    keep = (torch.rand(B, 64) < 0.5).float().requires_grad_()
    scores = attention_scores(query, key, None, 8**-0.5)
    torch.manual_seed(0)
    attended = weighted_attention(scores, value, keep, dropout=0.4)
    upstream = torch.randn_like(attended)
    found = torch.autograd.grad(attended, [query, key, value], upstream, retain_graph=True)
    torch.manual_seed(0)
    shares = scores.float().masked_fill(keep[:, None, None] == 0, -torch.inf).softmax(dim=-1)
    held = torch.empty_like(shares, dtype=torch.bool).bernoulli_(0.6)
    expected = (shares * held / 0.6).to(dtype) @ value
    tolerance = {"atol": 1e-5, "rtol": 1e-4} if dtype == torch.float32 else {"atol": 0.06, "rtol": 0.06}
    assert_close(attended, expected, **tolerance)
    for ours, theirs in zip(found, torch.autograd.grad(expected, [query, key, value], upstream), strict=True):
        assert_close(ours, theirs, **tolerance)


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
