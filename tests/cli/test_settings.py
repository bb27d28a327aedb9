from __future__ import annotations

from pathlib import Path

import pytest

from plmr.cli.settings import pairs, resolve
from plmr.errors import PlmrError

OPTIONS = "data output resume encoder method preset sparsity epochs batch_size learning_rate seed"
NOTHING = dict.fromkeys(OPTIONS.split())


def written(folder: Path, text: str) -> Path:
    path = folder / "run.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_the_later_place_wins(tmp_path):
    config = written(tmp_path, "sparsity: 0.1\nepochs: 3\ndata: a.jsonl\nmodel: {sparsity: 0.2, unit: word}\n")
    assert resolve(NOTHING, config).model == {"sparsity": 0.2, "unit": "word"}
    option = resolve(NOTHING | {"sparsity": 0.3, "data": "b.jsonl"}, config)
    assert (option.model["sparsity"], option.options["data"]) == (0.3, "b.jsonl")
    override = resolve(NOTHING | {"sparsity": 0.3}, config, ["sparsity=0.4", "epochs=5"])
    assert (override.model["sparsity"], override.training["epochs"]) == (0.4, 5)


def test_numbers_mean_what_their_writer_meant(tmp_path):
    config = written(tmp_path, "learning_rate: 5e-6\ntraining: {head_learning_rate: 2E-5, adam_epsilon: 1e-8}\n")
    assert resolve(NOTHING, config).training == {
        "learning_rate": 5e-6,
        "head_learning_rate": 2e-5,
        "adam_epsilon": 1e-8,
    }
    assert resolve(NOTHING, overrides=["learning-rate=1e-4"]).training == {"learning_rate": 1e-4}


def test_a_word_that_yaml_takes_for_something_else_stays_a_word():
    assert resolve(NOTHING, overrides=["eval_strategy=no"]).training == {"eval_strategy": "no"}
    assert resolve(NOTHING, overrides=["bf16=true"]).training == {"bf16": True}
    assert resolve(NOTHING, overrides=["generator_depth=null"]).model == {"generator_depth": None}


def test_data_options_come_from_both_places(tmp_path):
    config = written(tmp_path, "data_options: {positive: 0.8, balance: false}\n")
    assert resolve(NOTHING, config, data_options=["positive=0.7"]).data_options == {
        "positive": 0.7,
        "balance": False,
    }
    assert pairs(["a=b=c", "n=3"], "--x") == {"a": "b=c", "n": 3}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("sparsty: 0.2", r"run\.yaml: there is no key 'sparsty'\. Did you mean 'sparsity'\?"),
        ("model: {unti: word}", r"run\.yaml, model: there is no setting 'unti'\. Did you mean 'unit'\?"),
        ("training: {eval_strategy: no}", r"eval_strategy should be .*a text, not False; put it in quotes"),
        ("epochs: many", r"run\.yaml: epochs should be a number, not 'many'"),
        ("seed: true", r"seed should be a whole number, not True"),
        ("resume: maybe", r"resume should be true or false"),
        ("model: word", r"model should hold lines `key: value`"),
        ("- a", r"the file should hold lines"),
        ("a: [", r"run\.yaml:\d: not YAML"),
    ],
)
def test_a_file_that_cannot_be_meant_is_refused(tmp_path, text, message):
    with pytest.raises(PlmrError, match=message):
        resolve(NOTHING, written(tmp_path, text))


def test_an_unreadable_file_is_refused(tmp_path):
    with pytest.raises(PlmrError, match=r"no\.yaml: there is no such file"):
        resolve(NOTHING, tmp_path / "no.yaml")
    (tmp_path / "latin.yaml").write_bytes("data: caf\xe9".encode("latin-1"))
    with pytest.raises(PlmrError, match=r"latin\.yaml: not UTF-8"):
        resolve(NOTHING, tmp_path / "latin.yaml")


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("sparsity", "not of the form key=value"),
        ("=3", "not of the form key=value"),
        ("sparsty=3", r"'sparsty'.*Did you mean 'sparsity'\?"),
        ("output_dir=x", "no setting 'output_dir'"),
        ("sparsity=lots", "sparsity should be a number, not 'lots'"),
    ],
)
def test_an_override_that_cannot_be_meant_is_refused(override, message):
    with pytest.raises(PlmrError, match=message):
        resolve(NOTHING, overrides=[override])


def test_options_of_the_method_are_set_like_settings(tmp_path):
    config = written(tmp_path, "method: dar\nmodel: {method_options: {teacher_weight: 0.5, teacher_share: 0.1}}\n")
    assert resolve(NOTHING, config).model["method_options"] == {"teacher_weight": 0.5, "teacher_share": 0.1}
    override = resolve(NOTHING, config, ["teacher-weight=2", "sparsity=0.1"])
    assert override.model["method_options"] == {"teacher_weight": 2, "teacher_share": 0.1}
    assert override.model["sparsity"] == 0.1
    for chosen in (NOTHING | {"method": "mcd"}, NOTHING):
        overrides = ["kl_weight=5e-1"] + ["method=mcd"] * (chosen is NOTHING)
        assert resolve(chosen, overrides=overrides).model == {"method": "mcd", "method_options": {"kl_weight": 0.5}}
    whole = resolve(NOTHING | {"method": "mcd"}, overrides=["method_options={kl_weight: 2.0}"])
    assert whole.model["method_options"] == {"kl_weight": 2.0}


@pytest.mark.parametrize(
    ("text", "overrides", "message"),
    [
        ("method: inter-rta", [], "no method 'inter-rta'.*Did you mean 'inter-rat'"),
        ("method: dar", ["kl_weight=1"], "no setting 'kl_weight'.*It is an option of the method mcd; add --method mcd"),
        ("method: mcd", ["kl_wieght=1"], "no setting 'kl_wieght'.*Did you mean 'kl_weight'"),
        ("method: mcd", ["kl_weight=much"], "kl_weight should be a number, not 'much'"),
        ("method: mcd", ["kl_weight=-1"], "kl_weight=-1 is not a number of 0 or more"),
        ("method: mcd\nmodel: {method_options: {kl_wieght: 1}}", [], "has no option 'kl_wieght'.*'kl_weight'"),
        ("method: mcd\nmodel: {method_options: 3}", [], "method_options should hold lines `key: value`, not 3"),
    ],
)
def test_options_that_cannot_be_meant_are_refused_before_any_data_is_read(tmp_path, text, overrides, message):
    with pytest.raises(PlmrError, match=message):
        resolve(NOTHING, written(tmp_path, text), overrides)


def test_a_date_that_is_none_is_a_word_on_the_command_line_and_an_error_in_a_file(tmp_path):
    assert resolve(NOTHING, overrides=["report_to=2020-13-45"]).training == {"report_to": "2020-13-45"}
    with pytest.raises(PlmrError, match=r"run\.yaml: a date in it is none \(month must be in 1\.\.12"):
        resolve(NOTHING, written(tmp_path, "output: 2024-99-01\n"))
