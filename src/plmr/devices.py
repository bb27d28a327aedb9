"""The devices of this machine by name: which there are, and which one to take."""

from __future__ import annotations

import platform
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

from plmr.errors import PlmrError, nearest

if TYPE_CHECKING:
    import torch


def devices(wanted: str | None = None) -> list[str]:
    """The devices that a name stands for.

    Args:
        wanted: `cpu`, `cuda` (every NVIDIA GPU), `cuda:1` or `mps`; default, the GPUs if there are any, else the CPU.

    Raises:
        PlmrError: There is no such device.
    """
    import torch

    gpus = [f"cuda:{index}" for index in range(torch.cuda.device_count())]
    there = {"cpu": ["cpu"]} | {gpu: [gpu] for gpu in gpus} | ({"cuda": gpus} if gpus else {})
    if torch.backends.mps.is_available():
        there["mps"] = ["mps"]
    if wanted is None:
        return there.get("cuda") or there.get("mps") or there["cpu"]
    if wanted not in there:
        raise PlmrError(
            f"device={wanted!r}: there is {', '.join(there)} on this machine; give one of these, or leave it out."
            f"{nearest(str(wanted), there)}"
        )
    return there[wanted]


def fast_bfloat16(device: torch.device) -> bool:
    """Whether a device computes faster in bfloat16 than in float32.

    A CPU without instructions for bfloat16, as one that knows AVX2 and no AVX-512, converts each number on its way:
    a matrix product took some fifty times as long there. Intel's with AVX-512 have such instructions, at less than the
    rate of those for float32 (a training step took 1.55 times as long on a Xeon); with AMX they are fast.
    """
    import torch

    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    if device.type == "cpu":
        # What torch's own compiler asks before it takes bfloat16 to oneDNN.
        instructions = torch.backends.mkldnn.is_available() and torch.ops.mkldnn._is_mkldnn_bf16_supported()
        return instructions and (torch.cpu._is_amx_tile_supported() or not _made_by_intel())
    return False


def _made_by_intel() -> bool:
    processors = Path("/proc/cpuinfo")
    return "Intel" in (processors.read_text(errors="replace") if processors.is_file() else platform.processor())


def warn_of_slow_bfloat16(device: torch.device) -> None:
    """Tell who asked for bfloat16 that float32 is faster on the device; see `fast_bfloat16`."""
    if not fast_bfloat16(device):
        warnings.warn(
            f"bf16 was asked for, and this machine's {device.type} has no fast instructions for bfloat16, which can "
            "make it many times slower than float32; leave bf16 out.",
            stacklevel=3,
        )


def find_device(wanted: str | None = None) -> torch.device:
    """The one device, or the first of those, that a name stands for; see `devices`."""
    import torch

    return torch.device(devices(wanted)[0])
