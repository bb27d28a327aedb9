"""What PLMR's generator learns while whole texts are read."""

import math

import pytest
import torch

from tests.methods.formulas import cross_entropy, mean
from tests.small import PENALTY, small_batch, small_model, without_dropout

LABELS = torch.tensor([0, 1, 1])


def reading(**settings):
    """A model that reads whole texts, and its losses of a batch."""
    model = without_dropout(small_model(**{"sparsity_delay": 0.5} | settings)).train()
    model.set_progress(0.2)
    return model, model(**small_batch(), labels=LABELS).losses


def shares_by_bisection(odds, total):
    """σ(odds + shift) that add up to a total, found in double precision."""
    low, high = -50.0, 50.0
    for _ in range(100):
        shift = (low + high) / 2
        chances = [1 / (1 + math.exp(-value - shift)) for value in odds]
        low, high = (low, shift) if sum(chances) > total else (shift, high)
    return chances


@pytest.mark.parametrize("path", ["embeddings", "predictor", "first_token"])
@pytest.mark.parametrize("steps", [1, 2])
@torch.no_grad()
def test_the_second_reading_pools_by_keep_probabilities(path, steps):
    settings = PENALTY | {"sparsity_delay": 0.5, "sparsity": 0.3, "full_text_path": path, "full_text_weight": 1.5}
    model, losses = reading(generator_depth=3, dim_reduction_blocks=steps, **settings)
    method, encoder, batch = model.method, model.method.encoder, small_batch()
    ids, words, real = batch["input_ids"], batch["word_ids"], batch["word_ids"] >= 0
    embedded, anchored = encoder.embed(ids), real.clone()
    anchored[:, 0] = True
    states = encoder.run(embedded, method.late, anchored)
    whole = torch.stack([states[text][real[text]].mean(dim=0) for text in range(3)])
    asked = {1: [0.3], 2: [0.65, 0.3]}[steps]
    terms = []
    for head, block, share in zip(method.mask_heads, method.dim_reduction, asked, strict=True):
        hidden = encoder.run(embedded, range(block + 1), batch["attention_mask"])
        logits = head(hidden)
        pooled = []
        for text in range(3):
            own = [logits[text][words[text] == word] for word in range(int(words[text].max()) + 1)]
            odds = [mean([float(keep - drop) for drop, keep in word.tolist()]) for word in own]
            chances = shares_by_bisection(odds, share * len(odds))
            weights = torch.tensor([chances[word] if word >= 0 else 0.0 for word in words[text].tolist()])
            pooled.append((weights[:, None] * states[text]).sum(0) / max(1.0, float(weights.sum())))
        terms.append(cross_entropy(method.class_head(torch.stack(pooled)), LABELS))
    expected = {"rationale": cross_entropy(method.class_head(whole), LABELS), "emphasis": 1.5 * mean(terms)}
    assert {name: term.item() for name, term in losses.items()} == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize("start", ["emphasis", "none"])
def test_the_generator_learns_from_whole_texts_with_an_emphasis_only(start):
    model, losses = reading(generator_start=start, generator_depth=3, dim_reduction_blocks=2)
    torch.stack(list(losses.values())).sum().backward()
    generator = [*model.method.mask_heads, *(model.method.encoder.blocks[i] for i in range(3))]
    moved = [any(p.grad is not None and p.grad.any() for p in part.parameters()) for part in generator]
    assert moved == [start == "emphasis"] * 5


@pytest.mark.parametrize(
    "settings",
    [
        {"full_text_path": "none"},
        {"predictor_input": "hidden"},
    ],
    ids=lambda settings: "-".join(settings.values()),
)
def test_it_has_no_effect_where_no_other_reading_can_take_its_place(settings):
    torch.manual_seed(1)
    _, losses = reading(**settings)
    torch.manual_seed(1)
    _, plain = reading(generator_start="none", **settings)
    assert {name: term.item() for name, term in losses.items()} == {name: term.item() for name, term in plain.items()}


def test_the_game_and_the_answers_are_the_same_with_either_start():
    found = []
    for start in ("emphasis", "none"):
        model, _ = reading(generator_start=start)
        model.set_progress(0.9)
        torch.manual_seed(2)
        losses = model(**small_batch(), labels=LABELS).losses
        answers = model.eval()(**small_batch(), return_full_text=True)
        found.append([*losses.values(), answers.logits, answers.full_text_logits])
    for one, other in zip(*found, strict=True):
        assert torch.equal(one, other)


def test_the_presets_of_the_paper_have_no_emphasis():
    assert [small_model(preset=p).config.generator_start for p in ("default", "paper", "released")] == [
        "emphasis", "none", "none",
    ]  # fmt: skip
