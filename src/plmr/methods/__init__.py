"""The frameworks, one file each, by name."""

from __future__ import annotations

from collections.abc import Callable

from plmr.config import RationaleConfig
from plmr.encoders import SplitEncoder
from plmr.errors import PlmrError, nearest
from plmr.methods.base import Batch, Losses, Method, Play, Selection
from plmr.methods.plmr import PLMR
from plmr.methods.rnp import RNP

METHODS: dict[str, type[Method]] = {"plmr": PLMR, "rnp": RNP}


def build_method(config: RationaleConfig, encoder: Callable[[], SplitEncoder]) -> Method:
    """Build the framework that a configuration names.

    Args:
        config: Its `method` is looked up.
        encoder: Makes a fresh encoder; called once for each that the framework needs.

    Raises:
        PlmrError: There is no such framework, or the encoder does not fit it.
    """
    if config.method not in METHODS:
        raise PlmrError(
            f"There is no method {config.method!r}; choose one of {', '.join(METHODS)}."
            f"{nearest(config.method, METHODS)}"
        )
    method = METHODS[config.method]
    return method(config, *(encoder() for _ in range(method.n_encoders)))


__all__ = ["METHODS", "PLMR", "RNP", "Batch", "Losses", "Method", "Play", "Selection", "build_method"]
