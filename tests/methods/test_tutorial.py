"""The framework of the tutorial, as it stands there: short, runnable, and a method like any other."""

from __future__ import annotations

import re
import runpy
from pathlib import Path

import pytest
import torch

from plmr import RationaleClassifier, make_reviews
from plmr.methods import METHODS
from plmr.methods.options import option_kinds
from plmr.studies.bench import load_suite
from tests.small import small_batch, small_model

TUTORIAL = Path(__file__).parents[2] / "docs" / "tutorial-method.md"


def block(language: str) -> str:
    (found,) = re.findall(rf"```{language}\n(.*?)```", TUTORIAL.read_text(encoding="utf-8"), re.DOTALL)
    return found


@pytest.fixture
def file(tmp_path):
    """The tutorial's file; what it registers is taken out again."""
    path = tmp_path / "sceptic.py"
    path.write_text(block("python"), encoding="utf-8")
    before = dict(METHODS)
    yield path
    METHODS.clear()
    METHODS.update(before)


def test_it_is_short():
    assert len(block("python").splitlines()) < 60


def test_it_runs_as_it_stands(file, capsys):
    runpy.run_path(str(file), run_name="__main__")
    assert re.search(r"^\(.*\)$", capsys.readouterr().out.strip(), re.MULTILINE)


def test_it_is_a_method_like_any_other(file, tmp_path):
    runpy.run_path(str(file), run_name="sceptic")
    assert METHODS["sceptic"].summary
    assert list(option_kinds(METHODS["sceptic"].options_class)) == ["sceptic_weight"]
    clf = RationaleClassifier.from_pretrained("gru", method="sceptic", sparsity=0.2)
    summary = clf.fit(make_reviews(48, seed=0), make_reviews(20, seed=1), epochs=1, disable_tqdm=True)
    assert summary.metrics["sparsity"] == pytest.approx(0.2, abs=0.03)
    clf.save_pretrained(tmp_path / "model")
    text = "the aroma is far from dull."
    assert RationaleClassifier.from_pretrained(tmp_path / "model")(text) == clf(text)


def test_the_sceptic_moves_the_generator_and_learns_nothing_from_it(file):
    runpy.run_path(str(file), run_name="sceptic")
    model = small_model("gru", method="sceptic").train()
    model.set_progress(1.0)
    torch.manual_seed(0)
    model(**small_batch("gru"), labels=torch.tensor([0, 1, 1])).losses["convinced"].backward(retain_graph=True)
    of_players = {
        player: any(p.grad is not None and p.grad.abs().sum() > 0 for m in modules for p in m.parameters())
        for player, modules in model.method.modules_of().items()
    }
    assert of_players == {"generator": True, "predictor": False, "sceptic": False}


def test_its_suite_is_one(file, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "suite.yaml").write_text(block("yaml"), encoding="utf-8")
    runs = load_suite("suite.yaml").runs
    assert [run.method for run in runs] == ["rnp", "sceptic"]
    assert runs[1].model["method_options"] == {"sceptic_weight": 0.5}
