"""The frameworks, one file each, by name."""

from __future__ import annotations

from collections.abc import Callable

from plmr.config import RationaleConfig
from plmr.encoders import SplitEncoder
from plmr.errors import PlmrError, nearest
from plmr.methods.base import Batch, Losses, Method, Play, Selection
from plmr.methods.plmr import PLMR
from plmr.methods.rnp import RNP
from plmr.presets import PRESETS

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


def idle_settings(config: RationaleConfig) -> list[str]:
    """Settings that somebody has changed and that change nothing, in a sentence for each reason.

    Args:
        config: Of a method there is.
    """
    usual = RationaleConfig(**PRESETS.get(config.preset, {}))

    def changed(names: frozenset[str]) -> str:
        differing = (name for name in sorted(names) if getattr(config, name) != getattr(usual, name))
        return ", ".join(f"{name}={getattr(config, name)!r}" for name in differing)

    unread = frozenset().union(*(method.reads for method in METHODS.values())) - METHODS[config.method].reads
    found = []
    if names := changed(unread):
        found.append(f"The method {config.method!r} does not read {names}; leave that out, it changes nothing.")
    if config.sampler == "budget" and (names := changed(frozenset({"sparsity_weight"}))):
        found.append(
            f"{names} changes nothing: sampler='budget' keeps exactly the share asked for, without a penalty; set "
            "sparsity for another share, or sampler='gumbel'."
        )
    return found


__all__ = ["METHODS", "PLMR", "RNP", "Batch", "Losses", "Method", "Play", "Selection", "build_method", "idle_settings"]
