"""What a figure was measured on, the memory it took, and the file it goes to."""

from __future__ import annotations

import os
import shlex
import sys
from pathlib import Path

import torch

from plmr.studies import provenance
from plmr.studies.provenance import peak_ram

RESULTS = Path(__file__).parent / "results"


def machine() -> dict[str, object]:
    """Hardware and versions, as every result file carries them."""
    hardware, versions = provenance.machine(), provenance.versions()
    return {
        "processor": hardware["cpu"],
        **{name: hardware[name] for name in ("cores", "threads", "gpu")},
        **{name: versions[name] for name in ("python", "torch", "transformers")},
    }


def command() -> str:
    """The command that is running, for a result file; where things lie on this machine is left out."""
    words = [Path(word).name if os.sep in word and Path(word).exists() else word for word in sys.argv[1:]]
    return shlex.join(["python", f"benchmarks/{Path(sys.argv[0]).name}", *words])


def peak_mib(device: str) -> float:
    """The most memory this process has held so far, in MiB: what torch has on a GPU, else its resident set."""
    return torch.cuda.max_memory_allocated(device) / 2**20 if device.startswith("cuda") else peak_ram()


def result_file(name: str, device: str) -> Path:
    """Where the figures of a bench go; those of a GPU do not take the place of the CPU's."""
    return RESULTS / (f"{name}.json" if device == "cpu" else f"{name}-{device.partition(':')[0]}.json")
