"""HardKuma gates: closed forms and samples against the distribution integrated by numbers."""

import math

import pytest
import torch
from torch.testing import assert_close

from plmr.masking import HardKumaGates

SHAPES = [(0.3, 0.4), (1.0, 1.0), (2.5, 0.7), (0.6, 3.0)]
N = 200_000


def gates(a, b, n=1):
    return HardKumaGates(torch.full((1, n), a), torch.full((1, n), b))


def integral(a, b, low, high, value=lambda s: 1.0):
    """∫ value(s) p(s) ds over a part of (−0.1, 1.1), p the density a b k^(a−1) (1 − k^a)^(b−1) of k = (s + 0.1) / 1.2.

    By the midpoint rule after k = sin²(t): the density may have poles at both ends.
    """
    start, end = (math.asin(math.sqrt(max(0.0, (s + 0.1) / 1.2))) for s in (low, min(high, 1.1)))
    n, total = 20_000, 0.0
    for i in range(n):
        t = start + (end - start) * (i + 0.5) / n
        k = math.sin(t) ** 2
        density = a * b * k ** (a - 1) * (1 - k**a) ** (b - 1)
        total += value(1.2 * k - 0.1) * density * 2 * math.sin(t) * math.cos(t) * (end - start) / n
    return total


@pytest.mark.parametrize(("a", "b"), SHAPES)
def test_what_is_exactly_0_and_1_follows_from_the_density(a, b):
    closed, zero = gates(a, b).exceeds(1).item(), 1 - gates(a, b).exceeds(0).item()
    assert zero == pytest.approx(integral(a, b, -0.1, 0.0), abs=2e-3)
    assert closed == pytest.approx(integral(a, b, 1.0, 1.1), abs=2e-3)
    assert 1 - zero - closed == pytest.approx(integral(a, b, 0.0, 1.0), abs=1e-4)


@pytest.mark.parametrize(("a", "b"), SHAPES)
def test_samples_have_the_moments_of_the_density(a, b):
    z = gates(a, b, N).sample().double()
    for power in (1, 2):
        expected = integral(a, b, 0.0, 1.0, lambda s, n=power: s**n) + integral(a, b, 1.0, 1.1)
        assert z.pow(power).mean().item() == pytest.approx(expected, abs=6e-3)
    assert (z == 0).double().mean().item() == pytest.approx(integral(a, b, -0.1, 0.0), abs=6e-3)
    assert (z == 1).double().mean().item() == pytest.approx(integral(a, b, 1.0, 1.1), abs=6e-3)


def test_quantiles_are_those_of_the_distribution():
    u = torch.tensor([[0.2, 0.5, 0.7]])
    z = gates(1.4, 0.8, 3).at(u)
    for quantile, gate in zip(u[0].tolist(), z[0].tolist(), strict=True):
        assert 0 < gate < 1
        assert 1 - gates(1.4, 0.8).exceeds(gate).item() == pytest.approx(quantile, abs=1e-5)


def test_keeping_has_the_first_shape_and_dropping_the_second():
    found = HardKumaGates.of(torch.tensor([[[-1.0, 2.0]]]))
    assert found.a.item() == pytest.approx(math.log(1 + math.exp(2)))
    assert found.b.item() == pytest.approx(math.log(1 + math.exp(-1)))


def test_gradients_are_numbers_whatever_the_scores():
    steep = torch.tensor([-1e4, -30.0, -5.0, 0.0, 5.0, 99.0, 1e4])
    logits = torch.cartesian_prod(steep, steep)[None].requires_grad_()
    for u in (1e-3, 0.5, 1 - 1e-3):
        found = HardKumaGates.of(logits)
        parts = found.exceeds(0), found.exceeds(1), found.at(torch.full((1, 49), u))
        for part in parts:
            assert part.isfinite().all() and (part >= 0).all() and (part <= 1).all()
            (gradient,) = torch.autograd.grad(part.sum(), logits, retain_graph=True)
            assert gradient.isfinite().all()


def test_the_gradient_of_a_sample_is_that_of_its_quantile():
    logits, u = torch.tensor([[[0.3, 0.5], [-0.4, 0.2]]], dtype=torch.float32), torch.tensor([[0.4, 0.6]])
    step = 1e-2
    for output in (0, 1):
        moved = torch.zeros(2)
        moved[output] = step
        slopes = (HardKumaGates.of(logits + moved).at(u) - HardKumaGates.of(logits - moved).at(u)) / (2 * step)
        wanted = logits.clone().requires_grad_()
        HardKumaGates.of(wanted).at(u).sum().backward()
        assert_close(wanted.grad[..., output], slopes, atol=1e-4, rtol=1e-3)
