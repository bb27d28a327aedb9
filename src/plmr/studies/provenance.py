"""What a study's figures depend on beside its settings: the versions and the machine."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from pathlib import Path
from typing import Any

import torch
import transformers

from plmr.__about__ import __version__


def versions() -> dict[str, str]:
    """The versions of what takes part in the computation."""
    return {
        "plmr": __version__,
        "python": platform.python_version(),
        "torch": str(torch.__version__),
        "transformers": transformers.__version__,
    }


def machine() -> dict[str, Any]:
    """The hardware a study runs on; `gpu` is None where training is left to the CPU."""
    return {
        "system": platform.platform(),
        "cpu": _cpu_name(),
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "gpu": torch.cuda.get_device_name() if torch.cuda.is_available() else None,
    }


def commit() -> dict[str, Any] | None:
    """The commit this code is at and whether it was changed since; None where it is not run from its repository."""
    package = Path(__file__).parents[1]
    try:
        root = Path(_git(package, "rev-parse", "--show-toplevel"))
        if root / "src" / "plmr" != package.resolve():
            return None  # installed into a folder that some other repository holds
        return {"id": _git(root, "rev-parse", "HEAD"), "changed": bool(_git(root, "status", "--porcelain", "src"))}
    except (OSError, subprocess.SubprocessError):
        return None


def peak_memory() -> dict[str, float]:
    """The most memory this process has held so far, in MiB: `ram`, and `gpu` where one was used."""
    peak = {"ram": peak_ram()}
    if torch.cuda.is_available() and torch.cuda.is_initialized():
        peak["gpu"] = torch.cuda.max_memory_allocated() / 2**20
    return {kind: round(mebibytes, 1) for kind, mebibytes in peak.items()}


def _git(folder: Path, *words: str) -> str:
    command = ["git", "-C", str(folder), *words]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=30).stdout.strip()


def peak_ram() -> float:
    """The largest resident set of this process so far, in MiB; NaN where the system does not tell."""
    status = Path("/proc/self/status")
    if status.is_file():
        # What getrusage says on Linux is the parent's where that was larger when it started this process.
        lines = status.read_text(encoding="utf-8").splitlines()
        if peak := next((line.split()[1] for line in lines if line.startswith("VmHWM")), None):
            return int(peak) / 1024
    try:
        import resource
    except ImportError:  # Windows
        return float("nan")
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (2**20 if sys.platform == "darwin" else 1024)


def _cpu_name() -> str:
    # On Linux `platform` knows the architecture only.
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, "") or platform.processor() or platform.machine()
