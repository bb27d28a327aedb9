"""Which pre-trained weights PLMR's predictor starts from."""

import pytest
import torch
from torch.testing import assert_close

from plmr.config import RationaleConfig
from plmr.modeling import RationaleModel
from tests.small import FAMILIES, config_of, small_batch, small_encoder

ALIKE = [family for family in FAMILIES if family != "modernbert"]


def started(family, depth, **settings):
    """A small pre-trained encoder, and a model that starts from it."""
    encoder = small_encoder(family)
    preset = settings.pop("preset", "default")
    masking = "drop" if preset == "default" and family != "gru" else "zero"
    config = RationaleConfig.from_preset(
        preset, encoder=family, encoder_config=config_of(family), generator_depth=depth, dim_reduction_blocks=1,
        max_tokens=40, masking=masking, **settings,
    )  # fmt: skip
    return encoder, RationaleModel.from_encoder(config, encoder).eval().method


def states(encoder, family, blocks):
    batch = small_batch(family)
    with torch.no_grad():
        return encoder.run(encoder.embed(batch["input_ids"]), blocks, batch["attention_mask"])


@pytest.mark.parametrize("depth", [1, 2, 3])
@pytest.mark.parametrize("family", ALIKE)
def test_late_blocks_start_as_the_first_ones_which_read_embeddings_too(family, depth):
    encoder, method = started(family, depth)
    late = range(depth, encoder.n_blocks)
    expected = states(encoder, family, range(len(late)))
    assert_close(states(method.encoder, family, late), expected, atol=0, rtol=0)
    assert (states(encoder, family, late) - expected).abs().max() > 1e-3


@pytest.mark.parametrize(
    ("family", "settings"),
    [
        ("bert", {"predictor_start": "late"}),
        ("bert", {"method": "plmr-late"}),
        ("bert", {"predictor_input": "hidden"}),
        ("bert", {"predictor_blocks": "all"}),
        ("bert", {"preset": "paper"}),
        ("bert", {"preset": "released"}),
        ("modernbert", {}),
        ("gru", {}),
    ],
    ids=lambda given: given if isinstance(given, str) else "-".join(map(str, given.values())) or "default",
)
def test_elsewhere_every_block_keeps_its_own_weights(family, settings):
    encoder, method = started(family, 2, **settings)
    for name, weight in method.encoder.state_dict().items():
        assert torch.equal(weight, encoder.state_dict()[name]), name


@pytest.mark.parametrize("family", ALIKE)
def test_the_generator_and_its_embeddings_stay_as_pre_trained(family):
    encoder, method = started(family, 2)
    assert_close(states(method.encoder, family, range(2)), states(encoder, family, range(2)), atol=0, rtol=0)


def test_a_saved_model_is_loaded_as_it_was_trained(tmp_path):
    _, method = started("bert", 2)
    config = method.config
    model = RationaleModel(config)
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.1)
    model.save_pretrained(tmp_path)
    again = RationaleModel.from_pretrained(tmp_path)
    for name, weight in model.state_dict().items():
        assert torch.equal(weight, again.state_dict()[name]), name
