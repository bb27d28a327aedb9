"""The `released` preset against the outputs of the published code."""

import json

import pytest
import torch
from safetensors.torch import load_file
from torch.testing import assert_close
from transformers import BertConfig

from plmr.config import RationaleConfig
from plmr.modeling import RationaleModel

HOMES = {"bert.": "method.encoder.model.", "mask_head.": "method.mask_heads.0.", "class_head.": "method.class_head."}


@pytest.fixture(scope="module")
def parity(shared):
    folder = shared / "parity" / "a"
    if not folder.is_dir():
        pytest.skip(f"needs {folder}")
    return folder


@pytest.fixture(scope="module")
def expected(parity):
    return load_file(parity / "expected.safetensors")


@pytest.fixture(scope="module")
def model(parity, expected):
    sizes = json.loads((parity / "config.json").read_text())
    config = RationaleConfig.from_preset(
        "released",
        encoder="fixture",
        encoder_config={name: sizes[name] for name in sizes if name in BertConfig().to_dict()} | {"model_type": "bert"},
        sparsity=sizes["sparsity"],
        sparsity_weight=sizes["sparsity_weight"],
        continuity_weight=sizes["continuity_weight"],
        full_text_weight=sizes["full_text_weight"],
        match_weight=sizes["match_weight"],
        max_tokens=expected["input_ids"].shape[1],
    )
    model = RationaleModel(config)
    weights = {}
    for name, tensor in load_file(parity / "weights.safetensors").items():
        prefix = next(prefix for prefix in HOMES if name.startswith(prefix))
        weights[HOMES[prefix] + name.removeprefix(prefix)] = tensor
    model.load_state_dict(weights)
    return model.eval()


def test_the_preset_cuts_where_the_published_code_does(model, parity):
    sizes = json.loads((parity / "config.json").read_text())
    first, last = sizes["last_plain_layer"] + 1, sizes["last_dim_reduction_layer"]
    assert (model.method.plain, model.method.dim_reduction) == (range(first), range(first, last + 1))


@pytest.fixture(scope="module")
def output(model, expected):
    with torch.no_grad():
        return model(
            expected["input_ids"], expected["attention_mask"], labels=expected["labels"], return_full_text=True
        )


def test_masks_are_equal(output, expected):
    # The published code keeps the first position by force; here it is no part of a rationale.
    published = expected["masks"].clone()
    published[:, :, 0] = 0
    assert torch.equal(torch.stack(output.masks), published)
    assert torch.equal(output.mask, published[-1])


def test_logits_agree(output, expected):
    assert_close(output.logits, expected["logits"], atol=1e-5, rtol=0)
    assert_close(output.full_text_logits, expected["full_text_logits"], atol=1e-5, rtol=0)


def test_the_dense_pass_agrees_too(model, output, expected):
    model.method.encoder.compact = False
    with torch.no_grad():
        dense = model(expected["input_ids"], expected["attention_mask"])
    model.method.encoder.compact = True
    assert torch.equal(dense.mask, output.mask)
    assert_close(dense.logits, output.logits, atol=1e-5, rtol=0)


def test_every_loss_agrees(output, expected):
    rationale, full_text = expected["ce_rationale"].item(), expected["ce_full_text"].item()
    published = {
        "rationale": rationale,
        "full_text": 2 * full_text,
        "match": rationale - full_text,
        "sparsity": expected["sparsity_loss"].item(),
        "continuity": expected["continuity_loss"].item(),
    }
    assert {name: term.item() for name, term in output.losses.items()} == pytest.approx(published, abs=1e-4)
    assert output.loss.item() == pytest.approx(expected["total_loss"].item(), abs=1e-4)
