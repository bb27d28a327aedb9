"""Compact and dense forward passes give the same numbers, whatever is kept."""

import pytest
import torch
from torch.testing import assert_close

from plmr.encoders import SplitEncoder
from plmr.errors import PlmrError
from plmr.masking import run_masked
from plmr.masking.compact import Places
from tests.small import FAMILIES, small_batch, small_encoder, small_model

KEPT = ["some", "all", "none", "one", "all but one"]


def both_ways(encoder, *arguments):
    """The compact and the dense output of the same call."""
    outputs = []
    with torch.no_grad():
        for compact in (True, False):
            encoder.compact = compact
            outputs.append(run_masked(encoder, *arguments))
    return outputs


def mask_of(kept, attention_mask, generator):
    real = attention_mask.bool()
    mask = {
        "some": torch.rand(real.shape, generator=generator) < torch.rand(len(real), 1, generator=generator),
        "all": torch.ones_like(real),
        "none": torch.zeros_like(real),
        "one": torch.arange(real.shape[1]) == 3,
        "all but one": torch.arange(real.shape[1]) != 3,
    }[kept]
    return (mask.expand_as(real) & real).float()


@pytest.mark.parametrize("kept", KEPT)
@pytest.mark.parametrize("masking", ["drop", "zero"])
@pytest.mark.parametrize("family", [*FAMILIES, "gru"])
def test_blocks_give_the_same_states(family, masking, kept):
    encoder = small_encoder(family)
    if masking == "drop" and not encoder.can_drop:
        pytest.skip("tokens cannot leave a recurrent encoder")
    generator = torch.Generator().manual_seed(1)
    for lengths in ((20, 13, 7), (3,), (3, 30), (9, 9, 9, 9)):
        batch = small_batch(family, lengths=lengths)
        attention_mask = batch["attention_mask"]
        for blocks in (range(4) if family != "gru" else range(3), range(1, 3), range(2, 3)):
            mask = mask_of(kept, attention_mask, generator)
            with torch.no_grad():
                states = encoder.embed(batch["input_ids"])
            compact, dense = both_ways(encoder, states, blocks, attention_mask, mask, masking)
            # Zeroed tokens take part, so their states are compared too; dropped ones mean nothing.
            told = attention_mask.bool() if masking == "zero" else mask.bool()
            assert_close(compact[told], dense[told], atol=1e-5, rtol=1e-5)
            assert compact.isfinite().all()


@pytest.mark.parametrize("masking", ["drop", "zero"])
@pytest.mark.parametrize("method", ["plmr", "rnp"])
@pytest.mark.parametrize("family", [*FAMILIES, "gru"])
def test_models_answer_alike(family, masking, method):
    model = small_model(family, method=method, masking=masking, sparsity=0.3, smoothing=3)
    encoders = [module for module in model.modules() if isinstance(module, SplitEncoder)]
    for seed in range(3):
        batch = small_batch(family, seed=seed, lengths=(30, 17, 4, 3))
        for thresholds in ([0.5], [0.0], [0.999]):
            model.config.thresholds = thresholds * model.method.n_steps
            answers = []
            for compact in (True, False):
                for encoder in encoders:
                    encoder.compact = compact
                with torch.no_grad():
                    answers.append(model(**batch))
            compact, dense = answers
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
