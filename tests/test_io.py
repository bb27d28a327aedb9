from __future__ import annotations

import os
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from plmr.errors import PlmrError
from plmr.io import atomic_folder, atomic_path, explained
from tests.disks import small_disk
from tests.signals import killed_at


@pytest.fixture
def full_disk(tmp_path: Path) -> Iterator[Path]:
    """A real file system with room for 64 KiB."""
    with small_disk(tmp_path / "small", 64 * 1024) as folder:
        yield folder


@pytest.fixture
def unwritable(tmp_path: Path) -> Iterator[Path]:
    """A folder that refuses even root."""
    folder = tmp_path / "closed"
    folder.mkdir()
    if os.name != "posix":
        pytest.skip("needs POSIX permissions")
    if os.geteuid() == 0:
        if subprocess.run(["mount", "-t", "tmpfs", "-o", "ro", "tmpfs", str(folder)], capture_output=True).returncode:
            pytest.skip("root may write everywhere and mount nothing here")
        yield folder
        subprocess.run(["umount", str(folder)], check=True)
    else:
        folder.chmod(stat.S_IRUSR | stat.S_IXUSR)
        yield folder
        folder.chmod(stat.S_IRWXU)


def names(folder: Path) -> list[str]:
    return sorted(str(p.relative_to(folder)) for p in folder.rglob("*"))


def test_a_file_appears_complete_with_the_usual_permissions(tmp_path):
    target, plain = tmp_path / "new" / "out.txt", tmp_path / "plain"
    plain.touch()
    with atomic_path(target) as aside:
        aside.write_text("half")
        assert not target.exists()
    assert target.read_text() == "half"
    assert target.stat().st_mode == plain.stat().st_mode
    assert names(target.parent) == ["out.txt"]


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_after_an_error_the_old_file_stays_and_nothing_else(tmp_path, error):
    target = tmp_path / "out.txt"
    target.write_text("old")
    with pytest.raises(error), atomic_path(target) as aside:
        aside.write_text("new")
        raise error
    assert target.read_text() == "old"
    assert names(tmp_path) == ["out.txt"]


def test_a_link_keeps_pointing_to_the_file_written(tmp_path):
    (tmp_path / "real").write_text("old")
    (tmp_path / "link").symlink_to("real")
    with atomic_path(tmp_path / "link") as aside:
        aside.write_text("new")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real").read_text() == "new"


def test_a_device_is_written_to_and_not_replaced():
    with atomic_path(os.devnull) as aside:
        aside.write_text("gone")
    assert not Path(os.devnull).is_file()


def test_a_folder_is_no_file(tmp_path):
    with pytest.raises(PlmrError, match="is a folder"), atomic_path(tmp_path):
        pass


def test_a_new_folder_appears_at_once(tmp_path):
    target = tmp_path / "a" / "model"
    with atomic_folder(target) as aside:
        (aside / "sub").mkdir()
        (aside / "sub" / "x").write_text("1")
        assert not target.exists()
    assert names(tmp_path) == ["a", "a/model", "a/model/sub", "a/model/sub/x"]


def test_an_existing_folder_keeps_its_other_files(tmp_path):
    (tmp_path / "mine").write_text("mine")
    (tmp_path / "config").write_text("old")
    with atomic_folder(tmp_path) as aside:
        (aside / "config").write_text("new")
        (aside / "sub").mkdir()
        (aside / "sub" / "x").write_text("1")
        assert (tmp_path / "config").read_text() == "old"
    assert names(tmp_path) == ["config", "mine", "sub", "sub/x"]
    assert (tmp_path / "config").read_text() == "new"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork and SIGKILL")
def test_a_kill_between_two_files_leaves_no_folder_that_mixes_old_and_new(tmp_path):
    files, ways = ("a", "config", "weights"), set()
    for event in range(1, 6):
        target = tmp_path / str(event)
        target.mkdir()
        for name in files:
            (target / name).write_text("old")

        def renew(target=target):
            with atomic_folder(target, key="config") as aside:
                for name in files:
                    (aside / name).write_text("new")

        killed = killed_at(event, renew)
        found = {name: (target / name).read_text() for name in files if (target / name).exists()}
        assert "config" not in found or len(set(found.values())) == 1
        ways.add((killed, found.get("config")))
    assert ways == {(True, "old"), (True, None), (False, "new")}


def test_a_folder_that_failed_leaves_nothing(tmp_path):
    with pytest.raises(RuntimeError), atomic_folder(tmp_path / "model") as aside:
        (aside / "x").write_text("1")
        raise RuntimeError
    assert names(tmp_path) == []


def test_a_full_disk_is_one_line_and_leaves_the_old_file(full_disk):
    target = full_disk / "out.txt"
    target.write_text("old")
    with pytest.raises(PlmrError, match=rf"{target}: no space left") as caught, atomic_path(target) as aside:
        aside.write_text("x" * 100_000)
    assert "\n" not in str(caught.value)
    assert names(full_disk) == ["out.txt"]
    assert target.read_text() == "old"


def test_a_model_too_large_for_the_disk_leaves_nothing(full_disk):
    torch = pytest.importorskip("torch")
    from safetensors.torch import save_file

    target, weights = full_disk / "model", torch.zeros(100_000)
    with pytest.raises(PlmrError, match=rf"{target}: no space left"), atomic_folder(target) as aside:
        save_file({"w": weights}, aside / "model.safetensors")
    with pytest.raises(PlmrError, match=rf"{target}: no space left"), atomic_folder(target) as aside:
        torch.save(weights, aside / "optimizer.pt")
    assert names(full_disk) == []


def test_an_unwritable_folder_is_one_line(unwritable):
    with pytest.raises(PlmrError, match=rf"{unwritable}/out.txt: (permission denied|the file system is read-only)"):
        with atomic_path(unwritable / "out.txt"):
            pass
    with pytest.raises(PlmrError, match=r"permission denied|read-only"), atomic_folder(unwritable):
        pass


def test_a_file_on_the_way_is_named(tmp_path):
    (tmp_path / "file").touch()
    with (
        pytest.raises(PlmrError, match=r"file.*not a folder|in the way"),
        atomic_path(tmp_path / "file" / "out"),
    ):
        pass


@pytest.mark.skipif(not Path("/proc/self").is_dir(), reason="needs a file system that takes no new files")
@pytest.mark.parametrize("atomic", [atomic_path, atomic_folder])
@pytest.mark.parametrize("place", ["/proc/out", "/proc/new/out"])
def test_a_place_that_takes_no_files_is_not_a_missing_one(atomic, place):
    with pytest.raises(PlmrError, match=f"^{place}: nothing can be written there; choose another"), atomic(place):
        pass


def test_an_error_about_another_file_names_that_file(tmp_path):
    with (
        pytest.raises(PlmrError, match=r"missing\.txt: there is no such file"),
        atomic_path(tmp_path / "out"),
    ):
        (tmp_path / "missing.txt").read_text()


def test_other_errors_pass_unchanged():
    with pytest.raises(KeyError), explained("out"):
        raise KeyError("x")
