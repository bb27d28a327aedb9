"""Writing so that a name never holds half a result, aside first and renamed when complete, and JSON never a NaN."""

from __future__ import annotations

import errno
import math
import os
import re
import secrets
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from os import PathLike
from pathlib import Path
from typing import Any

from plmr.errors import io_error


@contextmanager
def explained(path: str | PathLike[str], aside: Path | None = None) -> Iterator[None]:
    """Turn what the operating system refuses within the block into one line about the file the user named.

    Args:
        path: The name to speak of.
        aside: The file or folder that is written in its stead.

    Raises:
        PlmrError: Something could not be read or written.
    """
    try:
        yield
    except Exception as error:
        refusal = _os_error(error)
        if refusal is None:
            raise
        culprit = str(refusal.filename or path)
        known = aside is None or aside.name not in culprit
        raise io_error(culprit if known else path, refusal) from error


@contextmanager
def creating(path: str | PathLike[str]) -> Iterator[None]:
    """Tell a place that takes no new files, as those of /proc do, from a path with something missing.

    Within the block missing parents are made, so that nothing can be missing.

    Args:
        path: What is made.

    Raises:
        OSError: It cannot be made.
    """
    try:
        yield
    except FileNotFoundError as error:
        raise OSError(errno.EOPNOTSUPP, os.strerror(errno.EOPNOTSUPP), str(path)) from error


@contextmanager
def atomic_path(path: str | PathLike[str]) -> Iterator[Path]:
    """Give a file to write that takes the name `path` once the block ends without an error.

    Until then, and for good after an error, whatever has that name stays as it is.

    Args:
        path: The final name. Missing parent folders are made.

    Yields:
        An empty file in the same folder; it must be closed when the block ends.

    Raises:
        PlmrError: The file cannot be written: no permission, no space left, …
    """
    target = Path(os.path.realpath(path))
    aside = target.with_name(_aside_name())
    with explained(path, aside):
        if target.is_dir():
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        if target.exists() and not target.is_file():
            # A pipe or device, such as /dev/stdout: renaming would put a plain file in its place.
            yield target
            return
        with creating(path):
            target.parent.mkdir(parents=True, exist_ok=True)
        try:
            with creating(path):
                aside.touch()
            yield aside
            _flush(aside)
            aside.replace(target)
        finally:
            with suppress(OSError):
                aside.unlink(missing_ok=True)


@contextmanager
def atomic_folder(path: str | PathLike[str], key: str | None = None) -> Iterator[Path]:
    """Give a folder to fill that takes the name `path` once the block ends without an error.

    Where a folder of that name exists, its other files stay: each new file replaces its namesake by a rename.

    Args:
        path: The final name. Missing parent folders are made.
        key: Name of the file without which nobody reads the others. It is gone while they are replaced, so that a kill
            in between leaves no folder that mixes old and new.

    Yields:
        An empty folder on the same file system.

    Raises:
        PlmrError: The folder cannot be written: no permission, no space left, …
    """
    target = Path(os.path.realpath(path))
    exists = target.is_dir()
    aside = target / _aside_name() if exists else target.with_name(_aside_name())
    with explained(path, aside):
        try:
            with creating(path):
                aside.mkdir(parents=True)
            yield aside
            last = aside / key if key else None
            files = sorted((file for file in aside.rglob("*") if file.is_file()), key=lambda file: (file == last, file))
            for file in files:
                _flush(file)
            if not exists:
                aside.rename(target)
                return
            if key:
                (target / key).unlink(missing_ok=True)
            for file in files:
                final = target / file.relative_to(aside)
                final.parent.mkdir(parents=True, exist_ok=True)
                file.replace(final)
        finally:
            shutil.rmtree(aside, ignore_errors=True)


def plain(value: Any) -> Any:
    """The value with null for what JSON has no number for: NaN and the infinities."""
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _aside_name() -> str:
    return f".{secrets.token_hex(6)}.part"


def _flush(file: Path) -> None:
    # Some file systems report a full disk or quota only when the data leave the cache.
    with file.open("rb") as stream:
        os.fsync(stream.fileno())


def _os_error(error: Exception) -> OSError | None:
    if isinstance(error, OSError):
        return error
    # Libraries written in Rust, safetensors among them, give the number in the text only.
    if number := re.search(r"\(os error (\d+)\)", str(error)):
        return OSError(int(number[1]), os.strerror(int(number[1])))
    # The archive writer of torch.save keeps the reason to itself; a full disk is the usual one.
    if "inline_container" in str(error):
        return OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    return None
