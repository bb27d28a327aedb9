"""PLMR: where it cuts the encoder, and which words its steps keep."""

import pytest
import torch

from plmr.errors import PlmrError
from plmr.masking import Units
from plmr.methods.plmr import default_depth
from plmr.modeling import RationaleModel
from plmr.presets import PRESETS
from tests.small import config_of, small_batch, small_encoder, small_model

LABELS = torch.tensor([0, 1, 1])


@pytest.mark.parametrize("offset", [-20.0, 0.0, 20.0])
def test_what_a_step_pruned_is_judged_by_the_next_however_much_all_odds_are_lifted(offset):
    """M = M' ⊙ M_before: at a pruned word M' says whether the next step would have kept it, which is no constant."""
    model = small_model(generator_depth=3, dim_reduction_blocks=2, sparsity=0.3, smoothing=5, gumbel_noise=0.0).train()
    units = Units.subwords(torch.ones(4, 60, dtype=torch.bool))
    logits = torch.randn(4, 60, 2, generator=torch.Generator().manual_seed(1)) * 5
    before = (torch.arange(60) % 3 > 0).float().expand(4, 60).clone().requires_grad_()
    mask, _ = model.method.choose(logits + torch.tensor([0.0, offset]), units, 1, before)
    (would_keep,) = torch.autograd.grad(mask.sum(), before)
    pruned = would_keep[before == 0]
    assert set(pruned.tolist()) == {0.0, 1.0}
    assert 0.1 < float(pruned.mean()) < 0.7
    assert torch.equal(would_keep[before == 1], mask[before == 1])


@pytest.mark.parametrize("training", [True, False])
def test_a_budget_holds_in_every_text_at_every_step(training):
    model, batch = small_model(sparsity=0.2, generator_depth=3, dim_reduction_blocks=2), small_batch()
    model.train(training).set_progress(0.425)  # half way down in training: 0.6 of the units, by way of 0.8
    words = [int(ids.max()) + 1 for ids in batch["word_ids"]]
    model_batch = model.batch(**batch)
    for _ in range(5):
        masks = model.method.select(model_batch).masks
        for mask, share in zip(masks, (0.8, 0.6) if training else (0.6, 0.2), strict=True):
            assert mask.sum(dim=1).tolist() == [max(1, round(share * n)) for n in words]
        assert (masks[1] <= masks[0]).all()


@pytest.mark.parametrize("masking", ["drop", "zero"])
@pytest.mark.parametrize("unit", ["word", "subword"])
@pytest.mark.parametrize("training", [True, False])
def test_a_pruned_unit_stays_pruned_and_special_tokens_are_never_selected(masking, unit, training):
    model = small_model(generator_depth=3, dim_reduction_blocks=3, masking=masking, unit=unit, keep_bias=1.0)
    model.train(training)
    batch = small_batch()
    seen = []
    for seed in range(10):
        torch.manual_seed(seed)
        output = model(**batch)
        first, second, third = output.masks
        assert (third <= second).all() and (second <= first).all()
        assert torch.equal(output.mask, third)
        assert set(first.unique().tolist()) == {0.0, 1.0}
        assert (first[batch["word_ids"] < 0] == 0).all()
        assert ((output.keep_probability >= 0) & (output.keep_probability <= 1)).all()
        assert (output.keep_probability[(second == 0) | (batch["word_ids"] < 0)] == 0).all()
        seen.append(third.detach())
    assert all(torch.equal(mask, seen[0]) for mask in seen) is not training


def test_a_word_is_kept_or_dropped_whole():
    model, batch = small_model(unit="word").train(), small_batch()
    mask = model(**batch).mask
    for row, ids in zip(mask, batch["word_ids"], strict=True):
        assert all(len(row[ids == word].unique()) == 1 for word in range(int(ids.max()) + 1))


def test_thresholds_decide_step_by_step():
    model, batch = small_model(generator_depth=3, dim_reduction_blocks=2), small_batch()
    real = batch["word_ids"] >= 0
    model.config.thresholds = [0.0, 1.0]
    everything, nothing = model(**batch).masks
    assert torch.equal(everything, real.float()) and not nothing.any()
    probability = model(**batch).keep_probability
    model.config.thresholds = [0.0, 0.4]
    assert torch.equal(model(**batch).mask, ((probability > 0.4) & real).float())


def test_blocks_are_shared_out_as_the_paper_does():
    assert default_depth(12) == (7, 2)
    assert default_depth(24) == (13, 3)
    assert default_depth(6) == (3, 1)
    assert [default_depth(n) for n in (2, 3, 4, 5)] == [(1, 1), (2, 1), (2, 1), (2, 1)]
    method = small_model(generator_depth=3, dim_reduction_blocks=2).method
    assert (method.plain, method.dim_reduction, method.late) == (range(1), range(1, 3), range(3, 4))


def test_a_model_keeps_its_cut_under_another_rule(monkeypatch, tmp_path):
    """`paper` and four blocks, of which the generator has two and one prunes, saved before the rule changed."""
    small_model(seed=1).save_pretrained(tmp_path)
    monkeypatch.setattr("plmr.methods.plmr.default_depth", lambda *_: (3, 2))
    loaded = RationaleModel.from_pretrained(tmp_path)
    assert (loaded.config.generator_depth, loaded.config.dim_reduction_blocks) == (2, 1)
    assert loaded.method.dim_reduction == range(1, 2)
    assert small_model(seed=1).method.dim_reduction == range(1, 3)


def test_the_released_preset_has_the_cut_of_the_released_code():
    sizes = config_of("bert") | {"num_hidden_layers": 12}
    cuts = {}
    for preset in PRESETS:
        method = small_model(preset=preset, encoder_config=sizes).method
        cuts[preset] = method.plain, method.dim_reduction, method.late
    assert cuts["released"] == (range(6), range(6, 8), range(8, 12))
    assert cuts["paper"] == cuts["default"] == (range(5), range(5, 7), range(7, 12))
    given = small_model(preset="released", encoder_config=sizes, generator_depth=7).method
    assert given.late == range(7, 12)
    assert [default_depth(n, "released") for n in (2, 3, 4, 6, 24)] == [(1, 1), (2, 1), (3, 1), (4, 1), (14, 3)]


@pytest.mark.parametrize(
    "settings",
    [
        {"generator_depth": 4},
        {"generator_depth": 0},
        {"generator_depth": 2, "dim_reduction_blocks": 3},
        {"dim_reduction_blocks": 0},
    ],
)
def test_a_cut_that_does_not_fit_is_an_error(settings):
    with pytest.raises(PlmrError, match=r"4 block\(s\).*1 <= dim_reduction_blocks <= generator_depth < blocks"):
        small_model(**settings)


def test_one_layer_cannot_be_cut():
    with pytest.raises(PlmrError, match="use 'gru-3'"):
        small_model("gru", encoder_config={**small_encoder("gru").config_dict, "n_blocks": 1})


def test_a_text_without_words_gets_an_empty_rationale():
    batch = small_batch()
    batch["word_ids"][1] = -1
    for masking in ("drop", "zero"):
        model = small_model(masking=masking)
        output = model(**batch)
        assert output.logits.isfinite().all() and not output.mask[1].any()
        model.train()(**batch, labels=LABELS).loss.backward()
        assert all(p.grad.isfinite().all() for p in model.parameters() if p.grad is not None)


def test_units_of_the_released_preset_are_all_positions_but_the_first():
    model, batch = small_model(preset="released"), small_batch()
    expected = Units.subwords(batch["attention_mask"].bool() & (torch.arange(20) > 0))
    assert torch.equal(model.batch(**batch).units.index, expected.index)
