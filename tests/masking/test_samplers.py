"""Samplers: their statistics, and the deterministic mask as an argmax."""

import pytest
import torch

from plmr.masking import gumbel_mask, keep_probability, threshold_mask


@pytest.mark.parametrize("difference", [-2.0, 0.0, 1.5])
def test_gumbel_masks_keep_as_often_as_the_probability_says(difference):
    n = 40_000
    logits = torch.tensor([0.3, 0.3 + difference]).expand(1, n, 2)
    mask = gumbel_mask(logits)
    probability = 1 / (1 + torch.tensor(-difference).exp())
    assert set(mask.unique().tolist()) <= {0.0, 1.0}
    assert abs(mask.mean() - probability) < 4 * (probability * (1 - probability) / n).sqrt()
    assert keep_probability(logits)[0, 0] == pytest.approx(float(probability), abs=1e-6)


def test_the_gradient_raises_keeping_and_lowers_dropping():
    logits = torch.randn(2, 50, 2, requires_grad=True)
    mask = gumbel_mask(logits)
    mask.sum().backward()
    assert (logits.grad[..., 1] > 0).all()
    torch.testing.assert_close(logits.grad[..., 0], -logits.grad[..., 1])


def test_a_low_temperature_hardens_the_gradient():
    logits = torch.randn(1, 2000, 2, requires_grad=True)
    sizes = []
    for temperature in (1.0, 0.05):
        logits.grad = None
        torch.manual_seed(0)
        gumbel_mask(logits, temperature).sum().backward()
        sizes.append(float((logits.grad[..., 1] > 1e-3).float().mean()))
    assert sizes[1] < 0.5 < sizes[0]


def test_noise_is_drawn_in_full_precision():
    assert gumbel_mask(torch.zeros(1, 4, 2, dtype=torch.bfloat16)).dtype == torch.float32


def test_one_half_is_the_argmax_and_a_tie_drops():
    logits = torch.randn(4, 200, 2)
    assert torch.equal(threshold_mask(keep_probability(logits)), logits.argmax(dim=-1).float())
    assert threshold_mask(keep_probability(torch.ones(1, 3, 2))).tolist() == [[0, 0, 0]]


def test_a_higher_threshold_keeps_less():
    probability = torch.tensor([[0.1, 0.4, 0.6, 0.9]])
    assert threshold_mask(probability, 0.3).tolist() == [[0, 1, 1, 1]]
    assert threshold_mask(probability, 0.6).tolist() == [[0, 0, 0, 1]]
