"""Methods with more than one generator, or with one of another form, or another pace."""

import math

import pytest
import torch
from torch.testing import assert_close

from plmr.methods.a2i import wrong_cross_entropy
from plmr.methods.mare import QueryHead
from tests.methods.terms import wrong_cross_entropies
from tests.small import FAMILIES, PENALTY, small_batch, small_model

LABELS = torch.tensor([0, 1, 1])


def test_what_an_attack_aims_at_on_tensors_made_by_hand():
    logits = torch.tensor([[0.0, 1.0, -2.0], [3.0, 0.5, 0.0], [0.0, 0.0, 0.0]])
    labelled = type("Labelled", (), {"targets": torch.tensor([2, 0, 1])})
    actual = wrong_cross_entropy(logits, labelled)
    assert actual.tolist() == pytest.approx(wrong_cross_entropies(logits, labelled.targets))
    assert actual[2].item() == pytest.approx(math.log(3 / 2))  # undecided between all classes
    two = type("Labelled", (), {"targets": torch.tensor([0, 1])})
    expected = torch.nn.functional.cross_entropy(logits[:2, :2], 1 - two.targets, reduction="none")
    assert_close(wrong_cross_entropy(logits[:2, :2], two), expected)


def test_an_attack_on_three_classes_leads_to_any_of_the_wrong_ones_and_the_answer_is_to_be_undecided():
    labelled = type("Labelled", (), {"targets": torch.tensor([0])})
    undecided = math.log(3 / 2)
    to_one, to_both, failed = ([[-2.0, 3.0, -2.0]], [[-2.0, 3.0, 3.0]], [[9.0, 0.0, 0.0]])
    for attack in (to_one, to_both):
        assert wrong_cross_entropy(torch.tensor(attack), labelled).item() < 0.01
    assert wrong_cross_entropy(torch.tensor(failed), labelled).item() > undecided
    logits = torch.tensor(to_one, requires_grad=True)
    for _ in range(2000):
        (gradient,) = torch.autograd.grad(-wrong_cross_entropy(logits, labelled).clamp(max=undecided).sum(), logits)
        logits = (logits - gradient).detach().requires_grad_()
    # As far as to where the right label has its share, but for the last step, and no further.
    assert 1 / 3 <= logits.softmax(dim=1)[0, 0].item() < 0.6


@pytest.mark.parametrize(("right", "told"), [(-20.0, True), (20.0, False)])
def test_a_predictor_learns_from_attacks_only_where_they_succeed(right, told):
    """Where the attack does not, the predictor is not driven on towards the right label."""
    model = small_model(method="a2i", **PENALTY).train()
    texts = model.batch(**small_batch(), labels=torch.ones(3, dtype=torch.long))
    torch.nn.init.zeros_(model.method.class_head.linear.weight)
    model.method.class_head.linear.bias.data = torch.tensor([0.0, right])
    losses = model.method.losses_in(model.method.plays()[-1], texts)
    losses["attack_told"].backward()
    assert bool(model.method.class_head.linear.bias.grad.any()) is told
    assert model.method.mask_head.linear.weight.grad is None
    assert losses["attack_told"].item() == pytest.approx(-math.log(2) if not told else 0, abs=1e-5)


def test_each_generator_moves_at_its_rate_and_the_first_is_used():
    model, batch = small_model(method="mgr", method_options={"n_generators": 4}), small_batch()
    method = model.method
    rates = {player: method.rate_of(player) for player in method.modules_of()}
    assert rates == {"generator": 1, "predictor": 1 / 4, "generator_2": 2, "generator_3": 3, "generator_4": 4}
    before = model(**batch)
    torch.nn.init.normal_(method.other_mask_heads[0].linear.weight)
    assert torch.equal(model(**batch).logits, before.logits)
    model.train().set_progress(0.1)
    assert {method.rate_of(player) for player in rates} == {1.0}  # whole texts are read, by the predictor alone


def test_one_generator_alone_is_rnp():
    model, other = (
        small_model(method=name, method_options=o) for name, o in (("mgr", {"n_generators": 1}), ("rnp", None))
    )
    assert model.state_dict().keys() == other.state_dict().keys()
    assert model.method.rate_of("predictor") == 1


@pytest.mark.parametrize(("sparsity", "rate"), [(0.3, 5 / 17), (0.01, 3 / 17), (0.9, 15 / 17)])
def test_the_predictor_of_dr_moves_by_the_share_that_it_reads(sparsity, rate):
    model = small_model(method="dr", sparsity=sparsity).train()
    assert model.method.rate_of("generator") == 1
    model.set_progress(0.1)
    model(**small_batch(), labels=LABELS)
    assert model.method.rate_of("predictor") == 1
    model.set_progress(1.0)
    batch = small_batch()
    model(**batch, labels=LABELS)
    n_words = [int(ids.max()) + 1 for ids in batch["word_ids"]]
    expected = sum(max(1, round(sparsity * n)) for n in n_words) / sum(n_words)
    assert model.method.rate_of("predictor") == pytest.approx(expected)
    assert model.method.rate_of("generator") == 1


def test_the_rate_of_dr_has_a_floor():
    model = small_model(method="dr", method_options={"least_rate": 0.5}).train()
    model(**small_batch(), labels=LABELS)
    assert model.method.rate_of("predictor") == 0.5


def test_a_query_head_on_tensors_made_by_hand():
    head = QueryHead(3, keep_bias=1.5)
    head.norm = torch.nn.Identity()
    hidden = torch.tensor([[[1.0, -2.0, 0.5], [0.3, 0.0, 2.0], [-1.0, 4.0, 0.1]]])
    query, *keys = hidden[0].tolist()
    asked, offered = head.query.weight.tolist(), head.key.weight.tolist()

    def times(matrix, vector):
        return [sum(a * b for a, b in zip(row, vector, strict=True)) for row in matrix]

    q = times(asked, query)
    expected = [sum(a * b for a, b in zip(q, times(offered, key), strict=True)) / math.sqrt(3) + 1.5 for key in keys]
    logits = head(hidden)
    assert logits.shape == (1, 2, 2)
    assert (logits[..., 1] - logits[..., 0])[0].tolist() == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("family", [*FAMILIES, "gru"])
def test_the_query_reads_the_text_and_no_padding(family):
    model, batch = small_model(family, method="mare", **PENALTY), small_batch(family)
    method = model.method
    with torch.no_grad():
        scores = method.select(model.batch(**batch)).score
        alone = {name: tensor[2:, :7] for name, tensor in batch.items()}
        single = method.select(model.batch(**alone)).score
        assert_close(scores[2, : single.shape[1]], single[0], atol=1e-5, rtol=1e-4)
        method.mask_head.token += 3 * torch.randn_like(method.mask_head.token)
        assert (method.select(model.batch(**batch)).score - scores).abs().max() > 1e-3
