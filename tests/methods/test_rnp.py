"""RNP: select with one encoder, predict with another."""

import pytest
import torch
from torch.testing import assert_close

from tests.small import FAMILIES, PENALTY, small_batch, small_model

LABELS = torch.tensor([0, 1, 1])


@pytest.mark.parametrize("family", [*FAMILIES, "gru"])
def test_the_predictor_reads_the_selection_alone(family):
    model, batch = small_model(family, method="rnp"), small_batch(family)
    method = model.method
    with torch.no_grad():
        output = model(**batch)
        predictor = method.predictor
        states = predictor.embed(batch["input_ids"])
        if predictor.can_drop:
            visible = output.mask.bool()
            visible[:, 0] = True
            hidden = predictor.run(states, range(predictor.n_blocks), visible)
        else:
            hidden = states
            visible = output.mask.clone()
            visible[:, 0] = 1
            for block in range(predictor.n_blocks):
                hidden = predictor.run(hidden * visible[..., None], range(block, block + 1), batch["attention_mask"])
        rows = zip(hidden, output.mask.bool(), strict=True)
        pooled = torch.stack([row[kept].mean(dim=0) if kept.any() else torch.zeros(32) for row, kept in rows])
        assert_close(output.logits, method.class_head(pooled), atol=1e-5, rtol=1e-4)


def test_the_mask_is_the_argmax_of_the_mean_over_each_word():
    model, batch = small_model(method="rnp", **PENALTY), small_batch()
    method, ids = model.method, batch["word_ids"]
    with torch.no_grad():
        mask = model(**batch).mask
        generator = method.generator
        hidden = generator.run(generator.embed(batch["input_ids"]), range(4), batch["attention_mask"])
        logits = method.mask_head(hidden)
    for row in range(3):
        for word in range(int(ids[row].max()) + 1):
            places = ids[row] == word
            expected = logits[row][places].mean(dim=0).argmax()
            assert (mask[row][places] == expected).all()
    assert 0 < mask.sum() < (ids >= 0).sum()


def test_the_losses_have_no_full_text():
    losses = small_model(method="rnp")(**small_batch(), labels=LABELS).losses
    assert set(losses) == {"rationale", "sparsity", "continuity"}


def test_both_encoders_learn_from_a_sampled_mask():
    model = small_model(method="rnp").train()
    losses = model(**small_batch(), labels=LABELS).losses
    losses["rationale"].backward()
    assert model.method.mask_head.linear.weight.grad.any()
    assert model.method.generator.blocks[0].attention.self.value.weight.grad.any()


def test_while_everything_is_kept_only_the_predictor_learns_and_from_whole_texts():
    model, batch = small_model(method="rnp", sparsity_delay=0.5, class_head_dropout=0.0), small_batch()
    with torch.no_grad():
        whole = model(**batch, return_full_text=True).full_text_logits
    model.train().set_progress(0.4)
    for part in model.modules():
        if isinstance(part, torch.nn.Dropout):
            part.p = 0.0
    output = model(**batch, labels=LABELS)
    assert set(output.losses) == {"rationale"}
    assert_close(output.loss, torch.nn.functional.cross_entropy(whole, LABELS), atol=1e-5, rtol=0)
    output.loss.backward()
    assert all(p.grad is None for p in model.method.generator.parameters())
    assert all(p.grad is not None for p in model.method.class_head.parameters())
