"""The suites of `quality.py`: which runs there are, and how each trains."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import product
from typing import Any

SYNTHETIC_EPOCHS, EPOCHS = 2, 3
BEER_SPARSITY = {"look": 0.19, "aroma": 0.16, "palate": 0.13}
"""Near the share that people marked, as stated with the annotations."""


@dataclass(frozen=True)
class Variant:
    """A suite for one method, with a change of its settings: the published ones, or what did well in a trial."""

    base: str
    method: str
    model: dict[str, Any] = field(default_factory=dict)
    training: dict[str, Any] = field(default_factory=dict)


PLAIN = {
    "sampler": "gumbel",
    "score_spread": None,
    "smoothing": 1,
    "sparsity_delay": 0.0,
    "sparsity_annealing": 0.0,
}
"""Masks by Gumbel-softmax with a penalty from the first step on, as RNP is published in its Gumbel form."""
VARIANTS = {
    "synthetic-plain": Variant("synthetic", "rnp", PLAIN),
    "synthetic-late": Variant("synthetic", "plmr", {"predictor_start": "late"}),
    "synthetic-m2": Variant("synthetic", "plmr", {"dim_reduction_blocks": 2, "predictor_start": "late"}),
    "beer-late": Variant("beer", "plmr", {"predictor_start": "late"}),
    "beer-m2": Variant("beer", "plmr", {"dim_reduction_blocks": 2, "predictor_start": "late"}),
    "beer-slow": Variant("beer", "rnp", training={"predictor_learning_rate_scale": 0.2}),
    "beer-no-start": Variant("beer", "plmr", {"sparsity_delay": 0.0, "sparsity_annealing": 0.0}),
    "beer-no-full-text": Variant("beer", "plmr", {"full_text_path": "none"}),
    "beer-subword": Variant("beer", "plmr", {"unit": "subword"}),
}
SUITES = ["synthetic", "beer", *VARIANTS, "correlated", "movies"]
ONE_SEED = ("correlated", "movies")
"""Where one seed is enough: these show how far a recipe carries that was found elsewhere."""
BEER = ("beer", "correlated")
"""What stands on beer reviews."""


@dataclass(frozen=True)
class Run:
    """One training: which data, which method, which seed."""

    suite: str
    aspect: str
    method: str
    seed: int

    @property
    def name(self) -> str:
        return f"{self.suite}-{self.aspect}-{self.method}-{self.seed}"


def recipe(name: str) -> dict[str, Any]:
    """Training options of a suite, alike for its methods."""
    epochs = SYNTHETIC_EPOCHS if base_of(name) == "synthetic" else EPOCHS
    options = {"epochs": epochs, "learning_rate": 2e-4, "head_learning_rate": 1e-3}
    return options | (VARIANTS[name].training if name in VARIANTS else {})


def base_of(name: str) -> str:
    """The suite whose data and training a suite has."""
    return VARIANTS[name].base if name in VARIANTS else name


def seeds_of(name: str) -> int:
    """How many seeds a suite has when it is complete."""
    return 1 if base_of(name) in ONE_SEED else 3


def model_settings(name: str) -> dict[str, Any]:
    """Settings of the model in which a suite differs from the preset `default`."""
    return VARIANTS[name].model if name in VARIANTS else {}


def suite(name: str, seeds: int) -> list[Run]:
    """The runs of a suite, seeds outermost: a table with few seeds comes before a full one."""
    of_one = {"synthetic": ["aroma"], "correlated": ["aroma"], "movies": ["all"]}
    aspects = of_one.get(base_of(name), list(BEER_SPARSITY))
    methods = [VARIANTS[name].method] if name in VARIANTS else ["plmr", "rnp"]
    return [Run(name, aspect, method, seed) for seed, aspect, method in product(range(seeds), aspects, methods)]
