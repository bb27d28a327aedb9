"""HardKuma, DARE and CR: what their soft masks, multipliers and bounds promise, on tensors made by hand."""

import math

import pytest
import torch
from torch.testing import assert_close

from plmr.masking import Units
from plmr.methods import METHODS, SelectThenPredict
from plmr.methods.cr import CERTAIN
from plmr.methods.dare import Critic, lower_bound, upper_bound
from plmr.methods.game import Batch, Selection
from plmr.methods.hardkuma import Lagrangian, expected_changes
from plmr.methods.losses import prior_divergence
from plmr.modeling import RationaleModel
from tests.methods import formulas
from tests.small import small_batch, small_model

LABELS = torch.tensor([0, 1, 1])
SOFT = [name for name, method in METHODS.items() if issubclass(method, SelectThenPredict) and method.soft]
TWO_TEXTS = Units.from_index(torch.tensor([[-1, 0, 1, 2, 2, -1], [-1, 0, 1, -1, -1, -1]]))
KEEP = [[0.9, 0.4, 0.2], [0.3, 0.8]]


def padded(rows):
    return torch.tensor([[*row, 0.0][:3] for row in rows])


def game_of(name, **options):
    model = small_model(method=name, method_options=options or None).train()
    model.set_progress(0.6)
    return model


@pytest.mark.parametrize("name", SOFT)
def test_masks_are_soft_in_training_and_hard_in_evaluation(name):
    model = game_of(name)
    texts = model.batch(**small_batch())
    mask = model.method.select(texts).mask
    assert ((mask > 0) & (mask < 1)).any() and (mask[~texts.units.valid] == 0).all()
    model.eval()
    with torch.no_grad():
        one, other = (model.method.select(texts) for _ in range(2))
    assert torch.equal(one.mask, other.mask) and set(one.mask.unique().tolist()) <= {0.0, 1.0}
    assert torch.equal(one.mask, (one.score > 0.5).float())
    model.config.thresholds = [0.2]
    assert torch.equal(model.method.select(texts).mask, (one.score > 0.2).float())


@pytest.mark.parametrize("name", SOFT)
@pytest.mark.parametrize("family", ["bert", "modernbert", "gru"])
def test_what_a_soft_mask_keeps_by_a_part_the_predictor_reads_by_a_part(family, name):
    """Whether the generator moves, or rests as while DARE's critic learns."""
    model = small_model(family, method=name).train()
    model.method.predictor.eval()
    model.method.class_head.eval()
    texts = model.batch(**small_batch(family), labels=LABELS)
    mask = texts.everything * torch.linspace(0.1, 0.9, texts.everything.shape[1])
    moving = mask.clone().requires_grad_()
    logits = model.method.predict_from(texts, moving)
    assert_close(model.method.predict_from(texts, mask), logits, atol=1e-5, rtol=1e-4)
    assert (logits - model.method.predict_from(texts, texts.everything)).abs().max() > 1e-3
    logits.square().sum().backward()
    assert moving.grad[texts.units.valid].all()


def test_what_is_expected_of_gates_on_tensors_made_by_hand():
    expected = [formulas.expected_changes([keep]) for keep in KEEP]
    assert_close(expected_changes(padded(KEEP), TWO_TEXTS), torch.tensor(expected))


def test_the_divergence_from_a_prior_on_tensors_made_by_hand():
    for prior in (0.2, 0.95):
        found = prior_divergence(padded(KEEP), prior, TWO_TEXTS).item()
        assert found == pytest.approx(formulas.prior_divergence(KEEP, prior), rel=1e-5)
    assert prior_divergence(torch.full((2, 3), 0.2), 0.2, TWO_TEXTS).item() == pytest.approx(0, abs=1e-6)
    assert math.isfinite(prior_divergence(torch.tensor([[0.0, 1.0, 1.0], [0.0, 1.0, 0.0]]), 1.0, TWO_TEXTS).item())


def test_multipliers_follow_the_average_excess_and_pull_only_where_there_is_one():
    lagrangian = Lagrangian(2, rate=0.5, least=0.1, most=0.3)
    multipliers, averages = [0.1, 0.1], [0.0, 0.0]
    for excess in ([0.8, -0.4], [0.6, 0.2], [-0.1, 0.9], [3.0, -5.0]):
        wanted = torch.tensor(excess, requires_grad=True)
        terms = lagrangian(wanted)
        terms.sum().backward()
        averages = [(c + e) / 2 for c, e in zip(averages, excess, strict=True)]
        grown = [m * math.exp(0.5 * c) for m, c in zip(multipliers, averages, strict=True)]
        multipliers = [min(0.3, max(0.1, m)) for m in grown]
        assert terms.tolist() == pytest.approx([m * max(0, e) for m, e in zip(multipliers, excess, strict=True)])
        assert wanted.grad.tolist() == pytest.approx([m * (e > 0) for m, e in zip(multipliers, excess, strict=True)])
    assert lagrangian.multipliers.tolist() == pytest.approx(multipliers) and multipliers[0] == 0.3


@pytest.mark.parametrize("name", ["hardkuma", "dare"])
def test_multipliers_move_in_training_only_and_are_saved(name, tmp_path):
    model = game_of(name)
    lagrangian, texts = model.method.lagrangian, small_batch()

    def state():
        return {key: tensor.tolist() for key, tensor in lagrangian.state_dict().items()}

    start = state()
    model(**texts, labels=LABELS)
    moved = state()
    assert all(moved[key] != start[key] for key in ("multipliers", "averages"))
    model.eval()
    for labels in (LABELS, None):
        model(**texts, labels=labels)
    assert state() == moved
    model.train().set_progress(0.0)
    model(**texts, labels=LABELS)
    assert state() == moved, "whole texts are in excess of nothing"
    model.eval().save_pretrained(tmp_path)
    lagrangian = RationaleModel.from_pretrained(tmp_path).method.lagrangian
    assert state() == moved


def test_the_bounds_of_information_on_tensors_made_by_hand():
    scores = [[1.2, 0.3, 0.1], [0.4, 2.0, 0.7], [0.2, 0.9, 0.6]]
    lower, upper = formulas.information(scores)
    assert lower_bound(torch.tensor(scores)).item() == pytest.approx(lower, rel=1e-5)
    assert upper_bound(torch.tensor(scores)).item() == pytest.approx(upper, rel=1e-5)
    assert lower_bound(50 * torch.eye(3)).item() == pytest.approx(math.log(3), rel=1e-5)


def test_a_critic_finds_what_pairs_have_in_common():
    """Of two normal numbers with a correlation of 0.9, ½ log 1/(1 − 0.81) = 0.83 nats."""
    critic = Critic(2)
    optimizer = torch.optim.Adam(critic.parameters(), lr=0.05)
    found = []
    for step in range(300):
        one = torch.randn(64, 2)
        other = torch.cat([0.9 * one[:, :1] + math.sqrt(0.19) * torch.randn(64, 1), torch.randn(64, 1)], dim=1)
        lower = lower_bound(critic(one, other))
        optimizer.zero_grad()
        (-lower).backward()
        optimizer.step()
        found.append(lower.item() if step >= 250 else 0.0)
    lower = sum(found) / 50
    assert 0.4 < lower < 0.9


def test_a_share_below_the_one_asked_for_is_an_excess_in_the_released_code_only():
    keep = padded([[0.1, 0.1, 0.1], [0.1, 0.1]])
    batch = Batch(TWO_TEXTS.index, TWO_TEXTS.index >= -1, TWO_TEXTS)
    for released, expected in ((False, -0.1), (True, 0.1)):
        model = small_model(method="dare", method_options={"as_released": released})
        excess = model.method.excess(Selection([keep], [keep]), batch)
        assert excess.tolist() == pytest.approx([expected, 0.18 * (2 / 3 + 1 / 2) / 2 - 0.04], abs=1e-6)


def likelihoods(model, texts, masks):
    logits = [model.method.predict_from(texts, mask) for mask in masks]
    return [
        [formulas.softmax(row)[y] for row, y in zip(each.tolist(), LABELS.tolist(), strict=True)] for each in logits
    ]


@pytest.mark.parametrize("released", [False, True])
def test_every_text_counts_for_necessity_but_in_the_released_code(released):
    model = game_of("cr", left_out=5, as_released=released)
    model.method.predictor.eval()
    model.method.class_head.eval()
    texts = model.batch(**small_batch(lengths=(20, 13, 9)), labels=LABELS)
    mask = texts.everything * 0.3
    mask[0, [1, 4]], mask[2, :2] = 0.9, 0.95  # the second text has nothing that is certain
    mask.requires_grad_()
    logits = model.method.predict_from(texts, mask)
    found = model.method.necessity_loss(texts, Selection([mask], [mask]), logits)
    with torch.no_grad():
        (told,) = likelihoods(model, texts, [mask])
        untold = [[], [], []]
        for row, places in ((0, [1, 4]), (2, [0, 1])):
            for place in places:
                less = mask.clone()
                less[row, place] = 0
                untold[row].append(likelihoods(model, texts, [less])[0][row])
    expected = formulas.necessity(told, untold)
    assert expected[0] < 0 > expected[2] and expected[1] == 0
    wanted = expected[2] if released else formulas.mean(expected)
    assert found.item() == pytest.approx(wanted, abs=1e-5)
    found.backward()
    # A unit that is missed is credited through the rationale that holds it, unless that counts as given.
    assert mask.grad[0].any().item() is not released
    assert mask.grad[2].any() and not mask.grad[1].any()


def test_units_are_left_out_one_at_a_time_and_only_certain_ones():
    model = game_of("cr", left_out=3)
    mask = torch.tensor([[0.9, 0.5, 1.0, 0.85], [CERTAIN, 0.2, 0.99, 0.0], [0.1, 0.1, 0.0, 0.0]])
    masks, there = model.method.missing(Selection([mask], [mask]))
    counts = torch.stack(there).sum(dim=0).tolist()
    assert counts == [3, 1, 0]
    for row, count in enumerate(counts):
        left = [
            (mask[row] - each[row]).nonzero().flatten().tolist() for each, t in zip(masks, there, strict=True) if t[row]
        ]
        assert sorted(left) == [[i] for i in (0, 2, 3)] if row == 0 else len(left) == count
