"""A real suite in real processes: interrupted, killed, gone on with; with a run that fails in its middle."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
import torch

from plmr.cli import app
from plmr.data import load_dataset_by_name
from plmr.devices import fast_bfloat16
from plmr.studies.bench.data import digest
from tests.signals import hear_interrupts

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(os.name != "posix", reason="sends POSIX signals"),
]
COMMAND = [sys.executable, "-c", "from plmr.cli import main; main()", "bench"]
SUITE = """
name: tiny
note: the defaults, for both
methods: {rnp: , lost: {method: rnp, glove: nowhere.txt, note: has no vectors}, fr: }
encoders: gru
datasets: {synthetic: {n: 40}}
training: {epochs: 1, bf16: auto}
test: true
"""


@pytest.fixture
def place(tmp_path) -> Path:
    (tmp_path / "suite.yaml").write_text(SUITE, encoding="utf-8")
    return tmp_path


def start(place: Path) -> subprocess.Popen[bytes]:
    words = [str(place / "suite.yaml"), "--output", str(place / "out"), "--workers", "1", "--device", "cpu"]
    return subprocess.Popen(
        [*COMMAND, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, preexec_fn=hear_interrupts
    )


def wait_for(found: Callable[[], bool], run: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 120
    while not found():
        assert run.poll() is None, run.communicate()
        assert time.monotonic() < deadline, "nothing in 120 seconds"
        time.sleep(0.05)


def results(place: Path) -> dict[Path, int]:
    """The results that are there, and when each was written."""
    return {path: path.stat().st_mtime_ns for path in place.glob("out/runs/*/result.json")}


def test_an_interrupt_ends_the_children_and_leaves_nothing_half(place):
    with start(place) as run:
        wait_for(lambda: any(place.glob("out/runs/*/scratch")), run)
        children = psutil.Process(run.pid).children()
        run.send_signal(signal.SIGINT)
        _, errors = run.communicate(timeout=60)
    assert run.returncode == 130, errors.decode()
    assert errors.decode().splitlines()[-1] == (
        "Interrupted. What is done is kept; the same command goes on from there."
    )
    assert children and not any(child.is_running() for child in children)
    assert not results(place)
    assert not any(place.glob("out/runs/*/scratch"))


def test_after_a_kill_it_goes_on_and_a_failing_run_stops_no_other(place, run):
    with start(place) as killed:
        wait_for(lambda: bool(results(place)), killed)
        wait_for(lambda: len(list(place.glob("out/runs/*/log.txt"))) == 2, killed)  # the next has started
        children = psutil.Process(killed.pid).children()
        killed.kill()
        killed.wait()
    _, alive = psutil.wait_procs(children, timeout=60)
    assert not alive, "a run outlives its suite"
    before = results(place)
    assert len(before) == 1

    done = run(place / "suite.yaml", "--output", place / "out", "--workers", 1, "--device", "cpu")
    assert done.exit_code == 1, done.output
    assert "Runs: 1 done now, 1 done before, 1 failed." in done.stdout
    (failed,) = (line for line in done.stdout.splitlines() if line.startswith("failed: "))
    assert "lost · gru" in failed and "nowhere.txt" in failed
    log = Path(failed.split("The log is ")[1].rstrip("."))
    assert "nowhere.txt" in log.read_text()
    assert before.items() <= results(place).items(), "what is done is not done again"
    assert len(results(place)) == 2
    assert not any(place.glob("out/runs/*/scratch"))

    lines = [json.loads(line) for line in (place / "out" / "results.jsonl").read_text().splitlines()]
    assert [line["method"] for line in lines] == ["rnp", "fr"]
    texts = {part: load_dataset_by_name("synthetic", part, n=40) for part in ("train", "validation", "test")}
    for line in lines:
        assert line["data"]["sha256"] == {part: digest(examples) for part, examples in texts.items()}
        assert line["data"]["texts"] == {"train": 40, "validation": 40, "test": 40}
        assert line["config"]["method"] == line["method"]
        told = {"num_train_epochs": 1, "seed": 0, "learning_rate": 1e-3, "head_learning_rate": 1e-3}
        assert told.items() <= line["training"].items()
        assert line["training"]["bf16"] is fast_bfloat16(torch.device("cpu")), "what was taken, not what was asked for"
        assert line["seconds"] > 0 and line["cpu_seconds"] > 0 and line["peak_memory_mib"]["ram"] > 50
        assert (line["threads"], line["device"]) == (1, "cpu")
        assert line["code"]["versions"]["plmr"] and line["machine"]["cpu"]
        for part in ("validation", "test"):
            counts = line[f"{part}_counts"]
            hits, selected, gold = map(sum, zip(*counts, strict=True))
            assert gold == sum(sum(example.rationale or ()) for example in texts[part])
            assert line[part]["word"]["micro_f1"] == pytest.approx(2 * hits / (selected + gold))
    check_report(run("report", place / "out"))
    check_that_the_lines_alone_are_enough(run, place)


def check_that_the_lines_alone_are_enough(run, place) -> None:
    """Results that were sent or committed without their folders: what is done is not lost and not done again."""
    lines, kept = (place / "out" / "results.jsonl").read_text(), results(place).keys()
    found = {path: json.loads(path.read_text()) for path in kept}
    shutil.rmtree(place / "out" / "runs")
    no_results = [b"", b"{", b"[]", b'{"key": "0123456789ab"}', b'"\xff"']
    (place / "out" / "results.jsonl").write_bytes(lines.encode() + b"\n".join(no_results))
    done = run(place / "suite.yaml", "--output", place / "out", "--device", "cpu", "--only", "method=fr")
    assert done.exit_code == 0 and "Runs: 2 done before, 1 left for later." in done.stdout, done.output
    assert (place / "out" / "results.jsonl").read_text() == lines
    assert {path: json.loads(path.read_text()) for path in results(place)} == found


def check_report(done) -> None:
    """The report is of these runs."""
    assert done.exit_code == 0, done.output
    assert "Figures are of the test texts." in done.stdout
    assert "Not done are 1 of the 3 runs: lost on gru and synthetic, asked for S 20 %, seed 0." in done.stdout


@pytest.fixture(scope="module")
def run():
    from typer.testing import CliRunner

    return lambda *words: CliRunner().invoke(app, ["bench", *map(str, words)], env={"NO_COLOR": "1"})
