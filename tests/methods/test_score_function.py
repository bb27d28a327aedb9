"""REINFORCE: on average over all masks of a small text, its gradient is that of the expected cost."""

from itertools import product

import pytest
import torch
from torch.testing import assert_close

from plmr.masking import Units
from plmr.methods import score_function
from plmr.methods.game import Selection
from plmr.methods.score_function import Baseline, drawn, on_trial
from tests.small import PENALTY, small_batch, small_model

N_WORDS = 4
MASKS = [torch.tensor([flags]) for flags in product((0.0, 1.0), repeat=N_WORDS)]
TEXT = {
    "input_ids": torch.tensor([[2, 17, 9, 30, 44, 5, 3]]),
    "attention_mask": torch.ones(1, 7, dtype=torch.long),
    "word_ids": torch.tensor([[-1, 0, 1, 1, 2, 3, -1]]),
}
LABEL = torch.tensor([1])


def chance(mask, probability):
    """P(M), factor by factor."""
    product_ = torch.ones(())
    for flag, keep in zip(mask.flatten().tolist(), probability.flatten(), strict=True):
        product_ = product_ * (keep if flag else 1 - keep)
    return product_


def gradients(loss, parameters):
    found = torch.autograd.grad(loss, parameters, allow_unused=True, retain_graph=True)
    return [torch.zeros_like(p) if g is None else g for p, g in zip(parameters, found, strict=True)]


@pytest.mark.parametrize("baseline", [None, (0.4, -2.0)])
def test_on_tensors_made_by_hand(baseline):
    odds = torch.tensor([[0.3, -1.2, 2.0, 0.1]], requires_grad=True)
    reader = torch.tensor([1.0, -0.5, 0.25, 2.0], requires_grad=True)
    units = Units.from_index(torch.tensor([[-1, 0, 1, 2, 3, -1]]))

    def costs(mask):
        return {"told": (mask * reader).sum(dim=1).square(), "length": mask.sum(dim=1)}

    past = None
    if baseline:
        past = Baseline(2).eval()
        past.mean += torch.tensor(baseline)
    estimate, expected = [torch.zeros_like(odds), torch.zeros_like(reader)], torch.zeros(())
    for mask in MASKS:
        probability = odds.sigmoid()
        losses = on_trial(costs(mask), Selection([mask], [probability]), type("B", (), {"units": units}), past)
        assert {k: v.item() for k, v in losses.items()} == pytest.approx({k: v.item() for k, v in costs(mask).items()})
        weight = chance(mask, probability)
        for total, part in zip(estimate, gradients(sum(losses.values()), [odds, reader]), strict=True):
            total += weight.detach() * part
        expected = expected + weight * sum(costs(mask).values()).sum()
    for found, exact in zip(estimate, gradients(expected, [odds, reader]), strict=True):
        assert_close(found, exact, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("sampler", ["gumbel", "budget"])
@pytest.mark.parametrize("options", [None, {"baseline": True}])
def test_over_all_masks_of_a_text_the_game_follows_the_gradient_of_its_expected_loss(options, sampler, monkeypatch):
    settings = PENALTY | {"class_head_dropout": 0.0, "sparsity_weight": 0.7, "continuity_weight": 0.3}
    settings |= {"sampler": sampler, "sparsity": 0.5}
    model = small_model("gru", method="rnp-reinforce", method_options=options, **settings)
    method, batch = model.method, model.batch(**TEXT, labels=LABEL)
    method.training = True  # masks are drawn; no part drops out
    joint = method.plays()[-1]
    parameters = [p for player in joint.players for m in method.modules_of()[player] for p in m.parameters()]
    estimate, expected = [torch.zeros_like(p) for p in parameters], torch.zeros(())
    for mask in MASKS:
        monkeypatch.setattr(score_function.torch, "bernoulli", lambda _, mask=mask: mask)
        loss = sum(method.losses_in(joint, batch).values())
        probability = method.select(batch).score
        weight = chance(mask, probability)
        for total, part in zip(estimate, gradients(loss, parameters), strict=True):
            total += weight.detach() * part
        expected = expected + weight * loss_of(method, batch, mask, 0.7 if sampler == "gumbel" else 0.0)
    for found, exact in zip(estimate, gradients(expected, parameters), strict=True):
        assert_close(found, exact, atol=1e-5, rtol=1e-3)


def loss_of(method, batch, mask, sparsity_weight):
    """Of a mask: the loss and the constraint of the text, α = 0.5."""
    told = -method.predict(batch, method.given(batch, mask)).log_softmax(dim=-1)[0, 1]
    flags = mask[0].tolist()
    breaks = [abs(a - b) for a, b in zip(flags, flags[1:], strict=False)]
    return told + sparsity_weight * abs(0.5 - sum(flags) / N_WORDS) + 0.3 * sum(breaks) / len(breaks)


@pytest.mark.parametrize(("name", "options"), [("rnp-reinforce", None), ("3player", {"reinforce": True})])
def test_a_budget_is_kept_on_average_by_units_drawn_one_by_one(name, options):
    model = small_model("gru", method=name, method_options=options, smoothing=1)
    texts = model.batch(**small_batch("gru", lengths=(46, 40, 30)))
    asked = [round(0.2 * n) for n in texts.units.count().tolist()]
    with torch.no_grad():
        likeliest = model.method.select(texts)
        model.method.training = True
        selections = [model.method.select(texts) for _ in range(500)]
    assert likeliest.mask.sum(dim=1).tolist() == asked
    assert likeliest.score.sum().item() > sum(asked) + 0.1, "as they were, keep probabilities would draw more"
    assert_close(selections[0].score.sum(dim=1), torch.tensor(asked).float(), atol=1e-3, rtol=0)
    kept = torch.stack([selection.mask.sum(dim=1) for selection in selections]).mean(dim=0)
    assert kept.tolist() == pytest.approx(asked, abs=0.35)
    assert torch.stack([selection.mask for selection in selections]).std(dim=0).max() > 0.4


def test_masks_are_drawn_by_their_probabilities_without_a_gradient():
    probability = torch.tensor([[0.0, 1.0, 0.3]], requires_grad=True)
    units = Units.from_index(torch.tensor([[0, 1, 2]]))
    masks = torch.cat([drawn(Selection([probability], [probability]), units, None).mask for _ in range(2000)])
    assert not masks.requires_grad
    assert set(masks.unique().tolist()) == {0.0, 1.0}
    assert_close(masks.mean(dim=0), probability[0].detach(), atol=0.04, rtol=0)


def test_a_baseline_is_the_mean_of_the_batches_before():
    baseline = Baseline(2)
    first, second = torch.tensor([[1.0, 3.0], [0.0, 4.0]]), torch.tensor([[4.0, 6.0], [1.0, 1.0]])
    assert [baseline(c).tolist() for c in (first, second, second)] == [[0, 0], [2, 2], [3.5, 1.5]]
    before = {name: tensor.clone() for name, tensor in baseline.state_dict().items()}
    baseline.eval()(first)
    assert all(torch.equal(tensor, before[name]) for name, tensor in baseline.state_dict().items())
    baseline.train()
    for _ in range(score_function.MEMORY + 5):
        baseline(first)
    assert baseline.count == score_function.MEMORY
    baseline(second + 200)
    assert_close(baseline.mean, torch.tensor([2.0, 2.0]) + torch.tensor([203.0, 199.0]) / 200, atol=0.05, rtol=0)
