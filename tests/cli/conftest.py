from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from plmr.cli import app

Run = Callable[..., Result]


@pytest.fixture(scope="session")
def run() -> Run:
    """Run a command in this process."""

    def invoke(*words: object) -> Result:
        return CliRunner().invoke(app, [str(word) for word in words], env={"COLUMNS": "200", "NO_COLOR": "1"})

    return invoke


@pytest.fixture(scope="session")
def write_rows() -> Callable[[Path, Sequence[dict]], Path]:
    """Write rows as JSON lines."""

    def write(path: Path, rows: Sequence[dict]) -> Path:
        path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
        return path

    return write


@pytest.fixture(scope="session")
def reviews(tmp_path_factory, write_rows) -> Path:
    """Forty labelled reviews with their rationales."""
    from plmr.data import make_reviews, spans_from_flags

    rows = [
        {"text": e.text, "label": e.label, "rationale": spans_from_flags(e.words, e.rationale or ())}
        for e in make_reviews(40, seed=1)
    ]
    return write_rows(tmp_path_factory.mktemp("data") / "reviews.jsonl", rows)


@pytest.fixture(scope="session")
def model(tmp_path_factory, run, reviews) -> Path:
    """A small model that `plmr train` wrote."""
    folder = tmp_path_factory.mktemp("models") / "small"
    result = run(
        *("train", "--data", reviews, "--output", folder, "--encoder", "gru-3", "--epochs", 1),
        *("--set", "sparsity_annealing=0"),
    )
    assert result.exit_code == 0, result.output
    return folder
