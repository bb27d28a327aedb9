"""`plmr bench` as people type it: both spellings, help, and one line for what cannot be."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import typer

from plmr.cli import app
from plmr.settings import parse_value
from plmr.studies.bench import load_suite
from plmr.studies.bench.runner import default_workers
from tests.cli.checks import assert_refused, parsed
from tests.tiny import save_tiny_bert

SUITE = "methods: rnp\nencoders: gru\ndatasets: {mine: {data: missing.jsonl}}\n"


@pytest.fixture
def suite(tmp_path: Path) -> Path:
    path = tmp_path / "suite.yaml"
    path.write_text(SUITE, encoding="utf-8")
    return path


@pytest.mark.parametrize("words", [("bench",), ("bench", "run"), ("bench", "--workers", 1)])
def test_a_suite_is_run_with_or_without_saying_so(run, suite, tmp_path, words):
    result = run(*words, suite, "--output", tmp_path / "out")
    assert_refused(result, "mine: ", "missing.jsonl")
    assert not (tmp_path / "out").exists(), "texts are looked at first"


def test_what_cannot_be_is_told_in_one_line(run, suite, tmp_path, reviews):
    assert_refused(run("bench", tmp_path / "no.yaml"), "no.yaml", "no such file")
    assert_refused(run("bench", "suit.yaml"), "suit.yaml", "no such file")
    suite.write_text(SUITE.replace("methods", "method"), encoding="utf-8")
    assert_refused(run("bench", suite), "there is no key 'method'", "Did you mean 'methods'")
    suite.write_text(SUITE.replace("missing.jsonl", str(reviews)), encoding="utf-8")
    assert_refused(run("bench", suite, "--device", "cup"), "device='cup'", "Did you mean 'cpu'")
    (tmp_path / "file").touch()
    refused = run("bench", suite, "--output", tmp_path / "file" / "out", "--device", "cpu")
    assert refused.exit_code == 2
    note, error = refused.stderr.splitlines()
    assert note.startswith("note: mine: 4 training texts were held out")
    assert error.startswith("error: ") and "a part of the path is a file" in error


def test_all_that_does_not_fit_is_told_before_any_run_with_the_lines_that_leave_it_out(run, suite, tmp_path, reviews):
    methods = "{rnp: , plmr: , 'one: step': {method: plmr-m1}, deep: {method: plmr, generator_depth: 3}, dar: }"
    suite.write_text(
        f"methods: {methods}\nencoders: [gru, gru-3]\ndatasets: {{mine: {{data: '{reviews}'}}}}\n"
        "training: {epochs: 1}\nseeds: [0, 1]\n",
        encoding="utf-8",
    )
    refused = run("bench", suite, "--output", tmp_path / "out", "--device", "cpu")
    assert_refused(
        refused,
        "4 of 10 combinations of method and encoder cannot be trained",
        "plmr with gru: PLMR cuts an encoder in two: generator_depth=0",
        "deep with gru-3: PLMR cuts an encoder in two: generator_depth=3 with dim_reduction_blocks=1",
    )
    assert not (tmp_path / "out").exists()
    rules = re.search(r"exclude: (\[.*\])$", refused.stderr.strip())
    assert rules
    left = [(r["method"], r["encoder"]) for r in parse_value(rules[1])]
    assert sorted(left) == [("deep", "gru"), ("deep", "gru-3"), ("one: step", "gru"), ("plmr", "gru")]
    with suite.open("a", encoding="utf-8") as file:
        file.write(f"exclude: {rules[1]}\n")
    runs = load_suite(suite).runs
    assert len(runs) == 12 and not {(r.method, r.encoder) for r in runs} & set(left)


def test_too_long_texts_for_an_encoder_are_told_before_any_run(run, suite, reviews, tmp_path):
    encoder = save_tiny_bert(tmp_path / "tiny", ["a smell of hops"])
    suite.write_text(
        f"methods: [rnp, plmr]\nencoders: {{tiny: {{encoder: '{encoder}', max_tokens: 300}}}}\n"
        f"datasets: {{mine: {{data: '{reviews}'}}}}\n",
        encoding="utf-8",
    )
    refused = run("bench", suite, "--output", tmp_path / "out", "--device", "cpu")
    assert_refused(refused, "rnp with tiny, plmr with tiny: max_tokens=300, but", "has positions for 256 tokens")


def test_a_folder_at_work_is_left_alone(run, suite, tmp_path, reviews):
    from filelock import FileLock

    suite.write_text(SUITE.replace("missing.jsonl", str(reviews)), encoding="utf-8")
    (tmp_path / "out").mkdir()
    with FileLock(tmp_path / "out" / ".lock"):
        result = run("bench", suite, "--output", tmp_path / "out", "--device", "cpu")
    assert result.exit_code == 2
    assert "another plmr bench is at work there" in result.stderr.splitlines()[-1]


@pytest.mark.parametrize("words", [("bench",), ("bench", "run"), ("bench", "report")])
def test_help_shows_examples_that_the_command_understands(run, words):
    group = typer.main.get_group(app).commands["bench"]
    text = run(*words, "--help").stdout
    examples = re.findall(rf"^ *(plmr {' '.join(words)} .+?) *$", text, re.MULTILINE)
    assert examples
    for example in examples:
        assert parsed(example)
    for command in group.commands.values():
        assert all(parameter.help for parameter in command.params)


def test_a_worker_for_each_core_or_gpu():
    assert default_workers(["cuda:0", "cuda:1"], 1) == 2
    assert default_workers(["cpu"], 10**6) == 1
