"""Which precision a device is fast in, against a measurement."""

from __future__ import annotations

import platform
import time
import warnings
from pathlib import Path

import pytest
import torch

from plmr.devices import fast_bfloat16
from plmr.training.fitting import training_arguments

CPU = torch.device("cpu")
CPUINFO = Path("/proc/cpuinfo")


def seconds(dtype: torch.dtype) -> float:
    """The best of three products, after one that sets things up."""
    a = torch.ones(256, 256, dtype=dtype)
    found = []
    for _ in range(4):
        started = time.process_time()
        _ = a @ a
        found.append(time.process_time() - started)
    return min(found[1:])


def test_bfloat16_is_not_called_fast_where_it_takes_many_times_as_long():
    slow = seconds(torch.bfloat16) > 12 * seconds(torch.float32)
    assert not (slow and fast_bfloat16(CPU))


@pytest.mark.skipif(not CPUINFO.is_file(), reason="reads /proc/cpuinfo")
@pytest.mark.skipif(platform.machine() != "x86_64", reason="knows the instructions of x86 alone")
def test_bfloat16_is_fast_with_amx_or_another_makers_avx512():
    told = dict(line.split(":", 1) for line in CPUINFO.read_text().splitlines() if ":" in line)
    told = {name.strip(): set(value.split()) for name, value in told.items()}
    wide = told["flags"] >= {"avx512bw", "avx512dq", "avx512vl"}
    assert fast_bfloat16(CPU) == (wide and ("amx_tile" in told["flags"] or told["vendor_id"] != {"GenuineIntel"}))


def test_bfloat16_is_fast_on_nothing_that_was_not_asked():
    assert not fast_bfloat16(torch.device("meta"))


@pytest.mark.parametrize("asked", [False, True])
def test_who_trains_in_a_slow_bfloat16_is_told(asked, tmp_path):
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        training_arguments(tmp_path, use_cpu=True, bf16=asked)
    assert len(told) == (asked and not fast_bfloat16(CPU))
    assert all("leave bf16 out" in str(warning.message) for warning in told)
