"""What a pruned token does: the three ways of dropping it are one, and zeroing it is one null token."""

from math import log

import pytest
import torch
from torch.testing import assert_close
from transformers import BertModel

from plmr.masking import masked_mean, run_masked
from tests.small import CONFIGS, FAMILIES, small_batch, small_encoder


def random_mask(batch, share=0.4):
    """A random choice of tokens that always holds the first."""
    mask = (torch.rand(batch["input_ids"].shape) < share) & batch["attention_mask"].bool()
    mask[:, 0] = True
    return mask.float()


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("first", [0, 2])
def test_training_inference_and_a_gathered_text_agree(family, first):
    encoder, batch = small_encoder(family), small_batch(family)
    blocks = range(first, encoder.n_blocks)
    mask = random_mask(batch)
    with torch.no_grad():
        states = encoder.embed(batch["input_ids"])
        inference = run_masked(encoder, states, blocks, batch["attention_mask"], mask, "drop")
    training = run_masked(encoder, states, blocks, batch["attention_mask"], mask.clone().requires_grad_(), "drop")
    chosen = mask.bool()
    assert training.requires_grad
    assert_close(training[chosen].detach(), inference[chosen], atol=1e-5, rtol=0)
    for row in range(len(mask)):
        places = chosen[row].nonzero().T
        with torch.no_grad():
            gathered = encoder.run(states[row, places[0]][None], blocks, torch.ones_like(places), positions=places)
        assert_close(gathered[0], inference[row, places[0]], atol=1e-5, rtol=0)


@pytest.mark.parametrize("family", FAMILIES)
def test_the_gradient_of_dropping_reaches_every_token(family):
    encoder, batch = small_encoder(family), small_batch(family, lengths=(7, 6))
    states = encoder.embed(batch["input_ids"])
    mask = random_mask(batch).requires_grad_()
    blocks = range(1, encoder.n_blocks)
    run_masked(encoder, states, blocks, batch["attention_mask"], mask, "drop")[:, 0].pow(2).sum().backward()
    assert mask.grad.isfinite().all()
    real = batch["attention_mask"].bool()
    # One block of ModernBERT sees three tokens to each side, and then all.
    assert (mask.grad[real] != 0).all()
    assert (mask.grad[~real] == 0).all()


def test_zeroed_tokens_act_like_one_null_token_with_a_raised_logit():
    encoder = small_encoder("bert")
    config = type(CONFIGS["bert"])(**CONFIGS["bert"].to_diff_dict())
    config._attn_implementation = "eager"
    stock = BertModel(config, add_pooling_layer=False).eval()
    stock.load_state_dict(encoder.model.state_dict())
    batch = small_batch(lengths=(18,))
    mask = random_mask(batch)
    places = mask[0].bool()
    n_selected, n_pruned = int(places.sum()), int((~places).sum())
    assert n_pruned > 3
    raised = torch.zeros(1, 1, 1, n_selected + 1)
    raised[..., -1] = log(n_pruned)
    with torch.no_grad():
        states = encoder.embed(batch["input_ids"])
        dense = run_masked(encoder, states, range(4), batch["attention_mask"], mask, "zero")
        compact = states[:, places]
        for block in stock.encoder.layer:
            compact = block(torch.cat([compact, torch.zeros(1, 1, 32)], dim=1), raised)[:, :-1]
    assert_close(dense[:, places], compact, atol=1e-5, rtol=0)


@pytest.mark.parametrize("family", [*FAMILIES, "gru"])
@pytest.mark.parametrize("masking", ["drop", "zero"])
def test_a_soft_mask_goes_from_pruned_to_kept_without_a_leap_and_needs_no_gradients(family, masking):
    encoder, batch = small_encoder(family), small_batch(family)
    masking = masking if encoder.can_drop else "zero"
    hard = random_mask(batch)
    part = hard * torch.rand(hard.shape) * 0.9
    part[:, 0] = 1.0
    with torch.no_grad():
        states = encoder.embed(batch["input_ids"])

        def run(mask, soft=True):
            run = run_masked(encoder, states, range(encoder.n_blocks), batch["attention_mask"], mask, masking, soft)
            return run[:, 0]

        assert_close(run(hard), run(hard, soft=False), atol=1e-5, rtol=1e-4)
        between = run(part)
        assert between.isfinite().all()
        assert (between - run((part > 0).float())).abs().max() > 1e-3
        for limit in (hard, 1 - 1e-7 * (1 - hard), hard + 1e-7 * (1 - hard)):
            assert_close(run(limit * (1 - 1e-7)), run(limit.round()), atol=1e-4, rtol=1e-3)
    learning = run_masked(
        encoder, states, range(encoder.n_blocks), batch["attention_mask"], part.clone().requires_grad_(), masking
    )
    assert_close(learning[:, 0].detach(), between, atol=1e-5, rtol=1e-4)


def test_a_token_that_is_kept_by_a_part_counts_so_often_in_the_attention():
    encoder = small_encoder("bert")
    batch = small_batch("bert", lengths=(6, 6))
    states = encoder.embed(batch["input_ids"])
    part = torch.ones(2, 6)
    part[:, 3:5] = 0.5
    twins = states.clone()
    twins[:, 4] = twins[:, 3]
    once = part.clone()
    once[:, 3], once[:, 4] = 1.0, 0.0
    with torch.no_grad():
        halves, whole = (
            run_masked(encoder, twins, range(4), batch["attention_mask"], mask, "drop", soft=True)
            for mask in (part, once)
        )
    assert_close(halves[:, :4], whole[:, :4], atol=1e-5, rtol=1e-4)


def test_zero_lets_the_number_of_pruned_tokens_through_and_drop_does_not():
    encoder, batch = small_encoder("bert"), small_batch(lengths=(12, 12))
    batch["input_ids"][1] = batch["input_ids"][0]
    batch["attention_mask"][1, 8:] = 0
    mask = torch.zeros(2, 12)
    mask[:, [0, 2, 5]] = 1
    with torch.no_grad():
        states = encoder.embed(batch["input_ids"])
        zero, drop = (
            run_masked(encoder, states, range(4), batch["attention_mask"], mask, masking)[:, [0, 2, 5]]
            for masking in ("zero", "drop")
        )
    assert_close(drop[0], drop[1], atol=1e-6, rtol=0)
    assert (zero[0] - zero[1]).abs().max() > 1e-3


def test_masked_mean():
    hidden = torch.tensor([[[1.0, 2], [3, 4], [100, 100]], [[5, 5], [6, 6], [7, 7]]])
    mask = torch.tensor([[1.0, 1, 0], [0, 0, 0]])
    assert masked_mean(hidden, mask).tolist() == [[2, 3], [0, 0]]
