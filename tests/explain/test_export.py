"""An exported file answers as torch does, serves the same rationales, and never stands where it would mislead."""

from __future__ import annotations

import json
import shutil
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
import transformers
from torch.testing import assert_close

from plmr import RationaleClassifier, make_reviews
from plmr.encoders import SplitEncoder
from plmr.errors import PlmrError
from plmr.explain import export
from plmr.explain.export import REPORT, check, export_onnx, generated_texts
from plmr.explain.onnx import OnnxModel, load_exported
from plmr.explain.onnx_graph import write_graph
from plmr.inference import Prediction
from tests.small import CONFIGS, small_batch, small_model
from tests.tiny import save_tiny_bert

ROWS = make_reviews(24, seed=5)
LAYERS = {"distilbert": "n_layers"}
# One or two pruning steps and one late block: an export takes a second for every block.
SMALL = {"generator_depth": 1, "dim_reduction_blocks": 1}
TWO_STEPS = {"generator_depth": 2, "dim_reduction_blocks": 2}


def shallow_model(family, blocks, **settings):
    """A small model of so few blocks that keeps about half of what each step is given."""
    config = CONFIGS[family].to_diff_dict() | {"model_type": CONFIGS[family].model_type}
    config[LAYERS.get(family, "num_hidden_layers")] = blocks
    if "layer_types" in config:
        config["layer_types"] = config["layer_types"][:blocks]
    model = small_model(family, encoder_config=config, max_tokens=48, **settings)
    batch = model.batch(**small_batch(family, lengths=(30, 25, 20)))
    model.config.thresholds = [0.5] * model.method.n_steps
    for step in range(model.method.n_steps):
        with torch.no_grad():
            score = model.method.select(batch).score_at(step)
        model.config.thresholds[step] = float(score[score > 0].median()) + 1e-4
    return model


def batch_of(family, lengths, seed):
    """As `small_batch`, and with texts of special tokens alone."""
    batch = small_batch(family, seed=seed, lengths=tuple(max(3, length) for length in lengths))
    for row, length in enumerate(lengths):
        if length == 2:
            batch["attention_mask"][row, 2:] = 0
            batch["word_ids"][row] = -1
    width = max(lengths)
    return {name: values[:, :width] for name, values in batch.items()}


def dense(model):
    """The reference: every token is computed, pruned or not."""
    for module in model.modules():
        if isinstance(module, SplitEncoder):
            module.compact = False
    return model


@pytest.mark.parametrize(
    ("family", "blocks", "settings"),
    [
        pytest.param("bert", 3, {"masking": "drop", "unit": "word", "smoothing": 3, **TWO_STEPS}, id="bert"),
        pytest.param("distilbert", 2, {"masking": "zero", "unit": "subword", **SMALL}, id="distilbert"),
        # The published code's special tokens, with a single late block, which leaves none for their second part.
        pytest.param("bert", 2, {"preset": "released", **SMALL}, id="released", marks=pytest.mark.slow),
        pytest.param("bert", 2, {"predictor_blocks": "all", **SMALL}, id="all", marks=pytest.mark.slow),
        pytest.param("modernbert", 2, SMALL, id="modernbert", marks=pytest.mark.slow),
        pytest.param("electra", 1, {"method": "rnp", "pooling": "max"}, id="rnp", marks=pytest.mark.slow),
        pytest.param("bert", 1, {"method": "hardkuma"}, id="hardkuma", marks=pytest.mark.slow),
    ],
)
def test_the_graph_gives_the_numbers_of_torch(family, blocks, settings, tmp_path):
    model = shallow_model(family, blocks, **settings)
    write_graph(model, tmp_path / "model.onnx")
    served, reference = OnnxModel(model.config, tmp_path / "model.onnx"), dense(model)
    shares = []
    for seed, lengths in enumerate([(3,), (48,), (2,), (3, 4, 5, 6, 7, 8, 9), (48, 2, 20, 11, 9, 30, 31), (2, 2)]):
        batch = batch_of(family, lengths, seed)
        generator = torch.Generator().manual_seed(seed)
        words = batch["word_ids"].clamp(min=0)
        given = (torch.rand(words.shape, generator=generator) < 0.4).float().gather(1, words)
        given[batch["word_ids"] < 0] = 0
        n_words = torch.randint(0, 4, (len(words),), generator=generator)
        with torch.no_grad():
            expected, asked = reference(**batch), reference(**batch, n_words=n_words)
            answer, answered = served(**batch), served(**batch, n_words=n_words)
            assert_close(served.predict_from(given, **batch), reference.predict_from(given, **batch), atol=1e-4, rtol=0)
        for ours, theirs in ((answer, expected), (answered, asked)):
            assert torch.equal(ours.mask, theirs.mask)
            assert_close(ours.logits, theirs.logits, atol=1e-4, rtol=0)
            assert_close(ours.keep_probability, theirs.keep_probability, atol=1e-5, rtol=0)
        assert_close(answered.ranking, asked.ranking, atol=1e-5, rtol=0)
        real = batch["word_ids"] >= 0
        shares += answer.mask[real].tolist()
    assert 0.05 < np.mean(shares) < 0.95


def test_one_token_is_enough(exported):
    """Some tokenizers put nothing around a text; the graph is traced for two tokens and more."""
    served = RationaleClassifier.from_pretrained(exported, backend="onnx").model
    model = RationaleClassifier.from_pretrained(exported).model
    batch = {"input_ids": torch.tensor([[7]]), "word_ids": torch.tensor([[0]])}
    with torch.no_grad():
        assert_close(served(**batch).logits, model(**batch).logits, atol=1e-5, rtol=0)
    assert served(**batch).mask.shape == (1, 1)


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A classifier of two blocks, trained for a moment, that reads long texts in windows."""
    folder = tmp_path_factory.mktemp("export")
    bert = save_tiny_bert(folder / "bert", [row.text for row in ROWS], blocks=2)
    classifier = RationaleClassifier.from_pretrained(str(bert), sparsity_annealing=0.0, max_tokens=100, **SMALL)
    classifier.fit(ROWS[:16], ROWS[16:], epochs=1, batch_size=8, disable_tqdm=True, use_cpu=True)
    classifier.save_pretrained(folder / "model")
    return folder / "model"


@pytest.fixture(scope="module")
def exported(saved: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same with both files beside it."""
    folder = tmp_path_factory.mktemp("exported") / "model"
    shutil.copytree(saved, folder)
    export_onnx(RationaleClassifier.from_pretrained(folder), folder, ROWS, int8=True)
    return folder


@pytest.mark.parametrize("asked", [{}, {"sparsity": 0.1}, {"max_words": 3}], ids=["calibrated", "share", "words"])
def test_the_served_classifier_gives_the_same_rationales(exported, asked):
    served, own = (RationaleClassifier.from_pretrained(exported, backend=backend) for backend in ("onnx", "torch"))
    texts = [example.text for example in generated_texts()]
    answers = served(texts, **asked)
    for ours, theirs in zip(answers, own(texts, **asked), strict=True):
        same = replace(ours, score=theirs.score, scores=theirs.scores, keep_scores=theirs.keep_scores)
        assert same == theirs
        assert ours.scores == pytest.approx(theirs.scores, abs=1e-5)
        assert ours.keep_scores == pytest.approx(theirs.keep_scores, abs=1e-5)
    assert served(texts[0], **asked).label == answers[0].label
    assert any("windows" in (answer.note or "") for answer in answers)
    assert any(any(answer.selected) and not all(answer.selected) for answer in answers)


def test_evaluation_gives_the_same_figures(exported):
    served, own = (RationaleClassifier.from_pretrained(exported, backend=backend) for backend in ("onnx", "torch"))
    ours, theirs = (each.evaluate(ROWS[:8], faithfulness=True) for each in (served, own))
    assert ours.word == theirs.word
    assert ours.faithfulness.sufficiency == pytest.approx(theirs.faithfulness.sufficiency, abs=1e-5)
    assert ours.faithfulness.comprehensiveness == pytest.approx(theirs.faithfulness.comprehensiveness, abs=1e-5)


def test_the_report_says_what_evaluation_finds(exported):
    report = json.loads((exported / REPORT).read_text())
    assert report["n_texts"] == len(ROWS)
    for run, backend in zip(report["runs"], ("torch", "onnx", "onnx-int8"), strict=True):
        # In the same batches: an int8 file scales its activations by what is in one.
        figures = RationaleClassifier.from_pretrained(exported, backend=backend).evaluate(ROWS, batch_size=32)
        assert run["word_f1"] == pytest.approx(figures.word.micro_f1)
        assert run["texts_per_second"] > 0
    torch_run, floats, integers = report["runs"]
    assert floats["labels_alike"] == torch_run["labels_alike"] == 1
    assert 0 < floats["keep_difference"] < 1e-4 < integers["keep_difference"] < 1
    assert report["megabytes"]["model.int8.onnx"] < report["megabytes"]["model.onnx"]
    assert report["versions"]["torch"] == torch.__version__


def test_neither_the_weights_nor_the_names_of_source_files_are_needed(exported, tmp_path):
    folder = tmp_path / "served"
    shutil.copytree(exported, folder)
    (folder / "model.safetensors").unlink()
    text = ROWS[0].text
    assert RationaleClassifier.from_pretrained(folder, backend="onnx")(text).text == text
    assert b".py" not in (folder / "model.onnx").read_bytes()


def test_what_only_torch_can_do_is_refused_in_one_line(exported, tmp_path):
    served = RationaleClassifier.from_pretrained(exported, backend="onnx")
    for refused in (
        lambda: served.fit(ROWS, epochs=1, disable_tqdm=True, use_cpu=True),
        lambda: served.save_pretrained(tmp_path / "copy"),
        lambda: served.to("cpu"),
        lambda: served.push_to_hub("someone/something"),
        lambda: served.model(**small_batch(), return_full_text=True),
        lambda: export_onnx(served, tmp_path / "copy"),
    ):
        with pytest.raises(PlmrError, match="backend='torch'"):
            refused()
    assert not (tmp_path / "copy").exists()


def complaint(source, backend):
    with pytest.raises(PlmrError) as caught:
        RationaleClassifier.from_pretrained(source, backend=backend)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_files_that_cannot_be_served(exported, saved, tmp_path):
    assert f"plmr export {saved} --to onnx --int8" in complaint(saved, "onnx-int8")
    assert "Did you mean 'onnx'?" in complaint(saved, "onx")
    assert "is an encoder" in complaint(saved.parent / "bert", "onnx")
    folder = tmp_path / "model"
    shutil.copytree(exported, folder)
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"thresholds": [0.25]}))
    for backend in ("onnx", "onnx-int8"):
        assert "another state of this model" in complaint(folder, backend)
        assert "other thresholds" in complaint(folder, backend)
    (folder / "config.json").write_text(json.dumps(config | {"sparsity": 0.3}))
    assert "other sparsity" in complaint(folder, "onnx")
    content = (folder / "model.onnx").read_bytes()
    for cut in (content[: len(content) // 2], b"", b"no graph"):
        (folder / "model.onnx").write_bytes(cut)
        assert "cannot be loaded" in complaint(folder, "onnx") or "another state" in complaint(folder, "onnx")


@pytest.mark.parametrize(("backend", "option"), [("onnx", ""), ("onnx-int8", " --int8")])
def test_a_model_of_the_hub_is_to_be_saved_in_a_folder_first(backend, option):
    with pytest.raises(PlmrError) as caught:
        load_exported("org/name", backend)
    message = str(caught.value)
    assert "from_pretrained('org/name').save_pretrained('FOLDER')" in message
    assert f"plmr export FOLDER --to onnx{option}," in message and "plmr export org/name" not in message


def test_a_file_of_another_training_is_refused_even_at_the_same_thresholds(exported, tmp_path):
    folder = tmp_path / "model"
    shutil.copytree(exported, folder)
    again = RationaleClassifier.from_pretrained(exported)
    with torch.no_grad():
        again.model.method.class_head.linear.bias += 5.0
    with pytest.raises(PlmrError, match="does not hold this classifier"):
        export_onnx(again, folder)  # not saved: the file would be tied to the weights of another
    with pytest.raises(PlmrError, match="does not hold this classifier"):
        export_onnx(again, tmp_path / "empty")
    assert not (tmp_path / "empty").exists()
    again.save_pretrained(folder)
    for backend in ("onnx", "onnx-int8"):
        assert "another state of this model, with other weights" in complaint(folder, backend)


@pytest.mark.skipif(transformers.__version__.startswith("5.0."), reason="names weights otherwise when saving again")
def test_a_classifier_that_is_saved_again_keeps_its_file(exported, tmp_path):
    folder = tmp_path / "model"
    shutil.copytree(exported, folder)
    RationaleClassifier.from_pretrained(exported).save_pretrained(folder)
    assert RationaleClassifier.from_pretrained(folder, backend="onnx")("a fine smell").label


def test_a_file_that_answers_otherwise_does_not_get_its_name(exported, tmp_path, monkeypatch):
    folder = tmp_path / "model"
    shutil.copytree(exported, folder)
    before = {file.name: file.read_bytes() for file in folder.iterdir()}
    monkeypatch.setattr(export, "TOLERANCE", 1e-12)  # less than any rounding
    with pytest.raises(PlmrError, match="was not kept"):
        export_onnx(RationaleClassifier.from_pretrained(folder), folder)
    assert {file.name: file.read_bytes() for file in folder.iterdir()} == before


def test_labels_must_agree_and_probabilities_nearly():
    def answers(second, keep):
        rows = np.array([[0.2, 0.8], [second, 1 - second]])
        return [Prediction(row, np.ones(3, dtype=bool), np.array([0.1, keep, 0.5]), np.ones(3)) for row in rows]

    check(answers(0.6, 0.7), answers(0.6009, 0.7009))
    with pytest.raises(PlmrError, match="1 of 2 labels"):
        check(answers(0.6, 0.7), answers(0.4, 0.7))
    for keep in (0.7011, float("nan")):
        with pytest.raises(PlmrError, match="0 of 2 labels"):
            check(answers(0.6, 0.7), answers(0.6, keep))
    for second in (0.6011, 0.51, float("nan")):
        with pytest.raises(PlmrError, match="class probability"):
            check(answers(0.6, 0.7), answers(second, 0.7))


def test_recurrent_encoders_are_refused(trained, tmp_path):
    trained["gru"].save_pretrained(tmp_path / "model")
    before = sorted((tmp_path / "model").iterdir())
    with pytest.raises(PlmrError, match="recurrent"):
        export_onnx(trained["gru"], tmp_path / "model")
    assert sorted((tmp_path / "model").iterdir()) == before


def test_missing_packages_are_named(exported, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnxruntime", None)  # as if it were not installed
    assert 'onnxruntime, which is not installed: pip install "plmr[onnx]"' in complaint(exported, "onnx")
    with pytest.raises(PlmrError, match="onnxruntime, which is not installed"):
        export_onnx(RationaleClassifier.from_pretrained(exported), exported)


def test_the_generated_texts_have_every_length():
    counts = [len(example.words) for example in generated_texts()]
    assert min(counts) == 0 and 1 in counts and max(counts) > 512
