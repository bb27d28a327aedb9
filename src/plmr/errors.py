"""The one error a user meets, and the phrases its messages are made of."""

from __future__ import annotations

import errno
from collections.abc import Iterable
from difflib import get_close_matches
from os import PathLike


class PlmrError(ValueError):
    """Something the user gave cannot be used; the message is one line that says what to do.

    Args:
        message: What arrived, what was expected, what to do. Line breaks become spaces, tabs visible.
    """

    def __init__(self, message: str):
        super().__init__(" ".join(message.replace("\t", "\\t").split()))


def nearest(name: str, known: Iterable[str]) -> str:
    """The end of a message about an unknown name: `" Did you mean 'text'?"`, or nothing when none is near.

    Args:
        name: What arrived.
        known: What there is.
    """
    spelling = {candidate.casefold(): candidate for candidate in known}
    matches = get_close_matches(name.casefold(), spelling, n=1)
    return f" Did you mean {spelling[matches[0]]!r}?" if matches else ""


_REASONS = {
    errno.EACCES: "permission denied; choose a place you may write to, or change its permissions",
    errno.EPERM: "permission denied; choose a place you may write to, or change its permissions",
    errno.EROFS: "the file system is read-only; choose another place",
    errno.ENOSPC: "no space left on the disk; free some or choose another place",
    errno.EDQUOT: "your disk quota is used up; free some space or choose another place",
    errno.EOPNOTSUPP: "nothing can be written there; choose another place",
    errno.ENOENT: "there is no such file or folder; check the path",
    errno.EISDIR: "it is a folder, not a file; give the path of a file",
    errno.ENOTDIR: "a part of the path is a file, not a folder; check the path",
    errno.EEXIST: "a file of that name is in the way; move it or choose another name",
    errno.ENAMETOOLONG: "the name is too long; choose a shorter one",
}


def io_error(path: str | PathLike[str], error: OSError) -> PlmrError:
    """What the operating system refused, in one line that names the file and what to do.

    Args:
        path: The file or folder as the user knows it.
        error: The refusal.
    """
    reason = _REASONS.get(error.errno or 0) or error.strerror or str(error) or type(error).__name__
    return PlmrError(f"{path}: {reason}.")


_LONGEST_REASON = 300
"""Characters; some libraries list all there is."""


def reason(error: BaseException) -> str:
    """The first line of what another library said as a sentence, or the kind of error when it said nothing."""
    said = next(iter(str(error).strip().splitlines()), type(error).__name__).rstrip(" :")
    if len(said) > _LONGEST_REASON:
        said = f"{said[: _LONGEST_REASON - 1]}…"
    return said if said.endswith((".", "!", "?", "…")) else f"{said}."
