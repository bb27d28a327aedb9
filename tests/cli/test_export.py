"""`plmr export` from end to end."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from plmr import RationaleClassifier, make_reviews
from tests.cli.checks import assert_refused
from tests.tiny import save_tiny_bert


@pytest.fixture(scope="module")
def bert(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small transformer, trained for a moment."""
    folder = tmp_path_factory.mktemp("models")
    rows = make_reviews(20, seed=1)
    source = save_tiny_bert(folder / "source", [row.text for row in rows], blocks=2)
    settings = {"sparsity_annealing": 0.0, "generator_depth": 1, "dim_reduction_blocks": 1}
    classifier = RationaleClassifier.from_pretrained(str(source), **settings)
    classifier.fit(rows[:12], rows[12:], epochs=1, batch_size=8, disable_tqdm=True, use_cpu=True)
    classifier.save_pretrained(folder / "bert")
    return folder / "bert"


def test_export_writes_files_that_serve_and_says_how_they_compare(run, bert, reviews):
    before = {file.name for file in bert.iterdir()}
    result = run("export", bert, "--to", "onnx", "--int8", "--data", reviews)
    assert result.exit_code == 0, result.output
    assert {file.name for file in bert.iterdir()} == before | {"model.onnx", "model.int8.onnx", "export.json"}
    _, floats, integers = json.loads((bert / "export.json").read_text())["runs"]
    first, second = result.stdout.split("model.int8.onnx")
    for table, figures in ((first, floats), (second, integers)):
        assert f"{100 * figures['labels_alike']:.1f} %" in table
        assert f"{100 * figures['word_f1']:.1f} %" in table
        assert f"{figures['texts_per_second']:.1f} texts/s" in table
    assert f"{integers['texts_per_second'] / floats['texts_per_second']:.2f} times model.onnx" in second
    text = json.loads(reviews.read_text().splitlines()[0])["text"]
    answers = [RationaleClassifier.from_pretrained(bert, backend=backend)(text) for backend in ("torch", "onnx")]
    assert answers[0].words == answers[1].words and answers[0].label == answers[1].label


def test_what_cannot_be_exported_leaves_the_folder_as_it_was(run, bert, model, reviews, tmp_path):
    folders = {folder: sorted(folder.iterdir()) for folder in (bert, model)}
    assert_refused(run("export", model), "recurrent")
    assert_refused(run("export", bert, "--to", "onx"), "--to onx", "Did you mean 'onnx'?")
    assert_refused(run("export", bert, "--data", tmp_path / "no.jsonl"), "no.jsonl", "no such file")
    assert_refused(run("export", tmp_path / "nowhere"), "nowhere", "no such folder")
    assert_refused(run("export", reviews), "reviews.jsonl", "no such folder")
    assert {folder: sorted(folder.iterdir()) for folder in folders} == folders


def test_the_help_has_an_example(run):
    assert "plmr export my-model --to onnx --int8" in run("export", "--help").stdout
