"""Samplers: their statistics, the budget that they meet, and the deterministic mask as an argmax."""

import math

import pytest
import torch
from torch.testing import assert_close

from plmr.masking import (
    damp_mean,
    expected_budget,
    gumbel_noise,
    keep_probability,
    relaxed,
    smooth,
    standardize,
    straight_through,
    threshold_mask,
    within_budget,
)


def everywhere(logits):
    return torch.ones(logits.shape[:2], dtype=torch.bool)


def sampled(logits, temperature=1.0):
    return straight_through(logits + gumbel_noise(logits, everywhere(logits)), temperature)


@pytest.mark.parametrize("difference", [-2.0, 0.0, 1.5])
def test_gumbel_masks_keep_as_often_as_the_probability_says(difference):
    n = 40_000
    logits = torch.tensor([0.3, 0.3 + difference]).expand(1, n, 2)
    mask = sampled(logits)
    probability = 1 / (1 + torch.tensor(-difference).exp())
    assert set(mask.unique().tolist()) <= {0.0, 1.0}
    assert abs(mask.mean() - probability) < 4 * (probability * (1 - probability) / n).sqrt()
    assert keep_probability(logits)[0, 0] == pytest.approx(float(probability), abs=1e-6)


@pytest.mark.parametrize("window", [1, 5])
def test_noise_has_the_moments_of_the_gumbel_distribution_whatever_the_window(window):
    like = torch.zeros(200, 300, 2)
    noise = gumbel_noise(like, everywhere(like), window)[:, window:-window]
    assert float(noise.mean()) == pytest.approx(0, abs=0.03)
    assert float(noise.var()) == pytest.approx(math.pi**2 / 6, abs=0.05)
    centred = noise - noise.mean()
    shared = (centred[:, 1:] * centred[:, :-1]).mean() / noise.var()
    assert float(shared) == pytest.approx(
        {1: 0, 5: (1 * 2 + 2 * 3 + 3 * 2 + 2 * 1) / (1 + 4 + 9 + 4 + 1)}[window], abs=0.03
    )


@pytest.mark.parametrize("temperature", [0.5, 2.0])
def test_a_soft_mask_is_above_one_half_as_often_as_a_hard_one_is_1(temperature):
    n = 40_000
    logits = torch.tensor([0.3, 1.1]).expand(1, n, 2)
    mask = relaxed(logits + gumbel_noise(logits, everywhere(logits)), temperature)
    assert mask.min() >= 0 and mask.max() <= 1
    # At other levels too: sigmoid((odds + L) / τ) > c where the logistic L > τ logit(c) − odds.
    for level in (0.2, 0.5, 0.9):
        expected = 1 / (1 + math.exp(temperature * math.log(level / (1 - level)) - 0.8))
        assert float((mask > level).float().mean()) == pytest.approx(expected, abs=0.01)


def test_the_gradient_raises_keeping_and_lowers_dropping():
    logits = torch.randn(2, 50, 2, requires_grad=True)
    sampled(logits).sum().backward()
    assert (logits.grad[..., 1] > 0).all()
    assert_close(logits.grad[..., 0], -logits.grad[..., 1])


def test_a_low_temperature_hardens_the_gradient():
    logits = torch.randn(1, 2000, 2, requires_grad=True)
    sizes = []
    for temperature in (1.0, 0.05):
        logits.grad = None
        torch.manual_seed(0)
        sampled(logits, temperature).sum().backward()
        sizes.append(float((logits.grad[..., 1] > 1e-3).float().mean()))
    assert sizes[1] < 0.5 < sizes[0]


def test_a_budget_is_met_exactly_by_the_highest_odds():
    logits = torch.randn(5, 30, 2)
    valid = torch.rand(5, 30) < 0.7
    counts = torch.tensor([1, 4, 9, 30, 0])
    mask = threshold_mask(keep_probability(within_budget(logits, valid, counts))) * valid
    n = valid.sum(dim=1)
    assert mask.sum(dim=1).tolist() == [1, 4, 9, int(n[3]), 1]
    odds = logits[..., 1] - logits[..., 0]
    for row in range(5):
        kept, left = odds[row][mask[row].bool()], odds[row][valid[row] & ~mask[row].bool()]
        assert left.numel() == 0 or kept.min() > left.max()
    assert within_budget(logits, torch.zeros_like(valid), counts).isfinite().all()


@pytest.mark.parametrize("temperature", [0.1, 1.0, 100.0])
def test_a_budget_is_met_where_units_tie_and_the_first_go_first(temperature):
    scores = torch.tensor([[0.0] * 6, [2, 1, 1, 1, 1, 0], [1, 1, 2, 1, 1, 1], [3e-8, 2e-8, 1e-8, 4e-8, 0, 5e-8]])
    valid = torch.tensor([[True] * 6, [True] * 6, [False, *[True] * 5], [True] * 6])
    expected = torch.tensor([[1, 1, 1, 0, 0, 0], [1, 1, 1, 0, 0, 0], [0, 1, 1, 1, 0, 0], [1, 0, 0, 1, 0, 1]])
    logits = torch.stack([torch.zeros_like(scores), scores], dim=-1)
    budgeted = within_budget(logits, valid, torch.full((4,), 3))
    assert (straight_through(budgeted, temperature).round() * valid).tolist() == expected.tolist()
    assert (threshold_mask(keep_probability(budgeted)) * valid).tolist() == expected.tolist()


def test_ties_are_broken_without_moving_anything_else():
    logits = torch.randn(4, 30, 2, requires_grad=True)
    counts = torch.tensor([3, 5, 7, 30])
    budgeted = within_budget(logits, everywhere(logits), counts)
    odds = (logits[..., 1] - logits[..., 0]).detach()
    for row, count in enumerate(counts.tolist()):
        ordered = odds[row].sort(descending=True).values
        middle = (ordered[count - 1] + (ordered[count] if count < 30 else ordered[-1] - 1)) / 2
        middle = torch.maximum(middle, ordered[count - 1] - 0.5)
        assert_close(keep_probability(budgeted)[row], (odds[row] - middle).sigmoid(), atol=3e-5, rtol=0)
    tied = torch.zeros(1, 5, 2, requires_grad=True)
    keep_probability(within_budget(tied, everywhere(tied), torch.tensor([2]))).sum().backward()
    assert_close(tied.grad[..., 1], torch.full((1, 5), 0.25), atol=1e-6, rtol=0)


def test_what_an_earlier_step_pruned_still_learns_of_its_worth():
    """M = M' ⊙ M_before: the gradient that reaches M_before at a pruned unit is M' there, and may be 1."""
    logits = torch.tensor([[[0.0, 3.0], [0.0, 1.0], [0.0, -2.0], [0.0, 2.0]]])
    alive = torch.tensor([[False, True, True, True]])
    before = torch.tensor([[0.0, 1.0, 1.0, 1.0]], requires_grad=True)
    mask = straight_through(within_budget(logits, alive, torch.tensor([2]))) * before
    assert mask.tolist() == [[0, 1, 0, 1]]
    mask.sum().backward()
    assert before.grad.tolist() == [[1, 1, 0, 1]]


def test_a_budget_asks_for_an_order_and_for_nothing_else():
    """Odds that all rise together change nothing, and have no gradient to rise by."""
    logits = torch.randn(3, 20, 2, requires_grad=True)
    valid, counts = everywhere(logits), torch.tensor([3, 5, 7])
    raised = logits + torch.tensor([0.0, 2.5])
    assert_close(within_budget(logits, valid, counts), within_budget(raised, valid, counts), atol=1e-5, rtol=0)
    straight_through(standardize(logits, valid, 3.0)).sum().backward()
    assert_close(logits.grad.sum(dim=1), torch.zeros(3, 2), atol=1e-5, rtol=0)


def test_standardized_odds_have_the_spread_asked_for():
    logits, valid = torch.randn(4, 60, 2) * 20, torch.rand(4, 60) < 0.8
    odds = standardize(logits, valid, 3.0).diff(dim=-1)[..., 0]
    for row in range(4):
        own = odds[row][valid[row]]
        assert float(own.mean()) == pytest.approx(0, abs=1e-4)
        assert float(own.std(unbiased=False)) == pytest.approx(3.0, abs=1e-3)


def test_a_penalty_can_reach_any_share_with_a_spread():
    """The mean is what it reaches it by; with that at 0 and a spread of 3, a third is the least that is kept."""
    odds = torch.randn(1, 200, generator=torch.Generator().manual_seed(1))
    valid = torch.ones_like(odds, dtype=torch.bool)

    def share(shift: float, **settings: bool) -> float:
        logits = torch.stack([torch.zeros_like(odds), odds + shift], dim=-1)
        return float(keep_probability(standardize(logits, valid, 3.0, **settings)).mean())

    assert share(-20.0, centred=False) < 0.02 and share(20.0, centred=False) > 0.98
    assert share(-20.0) == pytest.approx(share(20.0), abs=1e-3) and share(-20.0) > 0.4
    own = standardize(torch.stack([torch.zeros_like(odds), odds - 20], dim=-1), valid, 3.0, centred=False).diff(dim=-1)
    assert float(own.std(unbiased=False)) == pytest.approx(3.0, abs=1e-2)
    assert float(own.mean()) == pytest.approx(float(odds.mean()) - 20, abs=1e-3)


def test_a_damped_mean_leaves_what_tells_units_apart():
    logits, valid = torch.randn(4, 60, 2) * 5 + torch.tensor([2.0, 9.0]), torch.rand(4, 60) < 0.8
    before, after = (both.diff(dim=-1)[..., 0] for both in (logits, damp_mean(logits, valid, 0.1)))
    for row in range(4):
        own, found = before[row][valid[row]], after[row][valid[row]]
        assert_close(found.mean(), own.mean() / 10)
        assert_close(found - found[0], own - own[0], atol=1e-5, rtol=1e-4)
    assert_close(damp_mean(logits, valid, 1.0).diff(dim=-1)[..., 0], before)
    assert damp_mean(logits[:1], torch.zeros(1, 60, dtype=torch.bool), 0.1).isfinite().all()


def test_smoothing_is_the_mean_of_the_neighbours_there_are():
    values = torch.tensor([[[1.0], [2.0], [4.0], [8.0], [100.0]]])
    valid = torch.tensor([[True, True, True, True, False]])
    assert_close(smooth(values, valid, 3)[0, :, 0], torch.tensor([4 / 3, 9 / 4, 18 / 4, 20 / 3, 0.0]))
    assert smooth(values, valid, 1) is values


def test_a_dropped_unit_is_smoothed_too_and_counts_for_none_of_its_neighbours():
    values = torch.tensor([[[1.0], [2.0], [4.0], [8.0], [100.0]]])
    valid = torch.tensor([[True, True, True, True, False]])
    standing = torch.tensor([[True, False, False, True, False]])
    expected = torch.tensor([1.0, (1 + 2 * 2) / 3, (2 * 4 + 8) / 3, 8.0, 0.0])
    assert_close(smooth(values, valid, 3, standing)[0, :, 0], expected)
    assert_close(smooth(values, valid, 3, valid), smooth(values, valid, 3))


def test_one_half_is_the_argmax_and_a_tie_drops():
    logits = torch.randn(4, 200, 2)
    assert torch.equal(threshold_mask(keep_probability(logits)), logits.argmax(dim=-1).float())
    assert threshold_mask(keep_probability(torch.ones(1, 3, 2))).tolist() == [[0, 0, 0]]


def test_a_higher_threshold_keeps_less():
    probability = torch.tensor([[0.1, 0.4, 0.6, 0.9]])
    assert threshold_mask(probability, 0.3).tolist() == [[0, 1, 1, 1]]
    assert threshold_mask(probability, 0.6).tolist() == [[0, 0, 0, 1]]


def test_units_drawn_one_by_one_are_on_average_as_many_as_the_budget():
    odds = 3 * torch.randn(4, 40)
    valid = torch.arange(40) < torch.tensor([40, 25, 3, 0])[:, None]
    counts = torch.tensor([8, 5, 0, 2])
    found = expected_budget(odds.sigmoid(), valid, counts)
    assert_close(found.sum(dim=1), torch.tensor([8.0, 5.0, 1.0, 0.0]), atol=1e-4, rtol=0)
    assert not found[~valid].any()
    moved = found.logit() - odds
    for row in range(3):
        assert_close(moved[row][valid[row]], moved[row][0].expand(int(valid[row].sum())), atol=1e-2, rtol=0)
    share = torch.bernoulli(found[0].expand(4000, 40)).sum(dim=1).mean()
    assert share.item() == pytest.approx(8, abs=0.15)


def test_likeliest_units_as_many_as_the_budget_are_fewer_than_their_chances_would_draw():
    """Of normal log-odds with the spread of the defaults, a fifth of the units would become 23 to 24 in a hundred."""
    odds, counts = 3 * torch.randn(500, 100), torch.full((500,), 20)
    valid = torch.ones(500, 100, dtype=torch.bool)
    likeliest = keep_probability(within_budget(torch.stack([-odds / 2, odds / 2], dim=-1), valid, counts))
    assert ((likeliest > 0.5).sum(dim=1) == 20).all()
    assert likeliest.mean().item() == pytest.approx(0.235, abs=0.005)
    found = expected_budget(likeliest, valid, counts)
    assert found.mean().item() == pytest.approx(0.2, abs=1e-5)
    assert torch.equal(found[0].argsort(stable=True), likeliest[0].argsort(stable=True))


def test_a_budget_of_all_keeps_all():
    found = expected_budget(torch.tensor([[1e-9, 0.3, 1.0]]), torch.ones(1, 3, dtype=torch.bool), torch.tensor([5]))
    assert_close(found, torch.ones(1, 3))


def test_the_gradient_of_an_expected_budget_is_that_of_odds_whose_sum_of_chances_stands():
    """By the implicit function theorem: ∂m_u/∂o_v = w_u (δ_uv − w_v / Σw), w = m (1 − m)."""
    odds = torch.tensor([[0.3, -1.2, 2.0, 0.1, 5.0]], requires_grad=True)
    valid = torch.tensor([[True, True, True, True, False]])
    found = expected_budget(odds.sigmoid(), valid, torch.tensor([2]))
    m = found[0, :4].tolist()
    w = [p * (1 - p) for p in m]
    for u in range(4):
        (gradient,) = torch.autograd.grad(found[0, u], odds, retain_graph=True)
        expected = [w[u] * ((u == v) - w[v] / sum(w)) for v in range(4)]
        assert gradient[0].tolist() == pytest.approx([*expected, 0.0], abs=1e-5)
