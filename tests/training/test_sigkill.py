"""Killed for real at a random moment and resumed, a training ends with the weights it would have had."""

import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from plmr.training.checkpoints import is_complete, last_checkpoint

pytestmark = pytest.mark.slow

SCRIPT = """
import sys
import torch
from plmr import RationaleClassifier, make_reviews
torch.set_num_threads(1)
folder, resume = sys.argv[1], sys.argv[2] == "resume"
classifier = RationaleClassifier.from_pretrained("gru-3", sparsity=0.2)
classifier.fit(
    make_reviews(96, seed=0), make_reviews(24, seed=1), output_dir=folder + "/run", resume=resume, epochs=3,
    batch_size=8, seed=5, save_strategy="steps", save_steps=4, eval_strategy="steps", eval_steps=4, disable_tqdm=True,
)
classifier.save_pretrained(folder + "/model")
"""


def command(folder: Path, mode: str) -> list[str]:
    return [sys.executable, "-c", SCRIPT, str(folder), mode]


def weights(folder: Path) -> dict[str, torch.Tensor]:
    return load_file(folder / "model" / "model.safetensors")


def saved_steps(folder: Path) -> int:
    """The step of the newest checkpoint, complete or not."""
    return max((int(path.name.rpartition("-")[2]) for path in (folder / "run").glob("checkpoint-*")), default=0)


def test_a_killed_run_resumes_to_the_same_weights(tmp_path):
    whole = tmp_path / "whole"
    subprocess.run(command(whole, "anew"), check=True, capture_output=True)
    expected = weights(whole)
    chance = random.Random(7)
    killed = tmp_path / "killed"
    for after_step in sorted(chance.sample(range(5, 30), 2)):
        run = subprocess.Popen(command(killed, "resume"), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        while run.poll() is None and saved_steps(killed) < after_step:
            time.sleep(0.01)
        # The folder is there, what it is to hold perhaps not yet: the kill may hit the middle of a save.
        time.sleep(chance.random() * 0.2)
        run.send_signal(signal.SIGKILL)
        assert run.wait() == -signal.SIGKILL, "the run ended before it could be killed"
    subprocess.run(command(killed, "resume"), check=True, capture_output=True)
    found = weights(killed)
    assert found.keys() == expected.keys()
    assert all(torch.equal(found[name], expected[name]) for name in expected)


def test_a_checkpoint_cut_off_while_it_was_saved_is_passed_over(tmp_path):
    folder = tmp_path / "whole"
    subprocess.run(command(folder, "anew"), check=True, capture_output=True)
    newest = Path(last_checkpoint(folder / "run"))
    file = newest / "model.safetensors"
    file.write_bytes(file.read_bytes()[:1000])
    assert not is_complete(newest)
    with pytest.warns(UserWarning, match="incomplete"):
        earlier = last_checkpoint(folder / "run")
    assert earlier is None or Path(earlier) != newest
