"""What every test may count on: one thread, no network, fixed seeds, and the shared data where it lies."""

from __future__ import annotations

import os
import random
import sys
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
os.environ["HF_HUB_OFFLINE"] = "1"

import numpy as np
import pytest

SEED = 0
SHARED = (Path(__file__).parents[1] / "../shared").resolve()


@pytest.fixture(autouse=True)
def _fixed_seeds() -> None:
    random.seed(SEED)
    np.random.seed(SEED)
    # Tests of parts that know nothing of torch should not wait for its import.
    if torch := sys.modules.get("torch"):
        torch.manual_seed(SEED)
        torch.set_num_threads(1)


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of shared material beside the repository."""
    if not SHARED.is_dir():
        pytest.skip(f"needs the shared folder {SHARED}")
    return SHARED


@pytest.fixture(scope="session")
def shared_data(shared: Path) -> Path:
    """The real data sets."""
    folder = shared / "data"
    if not folder.is_dir():
        pytest.skip(f"needs the data sets in {folder}")
    return folder


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip what needs a GPU where there is none, and a ModernBERT where transformers is too old for it."""
    if "modernbert" in item.nodeid:
        import transformers

        if transformers.__version__.startswith("5.0."):
            pytest.skip("needs transformers 5.1 or newer")
    if item.get_closest_marker("gpu"):
        import torch

        if not torch.cuda.is_available():
            pytest.skip("needs an NVIDIA GPU")
