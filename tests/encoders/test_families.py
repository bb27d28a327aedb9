"""The seam against the stock models of transformers."""

import json

import pytest
import torch
from torch.testing import assert_close
from transformers import AutoModel, BertConfig, BertForMaskedLM, DebertaV2Config, GPT2Config, ModernBertConfig, T5Config

from plmr.config import RationaleConfig
from plmr.encoders import LAYOUTS, build_encoder, encoder_path, gru_layers, load_encoder
from plmr.encoders.families import layout_of
from plmr.errors import PlmrError
from plmr.modeling import RationaleModel
from tests.small import CONFIGS, FAMILIES, shake, small_batch, small_encoder


def run_all(encoder, batch):
    return encoder.run(encoder.embed(batch["input_ids"]), range(encoder.n_blocks), batch["attention_mask"])


def stock_model(family, encoder):
    config = CONFIGS[family]
    options = {"add_pooling_layer": False} if LAYOUTS[config.model_type].pooler else {}
    stock = AutoModel.from_config(type(config)(**config.to_diff_dict()), attn_implementation="eager", **options)
    stock.load_state_dict(encoder.model.state_dict())
    return stock.eval()


@pytest.mark.parametrize("family", FAMILIES)
def test_all_blocks_give_what_the_stock_model_gives(family):
    encoder, batch = small_encoder(family), small_batch(family)
    stock = stock_model(family, encoder)
    with torch.no_grad():
        expected = stock(batch["input_ids"], attention_mask=batch["attention_mask"]).last_hidden_state
        actual = run_all(encoder, batch)
    real = batch["attention_mask"].bool()
    assert_close(actual[real], expected[real], atol=1e-5, rtol=0)


@pytest.mark.parametrize("family", [*FAMILIES, "gru"])
def test_a_cut_anywhere_changes_nothing(family):
    encoder, batch = small_encoder(family), small_batch(family)
    with torch.no_grad():
        whole = run_all(encoder, batch)
        for cut in range(encoder.n_blocks + 1):
            early = encoder.run(encoder.embed(batch["input_ids"]), range(cut), batch["attention_mask"])
            late = encoder.run(early, range(cut, encoder.n_blocks), batch["attention_mask"])
            assert torch.equal(late, whole)


@pytest.mark.parametrize("family", [*FAMILIES, "gru"])
def test_the_stored_configuration_rebuilds_the_encoder(family):
    encoder, batch = small_encoder(family), small_batch(family)
    rebuilt = build_encoder(json.loads(json.dumps(encoder.config_dict)), family).eval()
    rebuilt.load_state_dict(encoder.state_dict())
    with torch.no_grad():
        assert torch.equal(run_all(rebuilt, batch), run_all(encoder, batch))


def in_training(family, dropout):
    """The encoder of a model that is about to be trained."""
    config = RationaleConfig(encoder=family, num_labels=2, max_tokens=40, encoder_dropout=dropout)
    return RationaleModel.from_encoder(config, small_encoder(family)).method.encoders()[0].train()


@pytest.mark.parametrize("family", [*FAMILIES, "gru"])
def test_dropout_is_what_is_asked_for_everywhere_in_the_encoder(family):
    batch = small_batch(family)
    for dropout, alike in ((0.0, True), (0.4, False)):
        encoder = in_training(family, dropout)
        first, again = encoder.embed(batch["input_ids"]), encoder.embed(batch["input_ids"])
        assert torch.equal(first, again) == alike
        # A GRU has dropout on its embeddings alone.
        for block in range(encoder.n_blocks) if family != "gru" else ():
            one, other = (encoder.run(first, range(block, block + 1), batch["attention_mask"]) for _ in range(2))
            assert torch.equal(one, other) == alike


@pytest.mark.parametrize("family", [*FAMILIES, "gru"])
def test_dropout_that_nobody_asks_for_is_the_encoders_own(family):
    own, trained = small_encoder(family), in_training(family, None)
    assert trained.config_dict == own.config_dict


@pytest.mark.parametrize("family", FAMILIES)
def test_a_saved_checkpoint_is_loaded_from_its_folder(family, tmp_path):
    encoder, batch = small_encoder(family), small_batch(family)
    stock_model(family, encoder).save_pretrained(tmp_path)
    with torch.no_grad():
        assert torch.equal(run_all(load_encoder(str(tmp_path)).eval(), batch), run_all(encoder, batch))


def test_the_head_of_a_checkpoint_is_left_behind(tmp_path):
    model = BertForMaskedLM(CONFIGS["bert"])
    shake(model)
    model.save_pretrained(tmp_path)
    loaded = load_encoder(str(tmp_path)).model.state_dict()
    expected = model.bert.state_dict()
    assert loaded.keys() == expected.keys()
    assert all(torch.equal(loaded[name], expected[name]) for name in loaded)


@pytest.mark.parametrize("family", ["roberta", "xlm-roberta", "camembert"])
def test_a_padding_id_inside_a_text_does_not_move_the_tokens_behind_it(family):
    # Tokenizers turn a written "<pad>" into that id; stock RoBERTa counts positions without it.
    encoder, batch = small_encoder(family), small_batch(family)
    changed = batch["input_ids"].clone()
    changed[:, 2] = CONFIGS[family].pad_token_id
    with torch.no_grad():
        before, after = encoder.embed(batch["input_ids"]), encoder.embed(changed)
    assert not torch.equal(before[:, 2], after[:, 2])
    assert torch.equal(before[0, 3:], after[0, 3:])


@pytest.mark.parametrize("config", [GPT2Config(), T5Config(), DebertaV2Config()], ids=lambda c: c.model_type)
def test_an_architecture_that_cannot_be_split_is_named_with_those_that_can(config, tmp_path):
    config.save_pretrained(tmp_path)
    with pytest.raises(PlmrError, match=f"{config.model_type!r}.*{', '.join(LAYOUTS)}.*'gru-3'") as error:
        load_encoder(str(tmp_path))
    assert "\n" not in str(error.value)


def test_a_folder_that_is_no_model_is_an_error_of_one_line(tmp_path):
    for name in (str(tmp_path), str(tmp_path / "missing"), "no/such/hub-id"):
        with pytest.raises(PlmrError, match=r"Cannot load an encoder from .*config\.json") as error:
            load_encoder(name)
        assert "\n" not in str(error.value)


def test_a_truncated_checkpoint_is_an_error(tmp_path):
    AutoModel.from_config(BertConfig(**CONFIGS["bert"].to_diff_dict())).save_pretrained(tmp_path)
    weights = tmp_path / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:1000])
    with pytest.raises(PlmrError, match="Cannot load an encoder"):
        load_encoder(str(tmp_path))


def test_gru_names():
    assert [gru_layers(name) for name in ("gru", "gru-1", "gru-3", "bert-base-uncased", "gruff")] == [
        1, 1, 3, None, None,
    ]  # fmt: skip
    for name in ("gru-0", "gru-9"):
        with pytest.raises(PlmrError, match=f"'{name}'.*1 to 3 layers"):
            gru_layers(name)


def test_a_path_in_the_home_folder_is_expanded(monkeypatch):
    monkeypatch.setenv("HOME", "/somewhere")
    assert encoder_path("~/model") == "/somewhere/model"
    assert encoder_path("bert-base-uncased") == "bert-base-uncased"


def test_a_transformers_too_old_for_an_architecture_is_told_by_its_version(monkeypatch):
    monkeypatch.setattr("plmr.encoders.families.transformers.__version__", "5.0.0")
    with pytest.raises(PlmrError, match=r"takes transformers 5\.1 or newer; found 5\.0\.0"):
        layout_of(ModernBertConfig(), "some/model")
    assert layout_of(BertConfig(), "some/model") is LAYOUTS["bert"]
