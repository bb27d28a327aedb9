"""The commands from end to end, on a small model that they train themselves."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest
from transformers.integrations import get_available_reporting_integrations as installed_trackers

from plmr.data import split_words
from tests.cli.checks import assert_refused, read_lines


def test_train_writes_a_model_and_says_what_was_held_out(run, reviews, tmp_path):
    result = run("train", "--data", reviews, "--output", tmp_path / "m", "--encoder", "gru-3", "--epochs", 1)
    assert result.exit_code == 0, result.output
    assert "held out" in result.output
    assert "Accuracy" in result.output
    assert json.loads((tmp_path / "m" / "config.json").read_text())["encoder"] == "gru-3"


def test_train_reads_settings_from_a_file_and_the_command_line_wins(run, reviews, tmp_path):
    settings = tmp_path / "run.yaml"
    settings.write_text(
        f"data: {reviews}\nencoder: gru-3\nepochs: 1\nsparsity: 0.3\nmodel: {{continuity_weight: 1e-1}}\n"
    )
    result = run("train", "--config", settings, "--output", tmp_path / "m", "--sparsity", 0.4)
    assert result.exit_code == 0, result.output
    written = json.loads((tmp_path / "m" / "config.json").read_text())
    assert (written["sparsity"], written["continuity_weight"]) == (0.4, 0.1)


def test_train_sets_options_of_the_method(run, reviews, tmp_path):
    words = ("--method", "mcd", "--encoder", "gru", "--epochs", 1, "--set", "kl_weight=0.5")
    result = run("train", "--data", reviews, "--output", tmp_path / "m", *words)
    assert result.exit_code == 0, result.output
    written = json.loads((tmp_path / "m" / "config.json").read_text())
    assert (written["method"], written["method_options"]) == ("mcd", {"kl_weight": 0.5, "as_released": False})


def test_train_keeps_an_earlier_run(run, reviews, model):
    before = (model / "model.safetensors").read_bytes()
    assert_refused(run("train", "--data", reviews, "--output", model), "--resume", "config.json")
    assert (model / "model.safetensors").read_bytes() == before


def test_evaluate_prints_a_table_and_writes_the_same_figures(run, model, reviews, tmp_path):
    result = run("evaluate", model, "--data", reviews, "--json", tmp_path / "f.json")
    assert result.exit_code == 0, result.output
    figures = json.loads((tmp_path / "f.json").read_text())
    assert f"{100 * figures['classification']['accuracy']:.1f} %" in result.stdout
    assert f"{100 * figures['word']['micro_f1']:.1f} %" in result.stdout
    assert figures["word"]["n_texts"] == 40


def test_evaluate_shows_one_model_at_several_lengths(run, model, reviews, tmp_path):
    def figures(shares):
        result = run("evaluate", model, "--data", reviews, "--sparsity", shares, "--json", tmp_path / "f.json")
        assert result.exit_code == 0, result.output
        return result.stdout, json.loads((tmp_path / "f.json").read_text())

    table, several = figures("0.1,0.3,0.1")
    assert [each["asked"] for each in several["lengths"]] == [0.1, 0.3]
    heading, _, *rows = table.splitlines()[2:6]
    assert heading.split() == ["asked", "S", "ACC", "P", "R", "F1"]
    for row, each in zip(rows, several["lengths"], strict=True):
        word = each["word"]
        values = (word["sparsity"], each["classification"]["accuracy"], word["micro_precision"], word["micro_recall"])
        shown = [cell.strip("*") for cell in row.split()]
        assert shown == [str(each["asked"]), *(f"{value:.1%}" for value in (*values, word["micro_f1"]))]
    usual, one = figures("0.3")
    assert {"asked": 0.3} | one == several["lengths"][1]
    assert "Selected words (S)" in usual


@pytest.mark.parametrize(
    ("shares", "phrase"), [("0.1;0.2", "'0.1;0.2'"), ("0.1,", "'0.1,'"), ("0.1,2", "sparsity=2.0")]
)
def test_evaluate_refuses_what_is_no_share(run, model, reviews, shares, phrase):
    assert_refused(run("evaluate", model, "--data", reviews, "--sparsity", shares), phrase, "such as 0")


def test_figures_do_not_take_the_place_of_the_data(run, model, reviews, tmp_path):
    data = tmp_path / "data.jsonl"
    data.write_bytes(reviews.read_bytes())
    for command in ("evaluate", "compare"):
        assert_refused(run(command, model, "--data", data, "--json", data), "is the input file as well")
    assert data.read_bytes() == reviews.read_bytes()


def test_explain_shows_text_label_and_probability(run, model):
    result = run("explain", model, "the hop smell was excellent, but thin.")
    assert result.exit_code == 0, result.output
    assert "the hop smell was" in result.stdout.replace("[[", "").replace("]]", "")
    assert "%" in result.stdout
    assert "positive" in result.stdout or "negative" in result.stdout


def test_explain_of_nothing_says_so(run, model):
    result = run("explain", model, "")
    assert result.exit_code == 0, result.output
    assert "note: empty text" in result.stdout


def test_predict_adds_to_every_row_in_order(run, model, reviews, tmp_path):
    result = run("predict", model, "--input", reviews, "--output", tmp_path / "o.jsonl", "--batch-size", 1)
    assert result.exit_code == 0, result.output
    written, given = read_lines(tmp_path / "o.jsonl"), read_lines(reviews)
    assert [{k: v for k, v in row.items() if k != "prediction"} for row in written] == given
    for row in written:
        prediction = row["prediction"]
        assert prediction["score"] == max(prediction["scores"].values()) == prediction["scores"][prediction["label"]]
        assert sum(prediction["scores"].values()) == pytest.approx(1, abs=1e-5)
        selected = [row["text"][start:end] for start, end in prediction["rationale"]]
        split = [piece[a:b] for piece in selected for a, b in split_words(piece)]
        assert split == prediction["words"]


def test_the_length_of_rationales_can_be_asked_for(run, model, reviews, tmp_path):
    out = tmp_path / "out.jsonl"
    assert run("predict", model, "--input", reviews, "--output", out, "--max-words", 3).exit_code == 0
    assert all(len(row["prediction"]["words"]) == 3 for row in read_lines(out))
    assert run("predict", model, "--input", reviews, "--output", out, "--sparsity", 1).exit_code == 0
    assert all(len(row["prediction"]["words"]) == len(split_words(row["text"])) for row in read_lines(out))
    assert run("explain", model, "one two three", "--max-words", 1).stdout.count("[[") == 1
    assert_refused(run("explain", model, "one two", "--max-words", 1, "--sparsity", 0.1), "both say how long")
    assert_refused(run("predict", model, "--input", reviews, "--output", out, "--sparsity", 2), "sparsity=2.0")


def test_predictions_do_not_depend_on_the_kind_of_file(run, model, tmp_path):
    texts = ["the aroma is lovely 👍🏽", "", 'a "dull" taste, naïve', "味が良い"]
    (tmp_path / "a.txt").write_text("".join(f"{text}\n" for text in texts), encoding="utf-8")
    with (tmp_path / "b.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([["id", "text"], *enumerate(texts)])
    (tmp_path / "c.jsonl").write_text("".join(json.dumps({"body": text}) + "\n" for text in texts))
    predictions = []
    for name, *more in (["a.txt"], ["b.csv"], ["c.jsonl", "--text-column", "body"]):
        out = tmp_path / f"{name}.out.jsonl"
        result = run("predict", model, "--input", tmp_path / name, "--output", out, *more)
        assert result.exit_code == 0, result.output
        predictions.append([row["prediction"] for row in read_lines(out)])
    assert predictions[0] == predictions[1] == predictions[2]
    assert predictions[0][1]["rationale"] == []
    assert "empty text" in predictions[0][1]["note"]


def test_predict_writes_valid_json_whatever_the_row_held(run, model, tmp_path):
    rows = tmp_path / "in.jsonl"
    rows.write_text('{"text": "fine", "rating": NaN, "odd": "\\ud800", "label": ["any"], "rationale": 3}\n')
    result = run("predict", model, "--input", rows, "--output", tmp_path / "out.jsonl")
    assert result.exit_code == 0, result.output
    (line,) = (tmp_path / "out.jsonl").read_text(encoding="utf-8").splitlines()
    row = json.loads(line, parse_constant=pytest.fail)
    assert (row["rating"], row["odd"], row["label"]) == (None, "\ud800", ["any"])


def test_a_bad_row_is_named_and_leaves_no_output(run, model, tmp_path):
    rows = tmp_path / "in.jsonl"
    rows.write_text('{"text": "fine"}\n{"txt": "misspelt"}\n')
    assert_refused(run("predict", model, "--input", rows, "--output", tmp_path / "out.jsonl"), "in.jsonl:2", "'text'")
    assert list(tmp_path.iterdir()) == [rows]


def test_a_full_disk_is_one_line(run, model, reviews):
    assert_refused(run("predict", model, "--input", reviews, "--output", "/dev/full"), "/dev/full", "no space")
    assert_refused(run("evaluate", model, "--data", reviews, "--json", "/dev/full"), "/dev/full", "no space")


def test_unseen_labels_are_named(run, model, write_rows, tmp_path):
    rows = write_rows(tmp_path / "t.jsonl", [{"text": "a", "label": "positive"}, {"text": "b", "label": "odd"}])
    assert_refused(run("evaluate", model, "--data", rows), "t.jsonl:2", "'odd'", "'negative'")


def test_folders_that_hold_no_model(run, model, tmp_path):
    (tmp_path / "empty").mkdir()
    assert_refused(run("explain", tmp_path / "empty", "x"), "empty", "no config.json")
    cut = tmp_path / "cut"
    cut.mkdir()
    for file in model.iterdir():
        if file.is_file():
            content = file.read_bytes()
            (cut / file.name).write_bytes(content[:1000] if file.suffix == ".safetensors" else content)
    assert_refused(run("explain", cut, "x"), "cut", "damaged")
    assert_refused(run("explain", "minilm", "x"), "minilm")
    assert_refused(run("explain", "nowhere", "x"), "nowhere", "no such folder")


def test_the_device_can_be_named(run, model, reviews, tmp_path):
    out = tmp_path / "out.jsonl"
    assert run("explain", model, "one two", "--device", "cpu").exit_code == 0
    assert run("predict", model, "--input", reviews, "--output", out, "--device", "cpu").exit_code == 0
    assert run("evaluate", model, "--data", reviews, "--device", "cpu").exit_code == 0
    for command in (("evaluate", model), ("compare", model)):
        assert_refused(run(*command, "--data", reviews, "--device", "gpu"), "device='gpu'", "there is cpu")


@pytest.mark.parametrize(
    ("lines", "phrases"),
    [
        ("", ["t.jsonl", "no rows"]),
        ('{"text": "a", "lable": 1}\n', ["t.jsonl:1", "'label'", "'lable'"]),
        ('{"text": "a", "label": 1}\n{"text": "b", "label": 1}\n', ["t.jsonl: only the", "at least two classes"]),
        ('{"text": "a", "label": 1, "rationale": [[0, 9]]}\n', ["t.jsonl:1", "[0, 9]"]),
        ('{"text": "a", "label": NaN}\n', ["t.jsonl:1", "no label"]),
        ("text\n", ["t.jsonl:1", "not JSON"]),
    ],
)
def test_train_refuses_bad_data_in_one_line(run, tmp_path, lines, phrases):
    data = tmp_path / "t.jsonl"
    data.write_text(lines)
    assert_refused(
        run("train", "--data", data, "--validation", data, "--output", tmp_path / "m", "--encoder", "gru-3"),
        *phrases,
    )
    assert not (tmp_path / "m").exists()


@pytest.mark.parametrize(
    ("words", "phrase"),
    [
        (["--seed", -5], "seed=-5"),
        (["--learning-rate", -1], "learning_rate=-1"),
        (["--epochs", 0], "epochs=0"),
        (["--epochs", "nan"], "epochs=nan"),
        (["--set", "batch_size=0"], "batch_size=0"),
        (["--set", "class_head_dropout=2"], "class_head_dropout=2"),
        (["--set", "mask_head_dropout=-1"], "mask_head_dropout=-1"),
        (["--set", "keep_bias=1e400"], "keep_bias=inf"),
        (["--set", "thresholds=5"], "thresholds=5"),
        (["--set", "report_to=2020-13-45"], "report_to='2020-13-45'"),
        (["--set", "dataloader_num_workers=-1"], "dataloader_num_workers=-1"),
        (["--set", "max_tokens=4096", "--encoder", "minilm"], "max_tokens"),
    ],
)
def test_train_refuses_settings_out_of_range_and_leaves_nothing_behind(run, reviews, tmp_path, words, phrase):
    folder = tmp_path / "new" / "m"
    result = run("train", "--data", reviews, "--output", folder, "--encoder", "gru-3", *words)
    assert_refused(result, phrase)
    assert list(tmp_path.iterdir()) == []
    folder.mkdir(parents=True)
    assert_refused(run("train", "--data", reviews, "--output", folder, "--encoder", "gru-3", *words), phrase)
    assert folder.is_dir()


@pytest.mark.parametrize(
    ("words", "phrases"),
    [
        (["--dataset", "beer"], ["'beer'", "--data-dir"]),
        (["--dataset", "beers"], ["Did you mean 'beer'?"]),
        (["--data", "x.jsonl", "--dataset", "beer"], ["both", "--dataset NAME"]),
        (["--data", "x.jsonl", "--aspect", "aroma"], ["--aspect", "--dataset"]),
        (["--dataset", "synthetic", "--data-option", "n=abc"], ["'synthetic'", "n should be a whole number"]),
        (["--dataset", "synthetic", "--data-option", "part=test"], ["part is no data option"]),
        (["--dataset", "synthetic", "--data-option", "aspect=look"], ["--aspect"]),
        (["--data", "x.jsonl"], ["x.jsonl", "no such file"]),
        ([], ["neither", "--data FILE"]),
    ],
)
def test_train_needs_data_it_can_find(run, tmp_path, words, phrases):
    assert_refused(run("train", *words, "--output", tmp_path / "m"), *phrases)
    assert not (tmp_path / "m").exists()


def test_train_needs_a_place_for_the_model(run, reviews, tmp_path):
    assert_refused(run("train", "--data", reviews), "--output")
    (tmp_path / "file").touch()
    assert_refused(run("train", "--data", reviews, "--output", tmp_path / "file" / "m"), "file/m")
    if Path("/proc/self").is_dir():
        for place in ("/proc/m", "/proc/a/m"):
            assert_refused(run("train", "--data", reviews, "--output", place), f"{place}: nothing can be written there")


def test_a_split_belongs_to_a_folder_or_hub_id(run, model, reviews):
    assert_refused(run("evaluate", model, "--dataset", "synthetic", "--split", "test"), "--split")
    assert_refused(run("evaluate", model, "--data", reviews, "--split", "test"), "no split 'test'", reviews.name)


def test_the_column_of_environments_can_be_named(run, reviews, write_rows, tmp_path):
    rows = [row | {"site": i % 2} for i, row in enumerate(read_lines(reviews))]
    data = write_rows(tmp_path / "rows.jsonl", rows)
    words = ("train", "--data", data, "--encoder", "gru", "--method", "invrat", "--epochs", 1)
    named = run(*words, "--output", tmp_path / "named", "--environment-column", "site")
    assert named.exit_code == 0, named.output
    assert "2-means" not in named.output
    out_of_range = write_rows(tmp_path / "more.jsonl", [row | {"site": 7} for row in rows])
    refused = run(*words[:2], out_of_range, *words[3:], "--output", tmp_path / "b", "--environment-column", "site")
    assert refused.exit_code == 2 and "environment 7 is out of range" in refused.output


def test_training_options_that_would_fail_later_are_refused_before(run, reviews, tmp_path):
    def train(*settings):
        words = [word for setting in settings for word in ("--set", setting)]
        return run("train", "--data", reviews, "--output", tmp_path / "m", "--encoder", "gru-3", *words)

    missing = next(name for name in ("wandb", "comet_ml", "clearml") if name not in installed_trackers())
    assert_refused(train("metric_for_best_model=acuracy"), "'acuracy'", "Did you mean 'accuracy'?")
    assert_refused(train(f"report_to={missing}"), f"report_to='{missing}'", "not installed")
    assert_refused(train("report_to=wandbb"), "report_to='wandbb'", "Did you mean 'wandb'?")
    assert_refused(train("early_stopping_patience=0"), "early_stopping_patience=0 is not a whole number of 1 or more")
    alone = train("early_stopping_patience=2", "eval_strategy=no", "load_best_model_at_end=false")
    assert_refused(alone, "early_stopping_patience=2", "eval_strategy")
    assert not (tmp_path / "m").exists()
