"""The renormalised attention, against loops and derivatives worked out by hand."""

from math import exp

import pytest
import torch
from torch.testing import assert_close

from plmr.encoders import attention
from plmr.encoders.attention import attention_scores, rationale_attention, weighted_attention

B, HEADS, T, LONG = 2, 3, 6, 64


@pytest.fixture
def scores():
    return 2 * torch.randn(B, HEADS, T, T)


@pytest.fixture
def visible():
    return torch.tensor([[True] * T, [True] * 4 + [False] * 2])[:, None, None, :]


@pytest.fixture
def keep():
    return torch.tensor([[1.0, 0, 1, 0, 0, 1], [0.0, 1, 1, 0, 1, 1]])


def attend(scores, value, keep, visible=None, dropout=0.0):
    """`weighted_attention` with given scores: the products with the unit matrix."""
    unit = torch.eye(scores.shape[-1]).expand_as(scores)
    return weighted_attention(scores, unit, value, keep, visible, 1.0, dropout)


def weights_of(scores, visible, keep):
    """The weights, read off by attending to unit vectors."""
    return attend(scores, torch.eye(T).expand(B, HEADS, T, T), keep, visible)


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
        attend,
        lambda s, v, m: (s.exp() * m[:, None, None]) @ v / (s.exp() @ m[:, None, :, None]),
    ):
        inputs = [leaf.clone().requires_grad_() for leaf in leaves]
        attended = formula(*inputs)
        found.append([attended, *torch.autograd.grad(attended, inputs, upstream)])
    for ours, expected in zip(*found, strict=True):
        assert_close(ours, expected, atol=1e-5, rtol=1e-4)


def test_the_gradient_of_a_dropped_token_is_what_keeping_it_would_change(scores, visible, keep):
    value, upstream = torch.randn(B, HEADS, T, 4), torch.randn(B, HEADS, T, 4)
    keep = (keep * visible[:, 0, 0]).requires_grad_()
    before = attend(scores, value, keep, visible)
    before.backward(upstream)
    for b in range(B):
        for dropped in (keep[b] == 0).nonzero()[:, 0].tolist():
            with_it = keep.detach().clone()
            with_it[b, dropped] = 1.0
            change = attend(scores, value, with_it, visible) - before.detach()
            assert float(keep.grad[b, dropped]) == pytest.approx(float((change * upstream).sum()), abs=1e-5)
            assert keep.grad[b, dropped] != 0 or not visible[b, 0, 0, dropped]


def test_a_row_that_attends_to_dropped_tokens_alone_does_not_drown_the_others():
    # As in the first block of a pre-trained encoder: the kept tokens have e^-60 of the first row.
    scores = torch.zeros(1, 1, 4, 4)
    scores[0, 0, 0, 2] = 60.0
    scores.requires_grad_()
    value = torch.randn(1, 1, 4, 4, requires_grad=True)
    keep = torch.tensor([[1.0, 1.0, 0.0, 0.0]], requires_grad=True)
    upstream = torch.zeros(1, 1, 4, 4)
    upstream[0, 0, :2] = 1.0
    attend(scores, value, keep).backward(upstream)
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
    keep = (torch.rand(B, LONG) < 0.5).float().requires_grad_()
    scores = attention_scores(query, key, None, 8**-0.5)
    torch.manual_seed(0)
    unit = torch.eye(LONG).expand(B, HEADS, LONG, LONG).to(dtype)
    kept = (keep > 0)[:, None, None].expand_as(scores)
    held = weighted_attention(query, key, unit, keep, None, 8**-0.5, 0.4) > 0
    assert not held[~kept].any()
    assert float(held[kept].float().mean()) == pytest.approx(0.6, abs=0.01)
    torch.manual_seed(0)
    attended = weighted_attention(query, key, value, keep, None, 8**-0.5, 0.4)
    shares = scores.float().masked_fill(~kept, -torch.inf).softmax(dim=-1)
    expected = (shares * held / 0.6).to(dtype) @ value
    tolerance = {"atol": 1e-5, "rtol": 1e-4} if dtype == torch.float32 else {"atol": 0.06, "rtol": 0.06}
    assert_close(attended, expected, **tolerance)
    upstream, leaves = torch.randn_like(attended), [query, key, value]
    found = torch.autograd.grad(attended, leaves, upstream)
    for ours, theirs in zip(found, torch.autograd.grad(expected, leaves, upstream), strict=True):
        assert_close(ours, theirs, **tolerance)


def test_dropout_draws_anew_for_every_text_head_and_call(wide, monkeypatch):
    monkeypatch.setattr(attention, "_parts", lambda query: (slice(i, i + 1) for i in range(len(query))))
    alike = [x.detach()[:1, :1].expand(B, HEADS, LONG, 8) for x in wide[:2]]
    unit = torch.eye(LONG).expand(B, HEADS, LONG, LONG)
    held = [weighted_attention(*alike, unit, torch.ones(B, LONG), None, 1.0, 0.5) > 0 for _ in range(2)]
    for one, other in ((held[0][0], held[0][1]), (held[0][0, 0], held[0][0, 1]), (held[0], held[1])):
        assert float((one == other).float().mean()) == pytest.approx(0.5, abs=0.03)


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
    return [torch.randn(B, HEADS, LONG, 8, requires_grad=True) for _ in range(3)]


@pytest.mark.parametrize("seen", ["all", "padded", "near"])
def test_text_by_text_is_as_all_at_once(wide, seen, monkeypatch):
    padded = torch.arange(LONG)[None] < torch.tensor([[LONG], [LONG - 9]])
    near = (torch.arange(LONG)[:, None] - torch.arange(LONG)).abs() <= 5
    visible = {"all": None, "padded": padded[:, None, None], "near": near[None, None]}[seen]
    leaves = [*wide, (torch.rand(B, LONG) < 0.5).float().requires_grad_()]
    upstream, found = torch.randn(B, HEADS, LONG, 8), []
    for texts in (1, B):
        parts = [slice(start, start + texts) for start in range(0, B, texts)]
        monkeypatch.setattr(attention, "_parts", lambda _, parts=parts: parts)
        attended = weighted_attention(*leaves, visible, 8**-0.5)
        found.append([attended, *torch.autograd.grad(attended, leaves, upstream)])
    assert_close(*found)


def test_parts_are_few_for_short_texts_and_cover_the_batch():
    for length, parts in ((16, 1), (256, 7), (2000, 7)):
        found = list(attention._parts(torch.empty(7, 12, length, 1)))
        assert len(found) == parts
        assert [i for part in found for i in range(7)[part]] == list(range(7))


@pytest.mark.parametrize("masked", [True, False])
def test_no_weights_are_held_for_the_backward_pass(wide, masked):
    keep = (torch.rand(B, LONG) < 0.5).float().requires_grad_() if masked else None
    held = []

    def note(tensor):
        held.append(tensor.numel())
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
        rationale_attention(torch.nn.Identity().train(), *wide, None, dropout=0.1, keep=keep)
    assert held and sum(held) < B * HEADS * LONG * LONG


def test_autocasting_changes_the_weights_of_neither_pass(wide):
    # Queries of ModernBERT are float32 under autocasting, and backward runs without it.
    keep = (torch.rand(B, LONG) < 0.5).float().requires_grad_()
    leaves, upstream, found = [*wide, keep], torch.randn(B, HEADS, LONG, 8), []
    for enabled in (True, False):
        with torch.autocast("cpu", torch.bfloat16, enabled=enabled):
            attended = weighted_attention(*leaves, None, 8**-0.5)
        found.append([attended, *torch.autograd.grad(attended, leaves, upstream)])
    assert_close(*found, rtol=0, atol=0)
