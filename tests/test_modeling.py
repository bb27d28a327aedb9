"""The model as a whole: what it returns, how it is saved, and that its numbers stay what they are."""

from copy import deepcopy

import pytest
import torch
from torch import nn
from torch.testing import assert_close
from transformers import AutoConfig, AutoModel

from plmr.config import RationaleConfig
from plmr.encoders import load_encoder
from plmr.errors import PlmrError
from plmr.methods import METHODS
from plmr.modeling import RationaleModel
from plmr.output import RationaleOutput
from tests.small import FAMILIES, PENALTY, config_of, small_batch, small_encoder, small_model

LABELS = torch.tensor([0, 1, 1])


def assert_same_answers(model, other, family):
    batch = small_batch(family)
    with torch.no_grad():
        expected, actual = (m(**batch, return_full_text=True) for m in (model, other))
    for name in ("logits", "mask", "keep_probability", "full_text_logits"):
        assert torch.equal(actual[name], expected[name]), name


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("family", [*FAMILIES, "gru"])
def test_a_saved_model_comes_back_bit_by_bit(family, method, tmp_path):
    model = small_model(family, method=method, thresholds=[0.4] if method == "rnp" or family == "gru" else None)
    model.save_pretrained(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["config.json", "model.safetensors"]
    loaded = RationaleModel.from_pretrained(tmp_path)
    assert not loaded.training
    assert loaded.config.thresholds == model.config.thresholds
    expected = model.state_dict()
    assert loaded.state_dict().keys() == expected.keys()
    assert all(torch.equal(tensor, expected[name]) for name, tensor in loaded.state_dict().items())
    # A file's weights lie in memory as they lie in the file; on some kernels, that costs a last bit.
    assert_same_answers(model, deepcopy(loaded), family)


@pytest.mark.parametrize("family", ["bert", "modernbert", "gru"])
def test_the_auto_classes_know_the_model(family, tmp_path):
    model = small_model(family)
    model.save_pretrained(tmp_path)
    assert isinstance(AutoConfig.from_pretrained(tmp_path), RationaleConfig)
    loaded = AutoModel.from_pretrained(tmp_path)
    assert isinstance(loaded, RationaleModel)
    assert_same_answers(model, deepcopy(loaded.eval()), family)


def test_texts_longer_than_the_position_table_are_refused():
    encoder = small_encoder("roberta")
    config = RationaleConfig(encoder="roberta", max_tokens=47)
    with pytest.raises(PlmrError, match="positions for 46 tokens; set max_tokens=46"):
        RationaleModel.from_encoder(config, encoder)


def test_class_names_are_saved(tmp_path):
    model = small_model(id2label={0: "bad", 1: "fair", 2: "good"}, label2id={"bad": 0, "fair": 1, "good": 2})
    model.save_pretrained(tmp_path)
    assert RationaleModel.from_pretrained(tmp_path).config.id2label == {0: "bad", 1: "fair", 2: "good"}


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("family", ["bert", "electra-projected", "modernbert", "gru"])
def test_every_encoder_of_a_method_starts_from_the_pretrained_one(family, method):
    encoder = small_encoder(family, seed=3)
    settings = {"predictor_start": "late"} if "predictor_start" in METHODS[method].reads else {}
    config = RationaleConfig(encoder=family, max_tokens=40, method=method, **settings)
    model = RationaleModel.from_encoder(config, encoder)
    copies = model.method.encoders()
    assert len(copies) == (4 if method == "mgr" else METHODS[method].n_encoders)
    expected = encoder.state_dict()
    for copy in copies:
        assert all(torch.equal(tensor, expected[name]) for name, tensor in copy.state_dict().items())


def test_an_encoder_is_loaded_by_its_folder(tmp_path):
    stock = AutoModel.from_config(AutoConfig.for_model(**config_of("bert")))
    stock.save_pretrained(tmp_path)
    model = RationaleModel.from_encoder(RationaleConfig(encoder=str(tmp_path), max_tokens=40, predictor_start="late"))
    expected = load_encoder(str(tmp_path)).state_dict()
    assert all(torch.equal(tensor, expected[name]) for name, tensor in model.method.encoder.state_dict().items())


@pytest.mark.parametrize("method", METHODS)
def test_shapes_are_as_documented(method):
    model, batch = small_model(method=method, num_labels=4), small_batch()
    output = model(**batch, labels=LABELS, return_full_text=True)
    B, T = batch["input_ids"].shape
    assert isinstance(output, RationaleOutput)
    assert output.logits.shape == output.full_text_logits.shape == (B, 4)
    assert output.mask.shape == output.keep_probability.shape == (B, T)
    assert {mask.shape for mask in output.masks} == {(B, T)} and len(output.masks) == model.method.n_steps
    assert output.loss.shape == () and all(term.shape == () for term in output.losses.values())
    assert_close(output.loss, sum(output.losses.values()))


def test_without_labels_there_is_no_loss_and_in_training_nothing_but_losses():
    model, batch = small_model(), small_batch()
    output = model(**batch)
    assert output.loss is output.losses is output.full_text_logits is None
    output = model.train()(**batch, labels=LABELS)
    assert output.logits is None and set(output.keys()) == {"loss", "losses"}
    assert model(**batch).logits is not None


def test_a_text_gets_the_same_answer_in_any_company():
    batch = small_batch()
    for settings in ({}, {"preset": "paper"}, {"method": "rnp"}):
        model = small_model(**settings)
        with torch.no_grad():
            together = model(**batch)
            for row, length in enumerate(batch["attention_mask"].sum(dim=1).tolist()):
                alone = model(**{name: tensor[row : row + 1, :length] for name, tensor in batch.items()})
                assert torch.equal(alone.mask[0], together.mask[row, :length])
                assert_close(alone.logits[0], together.logits[row], atol=1e-5, rtol=0)


@pytest.mark.parametrize("method", METHODS)
def test_the_model_predicts_from_its_own_mask_what_it_predicts(method):
    model, batch = small_model(method=method), small_batch()
    with torch.no_grad():
        output = model(**batch)
        assert torch.equal(model.predict_from(output.mask, **batch), output.logits)


def test_missing_pieces_are_named():
    model, batch = small_model(), small_batch()
    with pytest.raises(PlmrError, match="needs word_ids.*RationaleTokenizer and RationaleCollator"):
        model(batch["input_ids"], batch["attention_mask"])
    with pytest.raises(PlmrError, match=r"from_encoder\(RationaleConfig\(encoder='minilm'\)\)"):
        RationaleModel(RationaleConfig())


def write_by_formula(model: nn.Module) -> None:
    """Set weights that depend on no random number generator."""
    with torch.no_grad():
        for number, (name, parameter) in enumerate(sorted(model.named_parameters())):
            wave = torch.sin(0.7 * number + 0.37 * torch.arange(parameter.numel(), dtype=torch.float64))
            parameter.copy_((0.25 * wave + (1.0 if "orm.weight" in name else 0.0)).reshape(parameter.shape))


# Made with torch 2.13 and transformers 5.23, for one text of four words: logits from its first and third word,
# logits from the whole of it, and each word's keep probability.
SNAPSHOT = {
    "bert": [[-1.07586, -1.41483], [-1.47218, -1.46509], [0.29999, 0.3593, 0.33944, 0.64585]],
    "roberta": [[-1.36816, -1.10669], [-2.81816, -2.59414], [0.4391, 0.77019, 0.78407, 0.72316]],
    "electra-projected": [[-2.7315, -0.75579], [-2.54802, -0.85487], [0.63258, 0.77315, 0.71437, 0.27174]],
    "distilbert": [[1.06156, 0.01414], [0.82844, -0.50328], [0.30258, 0.04493, 0.40023, 0.28865]],
    "modernbert": [[-0.91107, -0.41051], [-0.47276, -0.1551], [0.35107, 0.4343, 0.29029, 0.4489]],
    "gru": [[0.29683, 0.08715], [0.29313, 0.08103], [0.17063, 0.19829, 0.20905, 0.21069]],
}


@pytest.mark.parametrize("family", SNAPSHOT)
def test_the_numbers_are_what_they_were(family):
    model = small_model(family, generator_depth=2, dim_reduction_blocks=1, **PENALTY)
    write_by_formula(model)
    batch = {
        "input_ids": torch.tensor([[2, 10, 23, 36, 49, 11, 24, 3]]),
        "attention_mask": torch.ones(1, 8, dtype=torch.long),
        "word_ids": torch.tensor([[-1, 0, 0, 1, 2, 3, 3, -1]]),
    }
    with torch.no_grad():
        output = model(**batch, return_full_text=True)
        logits = model.predict_from(torch.tensor([[0, 1, 1, 0, 1, 0, 0, 0]]), **batch)
    actual = [logits[0], output.full_text_logits[0], output.keep_probability[0, [1, 3, 4, 5]]]
    for ours, expected in zip(actual, SNAPSHOT[family], strict=True):
        assert ours.tolist() == pytest.approx(expected, abs=1e-4)
