"""Faithfulness by construction: what was not selected cannot reach the prediction, not by a single bit."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from plmr.methods import METHODS
from tests.small import FAMILIES, VOCABULARY, small_batch, small_model

MODELS = {
    (family, unit): small_model(family, unit=unit, masking="drop", predictor_input="embeddings")
    for family in ("bert", "roberta", "modernbert")
    for unit in ("word", "subword")
}


def random_mask(model, batch, share, seed):
    """A rationale of whole units."""
    units = model.batch(**batch).units
    chosen = torch.rand(units.valid.shape, generator=torch.Generator().manual_seed(seed)) < share
    return units.to_tokens(chosen.float())


def other_texts(batch, mask, seed, special=False):
    """The same texts with arbitrary ids, the padding id among them, wherever nothing is selected.

    Args:
        special: Also at special tokens other than the first, which the predictor always sees.
    """
    others = torch.randint(0, VOCABULARY, mask.shape, generator=torch.Generator().manual_seed(seed))
    free = (mask == 0) & batch["attention_mask"].bool()
    free &= (torch.arange(mask.shape[1]) > 0) if special else (batch["word_ids"] >= 0)
    return batch | {"input_ids": torch.where(free, others, batch["input_ids"])}


def assert_nothing_leaks(model, family, seed, share):
    batch = small_batch(family, seed)
    mask = random_mask(model, batch, share, seed)
    changed = other_texts(batch, mask, seed + 1, special=True)
    assert not torch.equal(changed["input_ids"], batch["input_ids"])
    with torch.no_grad():
        assert torch.equal(model.predict_from(mask, **changed), model.predict_from(mask, **batch))


@pytest.mark.parametrize(("family", "unit"), MODELS)
@settings(deadline=None, max_examples=15)
@given(seed=st.integers(0, 10_000), share=st.sampled_from([0.0, 0.1, 0.3, 0.7]))
def test_no_change_of_unselected_tokens_changes_a_bit_of_the_logits(family, unit, seed, share):
    assert_nothing_leaks(MODELS[family, unit], family, seed, share)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("family", FAMILIES)
def test_it_holds_for_every_family_and_method(family, method):
    model = small_model(family, method=method)
    for seed in range(3):
        assert_nothing_leaks(model, family, seed, 0.3)


@pytest.mark.parametrize("family", FAMILIES)
def test_it_holds_where_all_blocks_predict(family):
    model = small_model(family, predictor_blocks="all")
    for seed in range(3):
        assert_nothing_leaks(model, family, seed, 0.3)


@pytest.mark.parametrize("family", ["bert", "roberta", "modernbert"])
def test_the_hidden_states_of_the_generator_leak(family):
    model = small_model(family, predictor_input="hidden")
    batch = small_batch(family)
    mask = random_mask(model, batch, 0.4, seed=0)
    changed = other_texts(batch, mask, seed=1)
    with torch.no_grad():
        before, after = model.predict_from(mask, **batch), model.predict_from(mask, **changed)
    assert (before - after).abs().max() > 1e-3


def test_a_selected_token_matters():
    model, batch = small_model("bert"), small_batch("bert")
    mask = random_mask(model, batch, 0.7, seed=0)
    assert mask.any(dim=1).all()
    changed = batch | {"input_ids": torch.where(mask > 0, 5, batch["input_ids"])}
    with torch.no_grad():
        before, after = model.predict_from(mask, **batch), model.predict_from(mask, **changed)
    assert ((before - after).abs().amax(dim=1) > 1e-4).all()


@pytest.mark.parametrize("family", ["bert", "gru"])
def test_zeroed_tokens_carry_nothing_but_their_number(family):
    model, batch = small_model(family, masking="zero"), small_batch(family)
    mask = random_mask(model, batch, 0.4, seed=0)
    with torch.no_grad():
        before = model.predict_from(mask, **batch)
        assert torch.equal(model.predict_from(mask, **other_texts(batch, mask, seed=1)), before)
