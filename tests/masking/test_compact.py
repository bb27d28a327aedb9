"""Compact and dense forward passes give the same numbers, whatever is kept."""

from functools import cache

import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st
from torch.testing import assert_close

from plmr.errors import PlmrError
from plmr.masking import run_masked
from plmr.masking.compact import Places
from tests.small import FAMILIES, VOCABULARY, small_batch, small_encoder, small_model

# Tokens cannot leave a recurrent encoder.
ENCODERS = [(family, masking) for family in FAMILIES for masking in ("drop", "zero")] + [("gru", "zero")]
PROPERTY = settings(deadline=None, derandomize=True, max_examples=30)
# Two Dim-Reduction blocks, so that the second of them runs on what the first has kept.
METHODS = {"plmr": {"generator_depth": 2, "dim_reduction_blocks": 2}, "rnp": {}}

# Built once for all examples of a property: none of them changes weights.
encoder_of = cache(small_encoder)


@cache
def model_of(family, method, masking):
    return small_model(family, method=method, masking=masking, sparsity=0.3, smoothing=3, **METHODS[method])


def both_ways(encoders, run):
    """What a function gives when encoders run on the kept tokens only, and when they run on all."""
    answers = []
    with torch.no_grad():
        for compact in (True, False):
            for encoder in encoders:
                encoder.compact = compact
            answers.append(run())
    return answers


def kept_tokens(most=30):
    """For each token of a text whether it is kept; all, none and all but one of them more often than by chance."""
    alike = st.builds(lambda kept, n: [kept] * n, st.booleans(), st.integers(1, most))
    but_one = st.builds(lambda kept, i: [*kept[:i], not kept[0], *kept[i:]], alike, st.integers(0, most))
    return st.lists(st.booleans(), min_size=1, max_size=most) | alike | but_one


def padded(rows):
    """Mask and attention mask of texts from their tokens. *Shape:* both (B, T)"""
    shape = len(rows), max(map(len, rows))
    mask, attention_mask = torch.zeros(shape), torch.zeros(shape, dtype=torch.long)
    for row, kept in enumerate(rows):
        mask[row, : len(kept)] = torch.tensor(kept).float()
        attention_mask[row, : len(kept)] = 1
    return mask, attention_mask


@pytest.mark.parametrize(("family", "masking"), ENCODERS)
@PROPERTY
@given(
    rows=st.lists(kept_tokens(), min_size=1, max_size=4),
    cut=st.sampled_from([(0, 4), (0, 1), (1, 3), (2, 3)]),
    seed=st.integers(0, 999),
)
@example(rows=[[True] * 30, [True] * 3], cut=(0, 4), seed=0)
@example(rows=[[False] * 20, [False]], cut=(0, 4), seed=0)
@example(rows=[[True]], cut=(1, 3), seed=0)
@example(rows=[[False]], cut=(2, 3), seed=0)
@example(rows=[[True] * 9, [False] * 9, [True], [False, True, False]], cut=(0, 4), seed=0)
def test_blocks_give_the_same_states(family, masking, rows, cut, seed):
    encoder = encoder_of(family)
    mask, attention_mask = padded(rows)
    blocks = range(cut[0], min(cut[1], encoder.n_blocks))
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        states = encoder.embed(torch.randint(4, VOCABULARY, mask.shape, generator=generator))
    compact, dense = both_ways([encoder], lambda: run_masked(encoder, states, blocks, attention_mask, mask, masking))
    # Zeroed tokens take part, so their states are compared too; dropped ones mean nothing.
    told = attention_mask.bool() if masking == "zero" else mask.bool()
    assert_close(compact[told], dense[told], atol=1e-5, rtol=1e-5)
    assert compact.isfinite().all()


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(("family", "masking"), ENCODERS)
@settings(PROPERTY, max_examples=12)
@given(
    lengths=st.lists(st.integers(3, 30), min_size=1, max_size=4),
    thresholds=st.tuples(*[st.sampled_from([0.0, 0.999]) | st.floats(0.1, 0.9)] * 2),
    seed=st.integers(0, 999),
)
@example(lengths=[30, 17, 4, 3], thresholds=(0.0, 0.0), seed=0)
@example(lengths=[30, 17, 4, 3], thresholds=(0.999, 0.999), seed=1)
@example(lengths=[30, 17, 4, 3], thresholds=(0.4, 0.6), seed=2)
@example(lengths=[3], thresholds=(0.5, 0.5), seed=3)
def test_models_answer_alike(family, method, masking, lengths, thresholds, seed):
    model = model_of(family, method, masking)
    model.config.thresholds = list(thresholds[: model.method.n_steps])
    batch = small_batch(family, seed=seed, lengths=tuple(lengths))
    compact, dense = both_ways(model.method.encoders(), lambda: model(**batch))
    assert torch.equal(compact.mask, dense.mask)
    assert_close(compact.logits, dense.logits, atol=1e-5, rtol=1e-5)
    assert_close(compact.keep_probability, dense.keep_probability, atol=1e-5, rtol=0)


def test_blocks_see_no_more_tokens_than_are_kept():
    """The pruning is real: the widest input of a block is the longest rationale, with the null token in `zero`."""
    for masking, extra in (("drop", 0), ("zero", 1)):
        encoder, batch = small_encoder("bert"), small_batch()
        mask = torch.zeros_like(batch["attention_mask"]).float()
        mask[0, [0, 4, 9]] = 1
        mask[1, [2]] = 1
        widths = []
        handles = [
            block.register_forward_pre_hook(lambda _, inputs, widths=widths: widths.append(inputs[0].shape[1]))
            for block in encoder.blocks
        ]
        with torch.no_grad():
            states = encoder.embed(batch["input_ids"])
            run_masked(encoder, states, range(4), batch["attention_mask"], mask, masking)
        for handle in handles:
            handle.remove()
        assert widths == [3 + extra] * 4


@pytest.mark.parametrize("masking", ["drop", "zero"])
@pytest.mark.parametrize("family", [*FAMILIES, "gru"])
def test_a_note_stands_where_pruned_tokens_are_computed_and_nowhere_else(family, masking):
    model, batch = small_model(family, masking=masking), small_batch(family, lengths=(30, 20))
    assert model.config.masking == ("zero" if family == "gru" else masking)
    widths = []

    def look(_, inputs):
        (states, *_) = inputs if torch.is_tensor(inputs[0]) else (inputs[0].data[None],)
        widths.append(states.shape[1])

    encoder = model.method.encoder
    encoder.blocks[-1].register_forward_pre_hook(look)
    n_words = torch.tensor([2, 1])
    with torch.no_grad():
        kept = model(**batch, n_words=n_words).mask.sum(dim=1)
    assert kept.max() < 10
    assert (widths[-1] >= 30) == (model.method.dense_note is not None)
    # Of what is skipped only a mask knows: other methods say the same of the same encoder.
    assert small_model(family, masking=masking, method="rnp").method.dense_note == model.method.dense_note


def test_gradients_for_the_mask_take_the_dense_path():
    encoder, batch = small_encoder("bert"), small_batch()
    mask = batch["attention_mask"].float().requires_grad_()
    states = encoder.embed(batch["input_ids"])
    run_masked(encoder, states, range(4), batch["attention_mask"], mask * 0, "drop")[:, 0].sum().backward()
    assert (mask.grad is not None) and mask.grad.isfinite().all()


def test_places_by_hand():
    visible = torch.tensor([[0, 1, 0, 1], [0, 0, 0, 0], [1, 0, 0, 0]]).bool()
    places = Places.of(visible)
    assert places.real.tolist() == [[True, True], [False, False], [True, False]]
    assert places.index[0].tolist() == [1, 3] and places.index[2, 0] == 0
    values = torch.arange(12.0).view(3, 4, 1)
    back = places.scatter(places.gather(values), torch.full((3, 4, 1), -1.0))
    assert back[..., 0].tolist() == [[-1, 1, -1, 3], [-1] * 4, [8, -1, -1, -1]]


def test_special_tokens_of_the_published_code_need_its_masking():
    with pytest.raises(PlmrError, match="masking='zero'"):
        small_model(special_tokens="released", masking="drop")
