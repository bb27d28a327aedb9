"""Whatever ends a training, going on ends with the weights of a training that was never stopped."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from transformers import EarlyStoppingCallback

from plmr import RationaleClassifier
from plmr.errors import PlmrError
from plmr.training.checkpoints import last_checkpoint
from plmr.training.fingerprint import FILE
from tests.disks import enlarge, small_disk
from tests.training.runs import OPTIONS, TRAIN, VALIDATION, same_weights, train

pytestmark = pytest.mark.filterwarnings("ignore:Step:UserWarning")
ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def whole(tiny_bert, tmp_path_factory):
    """A training that nothing stopped, its summary, and the folder with all its checkpoints."""
    folder = tmp_path_factory.mktemp("whole")
    return *train(tiny_bert, folder, save_total_limit=None), folder


@pytest.fixture(scope="module")
def killed(tiny_bert, tmp_path_factory):
    """Folders of trainings killed at seeded random moments: inside either epoch, and about where they meet."""
    if not hasattr(os, "fork"):
        pytest.skip("needs fork and SIGKILL")
    chance = random.Random(0)
    folder = tmp_path_factory.mktemp("killed")
    kills = [
        (folder / str(steps), steps, chance.uniform(0, 0.1))
        for steps in (chance.randint(4, 8), chance.randint(9, 11), chance.randint(13, 18))
    ]
    words = [str(word) for kill in kills for word in kill]
    subprocess.run(
        [sys.executable, "-m", "tests.training.runs", str(tiny_bert), *words],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT / "src"), str(ROOT)])},
        check=True,
        timeout=240,
    )
    return [kill[0] for kill in kills]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork and SIGKILL")
@pytest.mark.parametrize("number", range(3))
def test_killed_and_resumed_is_never_stopped(whole, killed, number, tiny_bert):
    classifier, summary, _ = whole
    folder = killed[number]
    assert not (folder / "checkpoint-20").exists()
    resumed, resumed_summary = train(tiny_bert, folder, resume=True)
    assert any(note.startswith(f"resumed from {folder}") for note in resumed_summary.notes)
    assert same_weights(resumed, classifier)
    assert resumed_summary.metrics == summary.metrics
    assert resumed_summary.calibration == summary.calibration


@pytest.fixture
def cut_folder(whole, tmp_path):
    """The checkpoints up to step 9, still to be damaged."""
    folder = tmp_path / "cut"
    folder.mkdir()
    for step in (3, 6, 9):
        shutil.copytree(whole[2] / f"checkpoint-{step}", folder / f"checkpoint-{step}")
    return folder


def halve(file: Path) -> None:
    os.truncate(file, file.stat().st_size // 2)


@pytest.mark.parametrize("name", ["model.safetensors", "optimizer.pt", "scheduler.pt", "rng_state.pth"])
def test_a_checkpoint_cut_off_is_passed_over(cut_folder, name):
    newest = cut_folder / "checkpoint-9"
    assert last_checkpoint(cut_folder) == str(newest)
    halve(newest / name)
    with pytest.warns(UserWarning, match="checkpoint-9 is incomplete"):
        assert last_checkpoint(cut_folder) == str(cut_folder / "checkpoint-6")
    (cut_folder / "checkpoint-6" / name).unlink()
    with pytest.warns(UserWarning, match="checkpoint-6 is incomplete"):
        assert last_checkpoint(cut_folder) == str(cut_folder / "checkpoint-3")


def test_every_moment_of_a_save_is_survived(whole, cut_folder, tiny_bert):
    """The state is written last; before it, the folder holds some of the other files."""
    halve(cut_folder / "checkpoint-9" / "trainer_state.json")
    with pytest.warns(UserWarning, match="checkpoint-9 is incomplete"):
        resumed, summary = train(tiny_bert, cut_folder, resume=True)
    assert f"resumed from {cut_folder / 'checkpoint-6'}" in summary.notes
    assert same_weights(resumed, whole[0])


def test_a_full_disk_leaves_whole_checkpoints_only(whole, tiny_bert, tmp_path):
    """Room for one checkpoint and a part of the next, on a real file system; with more room the run goes on."""
    one = sum(file.stat().st_size + 4096 for file in (whole[2] / "checkpoint-3").iterdir())
    with small_disk(tmp_path / "disk", one * 3 // 2) as disk:
        with pytest.raises(PlmrError, match=f"{disk}.*: no space left on the disk"):
            train(tiny_bert, disk)
        assert [path.name for path in disk.glob("checkpoint-*")] == ["checkpoint-3"]
        assert last_checkpoint(disk) == str(disk / "checkpoint-3")
        enlarge(disk, one * 8)
        resumed, summary = train(tiny_bert, disk, resume=True)
    assert f"resumed from {disk / 'checkpoint-3'}" in summary.notes
    assert same_weights(resumed, whole[0])


def test_nothing_to_resume_from_is_said(whole, tiny_bert, tmp_path):
    (tmp_path / "checkpoint-best").mkdir()
    resumed, summary = train(tiny_bert, tmp_path, resume=True)
    assert "nothing to resume from; started anew" in summary.notes
    assert same_weights(resumed, whole[0])


def test_a_new_run_does_not_begin_among_the_checkpoints_of_another(whole, tiny_bert):
    before = sorted(whole[2].iterdir())
    with pytest.raises(PlmrError, match=r"checkpoints of an earlier run are there \(checkpoint-20\)"):
        train(tiny_bert, whole[2], seed=9)
    assert sorted(whole[2].iterdir()) == before


def test_to_resume_takes_a_folder(tiny_bert):
    with pytest.raises(PlmrError, match="output_dir"):
        train(tiny_bert, None, resume=True)


def test_a_finished_training_resumed_stays_as_it_is(whole, tiny_bert, tmp_path):
    shutil.copytree(whole[2] / "checkpoint-20", tmp_path / "checkpoint-20")
    resumed, summary = train(tiny_bert, tmp_path, resume=True)
    assert same_weights(resumed, whole[0])
    assert summary.metrics == whole[1].metrics


@pytest.mark.parametrize("stop", [12, 15])
def test_the_choice_of_the_best_and_the_patience_survive(tiny_bert, tmp_path, stop):
    """No loss improves by 100: the first at the full sparsity is that of step 12, and two more use the patience up."""
    best = {"load_best_model_at_end": True, "metric_for_best_model": "loss", "greater_is_better": False}
    options = best | {"save_total_limit": None}

    def patience() -> EarlyStoppingCallback:
        return EarlyStoppingCallback(early_stopping_patience=2, early_stopping_threshold=100.0)

    classifier, summary = train(tiny_bert, tmp_path / "whole", callbacks=[patience()], **options)
    last = max(int(path.name.rpartition("-")[2]) for path in (tmp_path / "whole").glob("checkpoint-*"))
    assert last == 18
    for step in range(3, stop + 1, 3):
        shutil.copytree(tmp_path / "whole" / f"checkpoint-{step}", tmp_path / "part" / f"checkpoint-{step}")
    resumed, resumed_summary = train(tiny_bert, tmp_path / "part", True, [patience()], **options)
    assert not (tmp_path / "part" / "checkpoint-20").exists()
    assert same_weights(resumed, classifier)
    assert resumed_summary.metrics == summary.metrics


def test_patience_is_an_option_that_runs_from_the_full_sparsity_on(tiny_bert, tmp_path):
    """Of twenty steps the target falls until the twelfth; the evaluations at 15 and 18 do not improve on it by 100."""
    options = {"early_stopping_patience": 2, "early_stopping_threshold": 100.0, "metric_for_best_model": "loss"}
    options |= {"load_best_model_at_end": True, "save_total_limit": None}
    classifier, summary = train(tiny_bert, tmp_path / "whole", **options)
    assert "stopped early, after 18 of 20 steps" in summary.notes
    again, again_summary = train(tiny_bert, tmp_path / "whole", resume=True, **options)
    assert "stopped early, after 18 of 20 steps" in again_summary.notes
    assert same_weights(again, classifier) and again_summary.metrics == summary.metrics
    part = shutil.copytree(tmp_path / "whole", tmp_path / "part", ignore=shutil.ignore_patterns("checkpoint-18"))
    resumed, resumed_summary = train(tiny_bert, part, resume=True, **options)
    assert "stopped early, after 18 of 20 steps" in resumed_summary.notes
    assert same_weights(resumed, classifier)
    with pytest.raises(PlmrError, match=r"early_stopping_patience=3 instead of 2"):
        train(tiny_bert, tmp_path / "whole", resume=True, **options | {"early_stopping_patience": 3})


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"learning_rate": 2e-3}, r"learning_rate=0\.002 instead of 0\.001"),
        ({"seed": 9, "epochs": 3}, r"num_train_epochs=3 instead of 2, seed=9 instead of 42"),
        ({"settings": {"sparsity": 0.4}}, r"sparsity=0\.4 instead of 0\.2"),
        ({"dataloader_drop_last": True}, "dataloader_drop_last=True instead of False"),
        ({"settings": {"masking": "zero"}}, "masking='zero' instead of 'drop'"),
    ],
)
def test_a_run_goes_on_as_it_was_begun_or_not_at_all(whole, tiny_bert, changes, said):
    with pytest.raises(PlmrError, match=f"begun otherwise, and cannot go on with .*{said}"):
        train(tiny_bert, whole[2], resume=True, **changes)


def test_a_run_does_not_go_on_with_other_texts(whole, tiny_bert):
    classifier = RationaleClassifier.from_pretrained(str(tiny_bert), generator_depth=2, dim_reduction_blocks=2)
    with pytest.raises(PlmrError, match=r"cannot go on with other training texts; give"):
        classifier.fit(TRAIN[1:], VALIDATION, whole[2], resume=True, **OPTIONS)


def test_what_has_no_say_in_the_weights_may_change(whole, cut_folder, tiny_bert):
    """From the middle of the run, where the rest is trained with the options that changed."""
    shutil.copy(whole[2] / FILE, cut_folder)
    changes = {"logging_steps": 5, "per_device_eval_batch_size": 7, "save_total_limit": 2}
    resumed, summary = train(tiny_bert, cut_folder, resume=True, **changes)
    assert f"resumed from {cut_folder / 'checkpoint-9'}" in summary.notes
    assert same_weights(resumed, whole[0])
    assert len(list(cut_folder.glob("checkpoint-*"))) == 2
