"""What a figure was measured on, and the memory it took."""

from __future__ import annotations

import os
import platform
import resource
import shlex
import sys
from pathlib import Path

import torch
import transformers


def machine() -> dict[str, object]:
    """Hardware and versions, as every result file carries them."""
    return {
        "processor": _processor(),
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "gpu": torch.cuda.get_device_name() if torch.cuda.is_available() else None,
        "python": platform.python_version(),
        "torch": torch.__version__,
        "transformers": transformers.__version__,
    }


def command() -> str:
    """The command that is running, for a result file; where things lie on this machine is left out."""
    words = [Path(word).name if os.sep in word and Path(word).exists() else word for word in sys.argv[1:]]
    return shlex.join(["python", f"benchmarks/{Path(sys.argv[0]).name}", *words])


def peak_mib() -> float:
    """The largest resident set so far."""
    status = Path("/proc/self/status")
    if status.is_file():
        # What getrusage says on Linux is the parent's where that was larger when it started this process.
        (line,) = (line for line in status.read_text(encoding="utf-8").splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


def _processor() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.is_file():
        for line in cpuinfo.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
