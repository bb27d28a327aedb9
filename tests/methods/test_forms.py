"""The terms of methods whose options change their form, and what environments do, by their formulas."""

import pytest
import torch
from torch.testing import assert_close

from plmr.methods.dmr import moment_discrepancy
from tests.methods import formulas
from tests.methods.formulas import read_masked
from tests.small import PENALTY, small_batch, small_model

LABELS = torch.tensor([0, 1, 1])
SETTINGS = PENALTY | {"score_spread": 3.0, "sparsity": 0.3, "sparsity_weight": 7.0, "continuity_weight": 3.0}


def model_of(name, **options):
    return small_model(seed=1, method=name, method_options=options, **SETTINGS)


def answers_of(model, batch):
    with torch.no_grad():
        output = model(**batch)
        losses = model(**batch, labels=LABELS).losses
    return output, {name: term.item() for name, term in losses.items()}


def test_three_players_on_trial_lose_by_mistakes_and_each_text_by_its_own_mask():
    model, batch = model_of("3player", complement_weight=1.7, reinforce=True), small_batch()
    output, losses = answers_of(model, batch)
    rest = (batch["word_ids"] >= 0).float() - output.mask
    with torch.no_grad():
        answers = read_masked(model.method.complement, model.method.complement_head, batch, rest)
    right, rest_right = (
        [float(row.index(max(row)) == y) for row, y in zip(logits.tolist(), LABELS.tolist(), strict=True)]
        for logits in (output.logits, answers)
    )
    sparsity, continuity = formulas.text_constraint(output.mask, batch["word_ids"], 0.3)
    expected = {
        "complement": formulas.cross_entropy(answers, LABELS),
        "rationale": formulas.cross_entropy(output.logits, LABELS),
        "mistakes": formulas.mean([1 - a + 1.7 * (c - a) for a, c in zip(right, rest_right, strict=True)]),
        "sparsity": 7 * sparsity,
        "continuity": 3 * continuity,
    }
    assert losses == pytest.approx(expected, abs=1e-5)


def test_on_trial_the_third_player_learns_from_drawn_masks_and_the_baseline_is_kept():
    model = model_of("3player", reinforce=True).train()
    texts, (alone, joint) = model.batch(**small_batch(), labels=LABELS), model.method.plays()
    model.method.losses_in(alone, texts)
    assert model.method.baseline.count == 0
    losses = model.method.losses_in(joint, texts)
    assert model.method.baseline.mean.tolist() == pytest.approx(
        [losses[name].item() for name in ("mistakes", "sparsity", "continuity")]
    )
    assert model_of("3player").method.baseline is None


def test_the_released_agreement_moves_the_predictor_and_not_the_generator():
    model, batch = model_of("a2r", gap_weight=1.7, as_released=True), small_batch()
    output, losses = answers_of(model, batch)
    method, texts = model.method, model.batch(**batch, labels=LABELS)
    with torch.no_grad():
        soft = method.predict_softly(texts, method.select(texts))
    gap = 1.7 * (formulas.kl(output.logits, soft) + formulas.kl(soft, output.logits))
    assert losses["gap"] == pytest.approx(gap, abs=1e-5)
    by_play = [set(method.losses_in(play, texts)) for play in method.plays()]
    assert by_play == [{"rationale", "attention", "gap"}, {"attended", "sparsity", "continuity"}]


@pytest.mark.parametrize("sparsity", [0.3, 0.95])
def test_attention_goes_by_the_odds_whatever_the_budget(sparsity):
    """Also while a budget keeps nearly all, and the keep probabilities of the likeliest units are 1, and alike."""
    model, batch = small_model(method="a2r", sparsity=sparsity, smoothing=1, score_spread=20.0).train(), small_batch()
    method, texts = model.method, model.batch(**batch, labels=LABELS)
    selection = method.select(texts)
    attention = method.attention(texts, selection)
    for row, given in enumerate(method.mask_head(selection.hidden).diff(dim=-1)[..., 0]):
        ids = batch["word_ids"][row]
        odds = torch.stack([given[ids == word].mean() for word in range(int(ids.max()) + 1)])
        odds = (odds - odds.mean()) * 20 / (odds.var(unbiased=False) + 1e-3).sqrt()
        assert_close(attention[row, : len(odds)], odds.softmax(dim=0), atol=1e-4, rtol=0)
        assert not attention[row, len(odds) :].any()
    assert_close(attention.sum(dim=1), torch.ones(3))
    gradients = torch.autograd.grad(attention.max(dim=1).values.sum(), method.mask_head.linear.weight)
    assert gradients[0].any()


def test_moments_on_samples_made_by_hand():
    one, other = torch.tensor([[0.5, -0.5], [0.1, 0.3], [-0.9, 0.2]]), torch.tensor([[0.2, 0.0], [0.9, -0.4]])
    assert moment_discrepancy(one, other).item() == pytest.approx(formulas.moments(one.tolist(), other.tolist()))
    # One mean, other spreads: the released code's discrepancy would be nothing.
    narrow, wide = torch.tensor([[0.1], [-0.1]]), torch.tensor([[0.7], [-0.7]])
    expected = (0.49 - 0.01) / 4 + (0.7**4 - 0.1**4) / 16
    assert moment_discrepancy(narrow, wide).item() == pytest.approx(expected)
    same = one.clone().requires_grad_()
    moment_discrepancy(same, one).backward()
    assert same.grad.isfinite().all()


def test_only_the_aware_predictor_knows_where_a_text_comes_from():
    model, batch = model_of("invrat", environments=3, invariance_weight=1.7), small_batch()
    method, environments = model.method, torch.tensor([2, 0, 1])
    texts = model.batch(**batch, labels=LABELS, environments=environments)
    with torch.no_grad():
        mask = model(**batch).mask
        vectors = method.environment_vectors.weight[environments][:, None]
        expected = read_masked(method.aware, method.aware_head, batch, mask, entry=vectors)
        assert_close(method.predict_aware(texts, method.select(texts).mask), expected, atol=1e-5, rtol=1e-4)
        output = model(**batch, labels=LABELS, environments=environments)
    told, aware = formulas.cross_entropy(output.logits, LABELS), formulas.cross_entropy(expected, LABELS)
    assert output.losses["aware"].item() == pytest.approx(aware, abs=1e-5)
    assert output.losses["invariance"].item() == pytest.approx(1.7 * max(0, told - aware), abs=1e-5)
    assert_close(output.logits, model(**batch).logits)


@pytest.mark.parametrize(("wrong", "pays"), [(20.0, False), (0.0, True)])
def test_the_generator_pays_where_the_environment_tells_more(wrong, pays):
    model = model_of("invrat")
    method = model.method
    for head, logit in ((method.class_head, 3.0), (method.aware_head, wrong)):
        torch.nn.init.zeros_(head.linear.weight)
        head.linear.bias.data = torch.tensor([logit, 0.0])  # two of three labels are 1
    losses = model(**small_batch(), labels=LABELS).losses
    assert (losses["invariance"].item() > 0) is pays


def test_a_round_is_seven_batches():
    model = model_of("invrat", round_robin=True).train()
    texts = model.batch(**small_batch(), labels=LABELS)
    seen = []
    for _ in range(9):
        (play,) = model.method.plays()
        seen.append(play.players)
        model.method.losses_in(play, texts)
    assert seen == [("generator",), *[("predictor",)] * 3, *[("aware",)] * 3, ("generator",), ("predictor",)]
    model.eval()
    model.method.losses_in(model.method.plays()[0], texts)
    assert model.method.turn == 9
    model.train().method.progress = 0.0
    model.method.config.sparsity_delay = 0.2
    plays = model.method.plays()
    for play in plays:
        model.method.losses_in(play, texts)
    assert model.method.turn == 9 and [play.players for play in plays] == [("aware",), ("predictor",)]
