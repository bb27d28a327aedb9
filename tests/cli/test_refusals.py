"""What the commands refuse or say, so that nothing is lost or misread in silence."""

from __future__ import annotations

import json

import pytest

from tests.cli.checks import assert_refused


@pytest.mark.parametrize("given", [("--output", ""), ("--output=",), ("--validation", "")])
def test_an_empty_value_is_a_variable_that_is_not_set(run, reviews, tmp_path, monkeypatch, given):
    monkeypatch.chdir(tmp_path)
    rest = () if "output" in given[0] else ("--output", tmp_path / "model")
    result = run("train", "--data", reviews, "--encoder", "gru", *rest, *given)
    assert_refused(result, f"{given[0].rstrip('=')} is followed by an empty value")
    assert not list(tmp_path.iterdir())


def test_an_empty_text_is_no_empty_value(run, model):
    assert run("explain", model, "").exit_code == 0


@pytest.mark.parametrize("name", ["-", "out.csv", "out"])
def test_predict_writes_json_lines_under_no_other_name(run, model, reviews, tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    assert_refused(run("predict", model, "--input", reviews, "--output", name), name, "ends in .jsonl")
    assert not list(tmp_path.iterdir())


def test_answers_do_not_replace_a_column(run, model, tmp_path):
    source, output = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    source.write_text('{"text": "good"}\n{"text": "bad", "prediction": "mine"}\n')
    refused = run("predict", model, "--input", source, "--output", output)
    assert_refused(refused, "in.jsonl:2: there is a column 'prediction' already", "rename it")
    assert not output.exists()


def test_training_says_what_the_labels_are_taken_for(run, tmp_path):
    rows = [("good", " Good"), ("bad", "bad"), ("fine", "Good"), ("dull", "bad")] * 5
    data = tmp_path / "a.jsonl"
    data.write_text("".join(json.dumps({"text": text, "label": label}) + "\n" for text, label in rows))
    fast = ("--encoder", "gru", "--method", "rnp", "--epochs", "1", "--set", "disable_tqdm=true")
    result = run("train", "--data", data, "--output", tmp_path / "model", *fast)
    assert result.exit_code == 0, result.output
    assert result.stdout.startswith("20 texts of 3 classes:  Good (5), Good (5), bad (10)\n")
    said = " ".join(result.stdout.split())
    assert (
        "a.jsonl: the classes ' Good', 'Good' differ only in case or blanks; write them alike if they are one" in said
    )


@pytest.mark.parametrize("option", ["gradient_checkpointing=true", "neftune_noise_alpha=5", "push_to_hub=true"])
def test_what_transformers_has_and_this_has_not_is_refused(run, reviews, tmp_path, option):
    result = run("train", "--data", reviews, "--encoder", "gru", "--output", tmp_path / "m", "--set", option)
    assert_refused(result, option.split("=")[0], "leave it out")
