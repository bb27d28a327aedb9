from __future__ import annotations

from pathlib import Path

import pytest

from plmr import make_reviews
from tests.tiny import save_tiny_bert


@pytest.fixture(scope="session")
def tiny_bert(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny_bert(tmp_path_factory.mktemp("tiny") / "bert", [e.text for e in make_reviews(60, seed=9)])
