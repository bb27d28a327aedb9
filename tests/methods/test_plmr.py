"""PLMR: its losses term by term, and what its paths read."""

import warnings

import pytest
import torch
from torch.testing import assert_close

from plmr.config import RationaleConfig
from plmr.masking import Units
from plmr.masking import constraint as constraint_of
from tests.methods.formulas import constraint, cross_entropy, states_of
from tests.small import FAMILIES, PENALTY, small_batch, small_model, without_dropout
from tests.training.steps import trainer_of

LABELS = torch.tensor([0, 1, 1])


@pytest.mark.parametrize("match", ["identity", "exponential"])
@pytest.mark.parametrize("form", ["paper", "corpus"])
def test_every_term_of_the_loss_follows_its_equation(match, form):
    model = small_model(
        generator_depth=3,
        dim_reduction_blocks=2,
        sparsity=0.3,
        sparsity_weight=7.0,
        continuity_weight=3.0,
        full_text_weight=1.5,
        match_weight=0.8,
        match_function=match,
        match_base=3.0,
        constraint_form=form,
        keep_bias=0.5,
        **PENALTY,
    )
    batch = small_batch()
    with torch.no_grad():
        output = model(**batch, labels=LABELS, return_full_text=True)
    rationale, full_text = cross_entropy(output.logits, LABELS), cross_entropy(output.full_text_logits, LABELS)
    difference = rationale - full_text
    sparsity, continuity = constraint(output.masks, batch["word_ids"], [0.65, 0.3], form)
    expected = {
        "rationale": rationale,
        "full_text": 1.5 * full_text,
        "match": 0.8 * (difference if match == "identity" else 3.0**difference),
        "sparsity": 7 * sparsity,
        "continuity": 3 * continuity,
    }
    assert 0 < output.mask.sum() < output.masks[0].sum() < (batch["word_ids"] >= 0).sum()
    assert {name: term.item() for name, term in output.losses.items()} == pytest.approx(expected, abs=1e-5)
    assert output.loss.item() == pytest.approx(sum(expected.values()), abs=1e-4)


def test_the_target_falls_as_training_goes_on():
    model = small_model(sparsity=0.2, sparsity_annealing=0.5, sparsity_delay=0.0, dim_reduction_blocks=1)
    asked = []
    for progress in (0.0, 0.25, 0.5, 1.0):
        model.set_progress(progress)
        asked.append(model.method.annealed_sparsity())
    assert asked == pytest.approx([1.0, 0.6, 0.2, 0.2])
    model.config.sparsity_annealing = 0.0
    model.set_progress(0.0)
    assert model.method.annealed_sparsity() == pytest.approx(0.2)


@pytest.mark.parametrize("blocks", ["late", "all"])
@pytest.mark.parametrize("path", ["embeddings", "predictor", "first_token", "none"])
def test_while_everything_is_kept_the_short_way_gives_the_same_losses(path, blocks):
    """Against heads so sure of every word that the long way keeps everything too."""
    settings = {**PENALTY, "sparsity_delay": 0.5, "class_head_dropout": 0.0, "full_text_path": path}
    model, batch = small_model(**settings, predictor_blocks=blocks, generator_start="none"), small_batch()
    for head in model.method.mask_heads:
        torch.nn.init.zeros_(head.linear.weight)
        head.linear.bias.data = torch.tensor([-50.0, 50.0])
    model.set_progress(0.2)
    with torch.no_grad():
        long = model(**batch, labels=LABELS).losses
        short = without_dropout(model).train()(**batch, labels=LABELS).losses
    assert long["rationale"] > 0.1
    assert long["continuity"] == 0
    for name in short:
        assert_close(short[name], long[name], atol=1e-5, rtol=0)
    model.set_progress(0.6)
    assert set(model(**batch, labels=LABELS).losses) == {*short, "sparsity", "continuity"}


@pytest.mark.parametrize("sampler", ["gumbel", "budget"])
def test_a_predictor_on_states_reads_the_whole_text_too_while_everything_is_kept(sampler):
    settings = {"predictor_input": "hidden", "sampler": sampler, "sparsity_delay": 0.5, "dim_reduction_blocks": 2}
    model = small_model(generator_depth=3, **settings).train()
    texts = model.batch(**small_batch(), labels=LABELS)
    for progress, whole in ((0.2, True), (1.0, False)):
        model.set_progress(progress)
        masks = model.method.select(texts).masks
        assert all(torch.equal(mask.detach(), texts.everything) for mask in masks) is whole
        assert (model(**small_batch(), labels=LABELS).losses["continuity"].item() == 0) is whole


def test_the_weights_of_the_preset_paper_reward_a_short_rationale_in_few_runs():
    """λ2 weighs every change of a text: too large a one makes it dearer to select anything than not to."""
    config = RationaleConfig.from_preset("paper", sparsity=0.2)
    units = Units.subwords(torch.ones(1, 100, dtype=torch.bool))

    def cost(*kept: tuple[int, int]) -> float:
        mask = torch.zeros(1, 100)
        for start, end in kept:
            mask[0, start:end] = 1
        weights = config.sparsity_weight, config.continuity_weight
        return float(sum(constraint_of([mask], units, [0.2], *weights, config.constraint_form)))

    scattered = cost(*((start, start + 1) for start in range(0, 100, 5)))
    assert cost((30, 40), (60, 70)) < 0.2 * min(cost(), cost((0, 100)), scattered)


def test_equal_weights_cancel_the_full_text_loss_and_are_warned_of():
    with pytest.warns(UserWarning, match=r"cancels.*L = 2 L_r \+ L_s"):
        model = small_model(full_text_weight=1.0, match_weight=1.0)
    losses = model(**small_batch(), labels=LABELS).losses
    prediction = losses["rationale"] + losses["full_text"] + losses["match"]
    assert_close(prediction, 2 * losses["rationale"])
    with pytest.warns(UserWarning, match=r"L = 4 L_r \+ L_s"):
        model = small_model(full_text_weight=3.0, match_weight=3.0)
    losses = model(**small_batch(), labels=LABELS).losses
    assert_close(losses["rationale"] + losses["full_text"] + losses["match"], 4 * losses["rationale"])


def test_nothing_is_warned_of_where_nothing_cancels():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        small_model(preset="paper")
        small_model(preset="released")
        small_model(full_text_weight=1.0, match_weight=1.0, full_text_path="none")
        small_model(full_text_weight=0.0, match_weight=0.0)


def test_no_full_text_path_no_full_text_terms():
    losses = small_model(full_text_path="none")(**small_batch(), labels=LABELS).losses
    assert set(losses) == {"rationale", "sparsity", "continuity"}


@pytest.mark.parametrize("path", ["embeddings", "predictor", "first_token"])
def test_the_whole_text_is_read_without_the_generator(path):
    model, batch = small_model(full_text_path=path), small_batch()
    texts = model.batch(**batch)
    with torch.no_grad():
        expected = model(**batch, return_full_text=True).full_text_logits
        for head in model.method.mask_heads:
            head.forward = None  # it would raise
        whole = model.method.whole(texts)
        assert_close(model.method.predict_full_text(texts, whole), expected, atol=1e-6, rtol=0)
    assert torch.equal(whole.mask, texts.units.valid.float())


@pytest.mark.parametrize("family", [*FAMILIES, "gru"])
@pytest.mark.parametrize("preset", ["default", "paper", "released"])
def test_every_preset_trains_every_family(family, preset):
    model = small_model(family, preset=preset, num_labels=3).train()
    loss = model(**small_batch(family), labels=torch.tensor([0, 1, 2])).loss
    loss.backward()
    gradients = [p.grad for p in model.parameters() if p.grad is not None]
    assert loss.isfinite() and all(gradient.isfinite().all() for gradient in gradients)
    assert all(head.linear.weight.grad.any() for head in model.method.heads())


@pytest.mark.parametrize("n_classes", [3, 5])
def test_any_number_of_classes(n_classes):
    model = small_model(num_labels=n_classes)
    output = model(**small_batch(), labels=torch.tensor([0, 1, n_classes - 1]), return_full_text=True)
    assert output.logits.shape == output.full_text_logits.shape == (3, n_classes)
    assert output.losses["rationale"].item() == pytest.approx(
        cross_entropy(output.logits.detach(), torch.tensor([0, 1, n_classes - 1])), abs=1e-5
    )


@pytest.mark.parametrize("blocks", ["late", "all"])
def test_the_full_text_paths_read_what_they_say(blocks):
    batch = small_batch()
    for path in ("embeddings", "predictor", "first_token"):
        model = small_model(full_text_path=path, pooling="mean", predictor_blocks=blocks)
        method, encoder = model.method, model.method.encoder
        ids, attended = batch["input_ids"], batch["attention_mask"]
        real = batch["word_ids"] >= 0
        with torch.no_grad():
            plain = encoder.run(encoder.embed(ids), method.plain, attended)
            seen = attended.clone()
            seen[:, 1:] = real[:, 1:]
            every = range(encoder.n_blocks)
            states = {
                "embeddings": encoder.run(encoder.embed(ids), every if blocks == "all" else method.late, seen),
                "predictor": encoder.run(encoder.embed(ids), every, attended)
                if blocks == "all"
                else encoder.run(plain, method.late, attended),
                "first_token": plain,
            }[path]
            pooled = torch.stack([row[chosen].mean(dim=0) for row, chosen in zip(states, real, strict=True)])
            pooled = states[:, 0] if path == "first_token" else pooled
            expected = pooled @ method.class_head.linear.weight.T + method.class_head.linear.bias
            actual = model(**batch, return_full_text=True).full_text_logits
        assert_close(actual, expected, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("family", FAMILIES)
def test_a_predictor_of_all_blocks_is_the_whole_encoder_on_what_is_selected(family):
    batch = small_batch(family)
    model = small_model(family, predictor_blocks="all")
    method = model.method
    with torch.no_grad():
        output = model(**batch)
        states = states_of(method.encoder, batch, output.mask)
        expected = torch.stack(
            [method.class_head(row[chosen.bool()].mean(dim=0)) for row, chosen in zip(states, output.mask, strict=True)]
        )
        late = small_model(family)(**batch)
    assert_close(output.logits, expected, atol=1e-5, rtol=1e-4)
    assert torch.equal(output.mask, late.mask) and (output.logits - late.logits).abs().max() > 1e-3


@pytest.mark.parametrize("start", ["emphasis", "none"])
@pytest.mark.parametrize("stage", ["game", "warm-up"])
@pytest.mark.parametrize("path", ["embeddings", "predictor", "first_token"])
def test_no_block_is_computed_twice_for_the_same_states(path, stage, start, tmp_path):
    model = small_model(
        full_text_path=path,
        generator_start=start,
        generator_depth=3,
        dim_reduction_blocks=1,
        sparsity_delay=0.0 if stage == "game" else 0.5,
        sparsity_annealing=0.0,
    )
    blocks, runs = model.method.encoder.blocks, []
    for number, block in enumerate(blocks):
        block.register_forward_hook(lambda *_, number=number: runs.append(number))
    trainer_of(model, tmp_path).train()
    # While whole texts are read nothing is selected, and only the paper's L_x needs other states of the predictor.
    scored = stage == "game" or start == "emphasis"
    plain = scored or path != "embeddings"
    twice = path != "first_token" if stage == "game" else (path, start) == ("predictor", "none")
    expected = {0: plain, 1: plain, 2: scored, 3: 1 + twice}
    assert {number: runs.count(number) for number in range(len(blocks))} == expected
