"""Signals for processes under test."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable


def hear_interrupts() -> None:
    """For `preexec_fn`: a shell that starts its tests in the background has them ignore SIGINT, and their children."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def killed_at(event: int, work: Callable[[], object]) -> bool:
    """Do something in a process of its own, killed when it is about to rename or remove a file for the nth time.

    Returns:
        Whether it came to that.
    """
    if not (child := os.fork()):
        seen = 0

        def hook(name: str, _: object) -> None:
            nonlocal seen
            if name in ("os.rename", "os.remove"):
                seen += 1
                if seen == event:
                    os.kill(os.getpid(), signal.SIGKILL)

        sys.addaudithook(hook)
        try:
            work()
        finally:
            os._exit(0)
    _, status = os.waitpid(child, 0)
    return os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL
