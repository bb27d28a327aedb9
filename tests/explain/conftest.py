from __future__ import annotations

from pathlib import Path

import pytest

from plmr import RationaleClassifier, make_reviews
from tests.explain.long import changed
from tests.tiny import save_tiny_bert

REVIEWS = make_reviews(80, seed=5)


@pytest.fixture(scope="session")
def tiny_bert(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny_bert(tmp_path_factory.mktemp("tiny") / "bert", [e.text for e in REVIEWS])


@pytest.fixture(scope="session")
def trained(tiny_bert: Path) -> dict[str, RationaleClassifier]:
    """A classifier on each kind of encoder, trained for a moment; no test may change them."""
    options = {"epochs": 1, "batch_size": 8, "disable_tqdm": True, "use_cpu": True}
    classifiers = {}
    for name, source in {"bert": str(tiny_bert), "gru": "gru-3"}.items():
        classifiers[name] = RationaleClassifier.from_pretrained(source, sparsity_annealing=0.0)
        classifiers[name].fit(REVIEWS[:60], REVIEWS[60:], **options)
    return classifiers


@pytest.fixture(scope="session", params=["bert", "gru"])
def classifier(request: pytest.FixtureRequest, trained: dict[str, RationaleClassifier]) -> RationaleClassifier:
    return trained[request.param]


@pytest.fixture(scope="session")
def texts() -> list[str]:
    return [e.text for e in make_reviews(20, seed=6)]


@pytest.fixture(scope="module")
def windowed(classifier) -> RationaleClassifier:
    return changed(classifier)
