"""The devices of this machine by name: which there are, and which one to take."""

from __future__ import annotations

import warnings
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
    """Whether a device has instructions for what bfloat16 takes.

    Without, as on processors that know AVX2 and no AVX-512, each number is converted on its way: there a matrix
    product took some fifty times as long as in float32.
    """
    import torch

    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    if device.type == "cpu":
        # What torch's own compiler asks before it takes bfloat16 to oneDNN.
        return torch.backends.mkldnn.is_available() and torch.ops.mkldnn._is_mkldnn_bf16_supported()
    return False


def warn_of_slow_bfloat16(device: torch.device) -> None:
    """Tell who asked for bfloat16 that the device only imitates it; see `fast_bfloat16`."""
    if not fast_bfloat16(device):
        warnings.warn(
            f"bf16 was asked for, and this machine's {device.type} has no instructions for bfloat16, which can make it "
            "many times slower than float32; leave bf16 out.",
            stacklevel=3,
        )


def find_device(wanted: str | None = None) -> torch.device:
    """The one device, or the first of those, that a name stands for; see `devices`."""
    import torch

    return torch.device(devices(wanted)[0])
