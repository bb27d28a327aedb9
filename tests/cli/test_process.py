"""The installed command as its own process: exit codes, streams and how fast it answers."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from plmr.training.checkpoints import is_complete
from tests.cli.checks import assert_refused
from tests.signals import hear_interrupts

COMMAND = [sys.executable, "-c", "from plmr.cli import main; main()"]


def plmr(*words: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*COMMAND, *map(str, words)], capture_output=True, text=True, timeout=120)


def wait_for_checkpoint(folder: Path, training: subprocess.Popen[bytes], seconds: float) -> None:
    """Until a checkpoint is whole, or the training has ended; its last file is there before all of it is written."""
    deadline = time.monotonic() + seconds
    while not any(map(is_complete, folder.glob("checkpoint-*"))) and training.poll() is None:
        assert time.monotonic() < deadline, f"no checkpoint in {seconds} seconds"
        time.sleep(0.01)


def test_bad_input_is_one_line_and_exit_code_2(tmp_path):
    done = plmr("evaluate", tmp_path, "--data", tmp_path / "missing.jsonl")
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.startswith("error: ")
    assert done.stderr.count("\n") == 1
    assert "missing.jsonl" in done.stderr


def test_what_another_library_logs_of_a_bad_file_is_not_said_twice(tmp_path):
    (tmp_path / "a.parquet").write_bytes(b"PAR1 but not really")
    done = plmr("train", "--data", tmp_path / "a.parquet", "--output", tmp_path / "m", "--encoder", "gru")
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert line.startswith("error: ") and "a.parquet: not a readable Parquet file" in line


def test_a_wrong_option_is_exit_code_2():
    done = plmr("explain", "--colour")
    assert done.returncode == 2
    assert "--colour" in done.stderr
    assert "Traceback" not in done.stderr


def test_help_and_errors_do_not_wait_for_torch(tmp_path):
    script = (
        "import sys; from plmr.cli import app\n"
        f"try: app(['predict', 'm', '--input', {str(tmp_path / 'no.txt')!r}, '--output', 'o'])\n"
        "except SystemExit as end: print(end.code, 'torch' in sys.modules, 'transformers' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60)
    assert done.stdout == "2 False False\n"


@pytest.mark.skipif(os.name != "posix", reason="sends a POSIX signal")
def test_an_interrupted_training_says_how_to_go_on(reviews: Path, tmp_path: Path):
    folder = tmp_path / "m"
    words = ["train", "--data", reviews, "--output", folder, "--encoder", "gru-3", "--epochs", 500]
    command = [*COMMAND, *map(str, words)]
    with subprocess.Popen(
        command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, preexec_fn=hear_interrupts
    ) as run:
        wait_for_checkpoint(folder, run, seconds=90)
        run.send_signal(signal.SIGINT)
        _, errors = run.communicate(timeout=60)
    assert run.returncode == 130, errors.decode()
    assert b"--resume" in errors.splitlines()[-1]
    assert b"Traceback" not in errors
    assert not (folder / "config.json").exists()


@pytest.mark.skipif(os.name != "posix", reason="sends a POSIX signal")
def test_a_killed_training_goes_on_to_the_same_model_or_says_what_differs(run, reviews: Path, tmp_path: Path):
    whole, folder = tmp_path / "whole", tmp_path / "killed"
    words = ["train", "--data", reviews, "--encoder", "gru", "--method", "rnp", "--epochs", 12, "--output"]
    assert run(*words, whole).exit_code == 0
    with subprocess.Popen([*COMMAND, *map(str, words), folder], stderr=subprocess.DEVNULL) as training:
        wait_for_checkpoint(folder, training, seconds=300)
        training.kill()
    assert training.returncode == -signal.SIGKILL
    assert not (folder / "config.json").exists()
    for change, phrase in (
        (("--sparsity", 0.4), "sparsity=0.4 instead of 0.2"),
        (("--encoder", "gru-3"), "encoder='gru-3' instead of 'gru'"),
        (("--epochs", 13), "num_train_epochs=13.0 instead of 12.0"),
    ):
        assert_refused(run(*words, folder, *change, "--resume"), "cannot go on with", phrase)
    done = run(*words, folder, "--resume")
    assert done.exit_code == 0, done.output
    assert "resumed from" in done.output
    for name in ("model.safetensors", "config.json"):
        assert (folder / name).read_bytes() == (whole / name).read_bytes(), name
