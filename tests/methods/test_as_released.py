"""What a published figure depends on though the paper's formula has it otherwise."""

import math

import pytest
import torch
from torch.testing import assert_close

from plmr.errors import PlmrError
from plmr.methods.inter_rat import AdjustedHead
from plmr.methods.losses import js_divergence
from plmr.methods.parts import ClassHead
from tests.methods.formulas import adjust, constraint, cross_entropy, mean, softmax
from tests.small import small_batch, small_model

LABELS = torch.tensor([0, 1, 1])


def released(name, **settings):
    return small_model(method=name, method_options={"as_released": True}, **settings).train()


@pytest.mark.parametrize("name", ["mcd", "mrd"])
def test_the_generator_moves_twice_for_its_constraint(name):
    model = released(name, constraint_form="paper")
    first, constrained, second = model.method.plays()
    texts = model.batch(**small_batch(), labels=LABELS)
    assert (first.players, constrained.players, second.players) == (("predictor",), ("generator",), ("generator",))
    torch.manual_seed(1)
    once = model.method.losses_in(constrained, texts)
    torch.manual_seed(1)
    again = model.method.losses_in(second, texts)
    assert once.keys() == {"first_sparsity", "first_continuity"}
    assert once["first_continuity"].item() == again["continuity"].item() > 0
    assert once["first_continuity"].requires_grad
    with torch.no_grad():
        mask = model.eval()(**small_batch()).mask
        found = model.method.losses_in(constrained, texts)
    _, breaks = constraint([mask], small_batch()["word_ids"], [model.config.sparsity], "paper")
    assert breaks > 0
    assert found["first_continuity"].item() == pytest.approx(model.config.continuity_weight * breaks)


@pytest.mark.parametrize(("name", "player"), [("mcd", "predictor"), ("mrd", "predictor"), ("dar", "teacher")])
def test_who_judges_has_dropout_and_no_gradient(name, player):
    model = released(name)
    play, seen = model.method.plays()[-1], []
    (head,) = [module for module in model.method.modules_of()[player] if isinstance(module, ClassHead)]
    head.register_forward_hook(lambda part, *_: seen.append((part.training, part.linear.weight.requires_grad)))
    losses = model.method.losses_in(play, model.batch(**small_batch(), labels=LABELS))
    assert set(seen) == {(True, False)}
    assert sum(losses.values()).requires_grad
    assert all(p.requires_grad for p in model.parameters()) and all(part.training for part in model.modules())
    model.eval()
    seen.clear()
    model(**small_batch(), labels=LABELS)
    assert {training for training, _ in seen} == {False}


@pytest.mark.parametrize("name", ["fr", "dar"])
def test_the_cross_entropies_of_fr_and_dar_count_nine_tenths_in_the_game(name):
    model, paper = released(name).eval(), small_model(method=name)
    paper.load_state_dict(model.state_dict())
    with torch.no_grad():
        output, losses = model(**small_batch(), labels=LABELS), paper(**small_batch(), labels=LABELS).losses
    assert output.losses["rationale"].item() == pytest.approx(0.9 * cross_entropy(output.logits, LABELS), rel=1e-5)
    constraints = {"sparsity", "continuity"}
    assert output.losses.keys() == losses.keys() >= {"rationale", *constraints}
    for term, value in losses.items():
        assert output.losses[term].item() == pytest.approx(
            (1.0 if term in constraints else 0.9) * value.item(), rel=1e-5
        )


def test_a_divergence_with_its_arguments_exchanged_on_tensors_made_by_hand():
    one, other = torch.tensor([[0.0, 1.0, -2.0], [3.0, 0.5, 0.0]]), torch.tensor([[1.0, 1.0, 0.0], [-1.0, 0.0, 2.0]])
    expected = []
    for p, q in zip(map(softmax, one.tolist()), map(softmax, other.tolist()), strict=True):
        middle = [(a + b) / 2 for a, b in zip(p, q, strict=True)]
        expected += [sum(m * math.log(m / x) for m, x in zip(middle, row, strict=True)) for row in (p, q)]
    assert js_divergence(one, other, exchanged=True).item() == pytest.approx(mean(expected), rel=1e-5)
    assert js_divergence(one, other, exchanged=True) != js_divergence(one, other)


def test_labels_have_fixed_shares_whatever_is_counted():
    head = AdjustedHead(2, 2, prior=(0.05, 0.95))
    head.count(torch.tensor([0, 0, 0]))
    states, keys = torch.tensor([[0.3, -0.7], [2.0, 1.0]]), torch.tensor([[1.0, 1.0], [0.0, 2.0]])
    expected = [adjust(row, keys.tolist(), head.labels.tolist(), [5, 95]) for row in states.tolist()]
    assert_close(head.adjust(states, keys).detach(), torch.tensor(expected))
    assert released("inter-rat").method.class_head.prior == (0.05, 0.95)
    assert small_model(method="inter-rat").method.class_head.prior is None
    with pytest.raises(PlmrError, match="shares of two labels.*this model has 3"):
        released("inter-rat", num_labels=3)
