"""Which precision a device is fast in: what decides it, on machines of every kind."""

from __future__ import annotations

import warnings
from pathlib import Path

import pytest
import torch

from plmr import devices
from plmr.devices import fast_bfloat16
from plmr.errors import PlmrError
from plmr.training import fitting
from plmr.training.fitting import training_arguments

CPU = torch.device("cpu")
CPUINFO = Path("/proc/cpuinfo")


@pytest.mark.parametrize(
    ("instructions", "amx", "intel", "expected"),
    [
        (True, True, True, True),
        (True, False, True, False),
        (True, False, False, True),
        (True, True, False, True),
        (False, False, False, False),
        (False, False, True, False),
        (False, True, True, False),
    ],
)
def test_bfloat16_is_fast_with_amx_or_another_makers_instructions(monkeypatch, instructions, amx, intel, expected):
    monkeypatch.setattr(torch.backends.mkldnn, "is_available", lambda: True)
    # A torch without oneDNN has no such question to replace.
    monkeypatch.setattr(torch.ops.mkldnn, "_is_mkldnn_bf16_supported", lambda: instructions, raising=False)
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: amx)
    monkeypatch.setattr(devices, "_made_by_intel", lambda: intel)
    assert fast_bfloat16(CPU) is expected


def test_bfloat16_is_not_fast_where_torch_has_no_onednn(monkeypatch):
    monkeypatch.setattr(torch.backends.mkldnn, "is_available", lambda: False)
    monkeypatch.setattr(torch.ops.mkldnn, "_is_mkldnn_bf16_supported", lambda: pytest.fail("asked"), raising=False)
    assert fast_bfloat16(CPU) is False


@pytest.mark.parametrize("real", [False, True])
def test_bfloat16_is_fast_on_a_gpu_that_does_not_emulate_it(monkeypatch, real):
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation=True: including_emulation or real)
    assert fast_bfloat16(torch.device("cuda")) is real


def test_bfloat16_is_fast_on_nothing_that_was_not_asked():
    assert not fast_bfloat16(torch.device("meta"))


@pytest.mark.skipif(not CPUINFO.is_file(), reason="reads /proc/cpuinfo")
def test_the_maker_is_the_one_that_the_processor_names():
    told = [line.split(":", 1) for line in CPUINFO.read_text(errors="replace").splitlines() if ":" in line]
    vendors = {value.strip() for name, value in told if name.strip() == "vendor_id"}
    # Processors that are no x86 have no such line.
    assert devices._made_by_intel() is (vendors == {"GenuineIntel"})


@pytest.mark.parametrize("fast", [False, True])
@pytest.mark.parametrize("asked", [False, True])
def test_who_trains_in_a_slow_bfloat16_is_told(asked, fast, tmp_path, monkeypatch):
    monkeypatch.setattr(devices, "fast_bfloat16", lambda device: fast)
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        training_arguments(tmp_path, use_cpu=True, bf16=asked)
    assert len(told) == (asked and not fast)
    assert all("this machine's cpu" in str(warning.message) for warning in told)
    assert all("leave bf16 out" in str(warning.message) for warning in told)


@pytest.mark.parametrize("fast", [False, True])
def test_auto_takes_bfloat16_where_it_is_fast_on_the_device_that_trains(fast, tmp_path, monkeypatch):
    monkeypatch.setattr(fitting, "fast_bfloat16", lambda device: fast and device.type == "cpu")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        monkeypatch.setattr(devices, "fast_bfloat16", lambda device: fast)
        assert training_arguments(tmp_path, use_cpu=True, bf16="auto").bf16 is fast


@pytest.mark.parametrize(
    ("option", "value", "kind"),
    [
        ("bf16", "yes", "auto or true or false"),
        ("bf16", "false", "auto or true or false"),
        ("length_grouping", "no", "true or false"),
        ("disable_tqdm", 1, "true or false or null"),
    ],
)
def test_a_text_is_no_truth_value(option, value, kind, tmp_path):
    # `bool("false")` is true, and a training of half an hour would have been another than the one asked for.
    with pytest.raises(PlmrError, match=f"{option}={value!r} is not {kind}\\."):
        training_arguments(tmp_path, **{option: value})
