"""Signals for processes under test."""

from __future__ import annotations

import signal


def hear_interrupts() -> None:
    """For `preexec_fn`: a shell that starts its tests in the background has them ignore SIGINT, and their children."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
