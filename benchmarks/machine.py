"""What a figure was measured on, and the memory it took."""

from __future__ import annotations

import os
import shlex
import sys
from pathlib import Path

from plmr.studies import provenance
from plmr.studies.provenance import peak_ram


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


__all__ = ["command", "machine", "peak_ram"]
