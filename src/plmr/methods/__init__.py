"""The frameworks, one file each, by name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict

from plmr.config import RationaleConfig
from plmr.encoders import SplitEncoder
from plmr.errors import PlmrError, nearest
from plmr.methods.a2i import A2I
from plmr.methods.a2r import A2R
from plmr.methods.base import Method
from plmr.methods.cr import CR
from plmr.methods.dar import DAR
from plmr.methods.dare import DARE
from plmr.methods.dmr import DMR
from plmr.methods.dr import DR
from plmr.methods.fr import FR
from plmr.methods.g_rat import GRAT
from plmr.methods.game import Batch, Losses, Play, Selection
from plmr.methods.hardkuma import HardKuma
from plmr.methods.inter_rat import InterRAT
from plmr.methods.invrat import InvRat
from plmr.methods.mare import MARE
from plmr.methods.mcd import MCD
from plmr.methods.mgr import MGR
from plmr.methods.mrd import MRD
from plmr.methods.n2r import N2R
from plmr.methods.options import Options, option, read_options
from plmr.methods.plmr import PLMR
from plmr.methods.rnp import RNP
from plmr.methods.rnp_reinforce import RNPReinforce
from plmr.methods.select_predict import SelectThenPredict
from plmr.methods.three_player import ThreePlayer
from plmr.presets import PRESETS, VARIANTS

METHODS: dict[str, type[Method]] = {
    "plmr": PLMR,
    "rnp": RNP,
    "rnp-reinforce": RNPReinforce,
    "fr": FR,
    "mcd": MCD,
    "dar": DAR,
    "mrd": MRD,
    "3player": ThreePlayer,
    "invrat": InvRat,
    "dmr": DMR,
    "a2r": A2R,
    "inter-rat": InterRAT,
    "g-rat": GRAT,
    "hardkuma": HardKuma,
    "dare": DARE,
    "cr": CR,
    "mgr": MGR,
    "dr": DR,
    "n2r": N2R,
    "a2i": A2I,
    "mare": MARE,
}


def build_method(config: RationaleConfig, encoder: Callable[[], SplitEncoder]) -> Method:
    """Build the framework that a configuration names.

    Args:
        config: Its `method` is looked up; `method_options` are completed, so that a saved model keeps its own when
            defaults change, and `masking` becomes `zero` for an encoder that tokens cannot leave.
        encoder: Makes a fresh encoder; called once for each that the framework needs.

    Raises:
        PlmrError: There is no such framework, or its options or the encoder do not fit it.
    """
    kind = find_method(config.method)
    encoders = [encoder() for _ in range(kind.n_encoders)]
    if not all(each.can_drop for each in encoders):
        config.masking = "zero"
    method = kind(config, *encoders)
    config.method_options = asdict(method.options) or None
    if config.freeze_embeddings:
        for copy in method.encoders():
            for module in copy.embedding_modules:
                module.requires_grad_(False)
    return method


def find_method(name: str) -> type[Method]:
    """The framework of a name, which may be a variant's.

    Raises:
        PlmrError: There is none.
    """
    known = [*METHODS, *VARIANTS]
    if name not in known:
        raise PlmrError(f"There is no method {name!r}; choose one of {', '.join(known)}.{nearest(name, known)}")
    return METHODS[VARIANTS[name].method if name in VARIANTS else name]


def summaries() -> dict[str, str]:
    """A line for each method and each variant, by name."""
    methods = {name: method.summary for name, method in METHODS.items()}
    return methods | {name: variant.summary for name, variant in VARIANTS.items()}


def unread_settings(config: RationaleConfig) -> frozenset[str]:
    """Settings that other methods read and that of a configuration does not.

    Args:
        config: Of a method there is.
    """
    return frozenset().union(*(each.reads for each in METHODS.values())) - find_method(config.method).reads


def idle_settings(config: RationaleConfig) -> list[str]:
    """Settings that somebody has changed and that change nothing, in a sentence for each reason.

    Args:
        config: Of a method there is.
    """
    method, options = method_of(config)
    idle = method.idle_with(options)
    usual = {**vars(RationaleConfig(**PRESETS.get(config.preset, {}))), **asdict(method.options_class())}
    said = {**vars(config), **asdict(options)}

    def changed(names: frozenset[str]) -> str:
        return ", ".join(f"{name}={said[name]!r}" for name in sorted(names) if said[name] != usual[name])

    found = []
    if names := changed(unread_settings(config) | idle):
        form = changed(frozenset(asdict(options)) - idle) if idle != method.ignores else ""
        which = f"{config.method!r} with {form}" if form else repr(config.method)
        found.append(f"The method {which} does not read {names}; leave that out, it changes nothing.")
    if config.sampler == "budget" and (names := changed(frozenset({"sparsity_weight"}) - idle)):
        found.append(
            f"{names} changes nothing: sampler='budget' keeps exactly the share asked for, without a penalty; set "
            "sparsity for another share, or sampler='gumbel'."
        )
    # Soft gates have shares of their own, whatever the sampler.
    budgeted = config.sampler == "budget" and "sampler" not in method.ignores
    if budgeted and (names := changed(frozenset({"keep_bias"}) - idle)):
        found.append(
            f"{names} changes nothing: sampler='budget' takes the words of the highest odds, by whatever all are "
            "lifted; leave that out, or set sampler='gumbel'."
        )
    return found


def caveats(config: RationaleConfig) -> list[str]:
    """Why figures of a configuration are no results, in a sentence for each reason; mostly there is none.

    Args:
        config: Of a method there is.
    """
    method, options = method_of(config)
    return method.caveats_with(options)


def method_of(config: RationaleConfig) -> tuple[type[Method], Options]:
    """The framework of a configuration and its options, with what somebody has set.

    Raises:
        PlmrError: There is no such framework, or an option does not fit it.
    """
    method = find_method(config.method)
    return method, read_options(config.method, method.options_class, config.method_options)


__all__ = [
    "A2I",
    "A2R",
    "CR",
    "DAR",
    "DARE",
    "DMR",
    "DR",
    "FR",
    "GRAT",
    "MARE",
    "MCD",
    "METHODS",
    "MGR",
    "MRD",
    "N2R",
    "PLMR",
    "RNP",
    "Batch",
    "HardKuma",
    "InterRAT",
    "InvRat",
    "Losses",
    "Method",
    "Options",
    "Play",
    "RNPReinforce",
    "SelectThenPredict",
    "Selection",
    "ThreePlayer",
    "build_method",
    "caveats",
    "find_method",
    "idle_settings",
    "method_of",
    "option",
    "summaries",
    "unread_settings",
]
