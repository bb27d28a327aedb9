"""Sparsity and continuity against the figures of the paper and plain loops."""

from math import exp, log

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from plmr.masking import Units, constraint, released_constraint, share, sparsity_targets


@pytest.mark.parametrize(
    ("m", "schedule", "expected"),
    [
        (1, "linear", [0.2]),
        (2, "linear", [0.6, 0.2]),
        (3, "linear", [0.733, 0.467, 0.2]),
        (1, "log_linear", [0.2]),
        (2, "log_linear", [0.678, 0.2]),
        (3, "log_linear", [0.797, 0.543, 0.2]),
    ],
)
def test_targets_as_worked_out_by_hand(m, schedule, expected):
    assert sparsity_targets(0.2, m, schedule) == pytest.approx(expected, abs=5e-4)


@given(st.floats(0.01, 0.99), st.integers(1, 6))
def test_targets_fall_to_the_share_asked_for(alpha, m):
    linear, released = (sparsity_targets(alpha, m, schedule) for schedule in ("linear", "log_linear"))
    assert linear == pytest.approx([1 - (1 - alpha) * (j + 1) / m for j in range(m)])
    assert released == pytest.approx([log(((j + 1) * exp(alpha) + (m - j - 1) * exp(1)) / m) for j in range(m)])
    for targets in (linear, released):
        assert targets[-1] == pytest.approx(alpha)
        assert all(later < earlier < 1 for earlier, later in zip(targets, targets[1:], strict=False))


@st.composite
def masked_texts(draw):
    """Masks of one to three blocks over texts of different lengths, as lists."""
    lengths = draw(st.lists(st.integers(1, 8), min_size=1, max_size=4))
    bits = st.integers(0, 1)
    m = draw(st.integers(1, 3))
    return [[draw(st.lists(bits, min_size=n, max_size=n)) for n in lengths] for _ in range(m)]


def padded(texts, value=0):
    width = max(map(len, texts))
    return torch.tensor([[*text, *[value] * (width - len(text))] for text in texts])


def changes(text):
    return [abs(b - a) for a, b in zip(text, text[1:], strict=False)]


def mean(values):
    return sum(values) / len(values) if values else 0.0


@settings(deadline=None, max_examples=60)
@given(masked_texts(), st.floats(0.1, 0.9), st.booleans())
def test_terms_on_units_follow_loops(masks, alpha, padding_kept):
    units = Units.subwords(padded([[1] * len(text) for text in masks[0]]).bool())
    # What a mask says where there is no unit must not matter.
    tensors = [padded(mask, int(padding_kept)).float() for mask in masks]
    targets = sparsity_targets(alpha, len(masks))

    terms = constraint(tensors, units, targets, 3.0, 0.5, "paper")
    sparsity = mean([mean([abs(t - mean(x)) for x in mask]) for mask, t in zip(masks, targets, strict=True)])
    continuity = mean([mean([sum(changes(x)) for x in mask]) for mask in masks])
    assert terms.sparsity.item() == pytest.approx(3 * sparsity, abs=1e-5)
    assert terms.continuity.item() == pytest.approx(0.5 * continuity, abs=1e-5)

    terms = constraint(tensors, units, targets, 3.0, 0.5, "corpus")
    sparsity = mean([abs(t - mean([b for x in mask for b in x])) for mask, t in zip(masks, targets, strict=True)])
    continuity = mean([mean([c for x in mask for c in changes(x)]) for mask in masks])
    assert terms.sparsity.item() == pytest.approx(3 * sparsity, abs=1e-5)
    assert terms.continuity.item() == pytest.approx(0.5 * continuity, abs=1e-5)


def test_the_released_terms_worked_out_by_hand():
    # Two texts of 5 and 3 tokens: the first position counts below the line only, padding is a place to change.
    attention_mask = torch.tensor([[1, 1, 1, 1, 1], [1, 1, 1, 0, 0]])
    first = torch.tensor([[1.0, 1, 1, 0, 1], [1, 1, 1, 0, 0]])
    last = torch.tensor([[1.0, 0, 1, 0, 0], [1, 0, 0, 0, 0]])
    terms = released_constraint([first, last], attention_mask, [0.7, 0.2], 10.0, 4.0, width=5)
    assert terms.sparsity.item() == pytest.approx(10 * (abs(0.7 - 5 / 8) + abs(0.2 - 1 / 8)))
    assert terms.continuity.item() == pytest.approx(4 * (3 / 6 + 2 / 6))
    # Padded to 8 there are three more places to change for each text, where nothing does.
    wide = released_constraint([first, last], attention_mask, [0.7, 0.2], 10.0, 4.0, width=8)
    assert wide.sparsity.item() == terms.sparsity.item()
    assert wide.continuity.item() == pytest.approx(4 * (3 / 12 + 2 / 12))


def test_share_of_a_text_without_units_is_zero():
    units = Units.from_index(torch.tensor([[-1, 0, 1, -1], [-1, -1, -1, -1]]))
    assert share(torch.tensor([[1.0, 0], [1, 1]]), units).tolist() == [0.5, 0]


@pytest.mark.parametrize("form", ["paper", "corpus"])
def test_the_gradient_pulls_the_share_to_the_target(form):
    units = Units.subwords(torch.ones(2, 6, dtype=torch.bool))
    for start, sign in ((1.0, 1), (0.0, -1)):
        mask = torch.full((2, 6), start, requires_grad=True)
        constraint([mask], units, [0.5], 1.0, 0.0, form).sparsity.backward()
        assert (mask.grad * sign > 0).all()
