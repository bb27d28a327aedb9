"""What options of the commands do: columns, devices, precision, files of their own for validation."""

from __future__ import annotations

import json

import pytest

from plmr import RationaleClassifier
from plmr.data import load_dataset_by_name, spans_from_flags
from tests.cli.checks import assert_refused, read_lines
from tests.tiny import save_tiny_bert


def predictions(path):
    return [row["prediction"] for row in read_lines(path)]


def test_bf16_computes_otherwise(run, model, reviews, tmp_path):
    """Near the figures of float32, and not the same: else the option did nothing."""
    scores, sufficiency = [], []
    for more in ((), ("--bf16",)):
        out, figures = tmp_path / f"p{len(more)}.jsonl", tmp_path / f"f{len(more)}.json"
        assert run("predict", model, "--input", reviews, "--output", out, *more).exit_code == 0
        scores.append([answer["score"] for answer in predictions(out)])
        done = run("evaluate", model, "--data", reviews, "--json", figures, "--faithfulness", *more)
        assert done.exit_code == 0, done.output
        sufficiency.append(json.loads(figures.read_text())["faithfulness"]["sufficiency"])
    assert scores[0] != scores[1] and scores[0] == pytest.approx(scores[1], abs=0.02)
    assert sufficiency[0] != sufficiency[1] and sufficiency[0] == pytest.approx(sufficiency[1], abs=0.02)


def test_faithfulness_is_measured_where_it_is_asked_for(run, model, reviews, tmp_path):
    def evaluated(*more):
        result = run("evaluate", model, "--data", reviews, "--json", tmp_path / "f.json", *more)
        assert result.exit_code == 0, result.output
        return result.stdout, json.loads((tmp_path / "f.json").read_text())

    table, figures = evaluated()
    assert "Sufficiency" not in table and figures["faithfulness"] is None
    table, figures = evaluated("--faithfulness")
    faithfulness = figures["faithfulness"]
    assert faithfulness["n_texts"] == 40
    for name in ("sufficiency", "comprehensiveness"):
        assert f"{faithfulness[name]:.3f}" in table


@pytest.mark.parametrize("command", ["explain", "predict"])
def test_a_device_that_is_not_there_is_refused(run, model, reviews, tmp_path, command):
    words = {"explain": ["one two"], "predict": ["--input", reviews, "--output", tmp_path / "out.jsonl"]}[command]
    assert_refused(run(command, model, *words, "--device", "gpu"), "device='gpu'", "there is cpu")
    assert not list(tmp_path.iterdir())


def test_predict_reads_the_column_of_words_that_is_named(run, model, write_rows, tmp_path):
    named = write_rows(tmp_path / "n.jsonl", [{"parts": ["good", "beer"], "tokens": ["other", "words"]}])
    usual = write_rows(tmp_path / "u.jsonl", [{"tokens": ["good", "beer"]}])
    answers = []
    for data, more in ((named, ("--tokens-column", "parts")), (usual, ())):
        out = tmp_path / "out.jsonl"
        result = run("predict", model, "--input", data, "--output", out, "--max-words", 2, *more)
        assert result.exit_code == 0, result.output
        answers += predictions(out)
    assert answers[0] == answers[1] and answers[0]["words"] == ["good", "beer"]


COLUMNS = ("--text-column", "body", "--label-column", "stars", "--rationale-column", "why")


def with_other_columns(rows):
    """The same rows under other names, with decoys under the usual ones."""
    return [
        {"body": row["text"], "stars": row["label"], "why": row["rationale"]}
        | {"text": "the same", "label": f"decoy {i % 2}", "rationale": [[0, 3]]}
        for i, row in enumerate(rows)
    ]


def rows_of(part, **options):
    """A part of the generated reviews as the rows of a file."""
    return [
        {"text": e.text, "label": e.label, "rationale": spans_from_flags(e.words, e.rationale or ())}
        for e in load_dataset_by_name("synthetic", part, **options)
    ]


def trained(run, folder, *words):
    """What `plmr train` says, and the files that answers depend on."""
    result = run("train", *words, "--output", folder, "--encoder", "gru", "--method", "rnp", "--epochs", 1)
    assert result.exit_code == 0, result.output
    return result.output, [(folder / name).read_bytes() for name in ("config.json", "model.safetensors")]


def test_columns_may_have_other_names_in_training_and_validation(run, write_rows, tmp_path):
    """The model is that of the same rows under the usual names."""
    rows, held_out = rows_of("train", n=24), rows_of("validation", n=12)
    files = [
        (write_rows(tmp_path / f"t{i}.jsonl", change(rows)), write_rows(tmp_path / f"v{i}.jsonl", change(held_out)))
        for i, change in enumerate((list, with_other_columns))
    ]
    usual, named = (
        trained(run, tmp_path / f"m{i}", "--data", data, "--validation", validation, *more)
        for i, ((data, validation), more) in enumerate(zip(files, ((), COLUMNS), strict=True))
    )
    assert usual[1] == named[1]
    assert json.loads(usual[1][0])["label2id"] == {"negative": 0, "positive": 1}


def test_validation_is_a_file_of_its_own_where_one_is_given(run, write_rows, tmp_path):
    data = write_rows(tmp_path / "t.jsonl", rows_of("train", n=24))
    few = write_rows(tmp_path / "v.jsonl", [*rows_of("validation", n=6), {"text": "", "label": "positive"}])
    alone, _ = trained(run, tmp_path / "alone", "--data", data)
    assert "of the training texts were held out" in alone
    given, _ = trained(run, tmp_path / "given", "--data", data, "--validation", few)
    assert "held out" not in given
    assert "note: 1 of 7 validation texts have no words (first: v.jsonl:7)" in given


def test_a_data_set_by_name_brings_its_own_validation_part(run, write_rows, tmp_path):
    data, held_out = (write_rows(tmp_path / f"{part}.jsonl", rows_of(part, n=24)) for part in ("train", "validation"))
    said, by_name = trained(run, tmp_path / "named", "--dataset", "synthetic", "--data-option", "n=24")
    assert "held out" not in said
    assert by_name == trained(run, tmp_path / "files", "--data", data, "--validation", held_out)[1]


def figures_of(run, command, model, path, *words):
    """What a command writes as JSON, less what a clock or a name of a file decides."""
    if command == "compare":
        words = (*words, "--explainers", "random", "--limit", 5)
    result = run(command, model, *words, "--json", path)
    assert result.exit_code == 0, result.output
    written = json.loads(path.read_text())
    if command == "evaluate":
        return written
    return {name: (system["word"], system["faithfulness"]) for name, system in written["systems"].items()}


@pytest.mark.parametrize("command", ["evaluate", "compare"])
def test_figures_are_those_of_the_columns_that_are_named(run, model, write_rows, tmp_path, command):
    rows = rows_of("test", n=12)
    usual = write_rows(tmp_path / "usual.jsonl", rows)
    named = write_rows(tmp_path / "named.jsonl", with_other_columns(rows))
    found = figures_of(run, command, model, tmp_path / "f.json", "--data", named, *COLUMNS)
    assert found == figures_of(run, command, model, tmp_path / "f.json", "--data", usual)
    assert found != figures_of(run, command, model, tmp_path / "f.json", "--data", usual, "--rationale-column", "no")


@pytest.mark.parametrize("command", ["evaluate", "compare"])
def test_figures_are_those_of_the_words_that_are_named(run, model, write_rows, tmp_path, command):
    """Here without decoys: a row has to have a label, whether a command reads it or not."""
    rows = rows_of("test", n=8)
    words = write_rows(tmp_path / "w.jsonl", [{"parts": r["text"].split(), "stars": r["label"]} for r in rows])
    usual = write_rows(tmp_path / "u.jsonl", [{"tokens": r["text"].split(), "label": r["label"]} for r in rows])
    named = ("--data", words, "--tokens-column", "parts", "--label-column", "stars")
    found = figures_of(run, command, model, tmp_path / "f.json", *named)
    assert found == figures_of(run, command, model, tmp_path / "f.json", "--data", usual)


@pytest.mark.parametrize("command", ["evaluate", "compare"])
def test_of_a_data_set_by_name_the_test_part_is_measured(run, model, write_rows, tmp_path, command):
    test = write_rows(tmp_path / "test.jsonl", rows_of("test", n=12, seed=3))
    validation = write_rows(tmp_path / "validation.jsonl", rows_of("validation", n=12, seed=3))
    by_name = ("--dataset", "synthetic", "--data-option", "n=12", "--data-option", "seed=3")
    found, same, other = (
        figures_of(run, command, model, tmp_path / "f.json", *words)
        for words in (by_name, ("--data", test), ("--data", validation))
    )
    assert found == same != other


@pytest.mark.parametrize("linked", [False, True], ids=["same", "symlink"])
def test_predictions_do_not_take_the_place_of_their_input(run, model, reviews, tmp_path, linked):
    data = tmp_path / "data.jsonl"
    data.write_bytes(reviews.read_bytes())
    output = data
    if linked:
        output = tmp_path / "link.jsonl"
        output.symlink_to(data)
    assert_refused(run("predict", model, "--input", data, "--output", output), "is the input file as well")
    assert data.read_bytes() == reviews.read_bytes()
    assert output.is_symlink() == linked and len(list(tmp_path.iterdir())) == 1 + linked


def test_an_encoder_is_no_model(run, tmp_path):
    encoder = save_tiny_bert(tmp_path / "encoder", ["a smell of hops"])
    refused = run("explain", encoder, "a smell")
    assert_refused(refused, f"{encoder} is an encoder, not a trained model", "a folder that `plmr train` wrote")


def interrupt(*_, **__):
    raise KeyboardInterrupt


def test_an_interrupted_prediction_says_that_nothing_was_written(run, model, reviews, tmp_path, monkeypatch):
    """Interrupted when the first rows are read, the output being open."""
    monkeypatch.setattr(RationaleClassifier, "iter_predict", interrupt)
    result = run("predict", model, "--input", reviews, "--output", tmp_path / "out.jsonl")
    assert result.exit_code == 130
    assert result.stderr == "Interrupted. No output was written; the same command starts again.\n"
    assert not list(tmp_path.iterdir())


def test_an_interrupted_demo_says_that_nothing_was_kept(run, tmp_path, monkeypatch):
    """Interrupted when the first method is built, the folder being open; the encoder need not be installed."""
    monkeypatch.setattr("plmr.studies.demo.packaged_minilm", lambda: tmp_path)
    monkeypatch.setattr(RationaleClassifier, "from_pretrained", interrupt)
    result = run("demo", "--output", tmp_path / "report")
    assert result.exit_code == 130
    assert result.stderr == "Interrupted. Nothing was kept; the same command starts again.\n"
    assert not list(tmp_path.iterdir())
