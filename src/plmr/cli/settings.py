"""What a training run is asked for, said in three places: a configuration file, options and `--set`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import NoneType
from typing import Any

from plmr.errors import PlmrError, nearest
from plmr.kinds import fits
from plmr.settings import (
    check_settings,
    method_option_kinds,
    model_kinds,
    parse_value,
    read_yaml,
    section,
    training_kinds,
)

_MODEL_OPTIONS = ("encoder", "method", "preset", "sparsity")
_TRAINING_OPTIONS = ("epochs", "batch_size", "learning_rate", "seed")
_SECTIONS = ("model", "training", "data_options")
_FLAGS = ("resume",)


@dataclass(frozen=True)
class Settings:
    """The settings of a training run.

    Attributes:
        options: Values of the other options of `plmr train`, only those given.
        model: Settings of `RationaleConfig`; what is said of the method's options is under `method_options`.
        training: Arguments of `RationaleClassifier.fit`.
        data_options: Arguments of a data set's loader.
    """

    options: Mapping[str, Any]
    model: Mapping[str, Any]
    training: Mapping[str, Any]
    data_options: Mapping[str, Any]


def resolve(
    given: Mapping[str, Any],
    config: Path | None = None,
    overrides: Sequence[str] = (),
    data_options: Sequence[str] = (),
) -> Settings:
    """Merge what a user said: the file first, over it the options, over them the overrides.

    Args:
        given: Every option of the command line by name; None = not given.
        config: A YAML file with the same names as keys, underscores for dashes, and the sections `model`,
            `training` and `data_options`.
        overrides: `key=value` for any setting of the model or the training, and any option of the method.
        data_options: `key=value` for an argument of the data set's loader.

    Raises:
        PlmrError: The file is no such YAML, a name is unknown or a value of the wrong kind.
    """
    of_model, of_training = model_kinds(), training_kinds()
    written = read_yaml(config, [*given, *_SECTIONS]) if config else {}
    sections = {name: section(written.pop(name, None), name, config) for name in _SECTIONS}
    for name, kinds in (("model", of_model), ("training", of_training)):
        check_settings(sections[name], kinds, f"{config}, {name}")
    option_kinds = {name: bool if name in _FLAGS else str for name in given}
    for names, kinds in ((_MODEL_OPTIONS, of_model), (_TRAINING_OPTIONS, of_training)):
        option_kinds |= {name: kinds[name] for name in names}
    check_settings(written, option_kinds, str(config))

    said = {name: value for name, value in given.items() if value is not None}
    model = _pick(written, _MODEL_OPTIONS) | sections["model"] | _pick(said, _MODEL_OPTIONS)
    method = dict(_split(overrides, "--set")).get("method") or model.get("method") or _default_method()
    set_model, set_training, set_options = _overrides(overrides, of_model, of_training, method_option_kinds(method))
    model |= set_model
    if options := _method_options(method, model.get("method_options"), set_options):
        model["method_options"] = options
    return Settings(
        options={
            name: value for name, value in {**written, **said}.items() if name not in _MODEL_OPTIONS + _TRAINING_OPTIONS
        },
        model=model,
        training=_pick(written, _TRAINING_OPTIONS)
        | sections["training"]
        | _pick(said, _TRAINING_OPTIONS)
        | set_training,
        data_options=sections["data_options"] | pairs(data_options, "--data-option"),
    )


def pairs(texts: Iterable[str], option: str) -> dict[str, Any]:
    """`key=value` texts as a mapping, values read as YAML.

    Raises:
        PlmrError: A text has no `=`.
    """
    return {key: parse_value(text) for key, text in _split(texts, option)}


def _split(texts: Iterable[str], option: str) -> Iterable[tuple[str, str]]:
    for text in texts:
        key, equals, value = text.partition("=")
        if not equals or not key.strip():
            raise PlmrError(f"{option} {text!r} is not of the form key=value.")
        yield key.strip().replace("-", "_"), value.strip()


def _default_method() -> str:
    from plmr.config import RationaleConfig

    return RationaleConfig().method


def _method_options(method: str, written: Any, said: Mapping[str, Any]) -> dict[str, Any]:
    """The method's options from the file and, over it, from the command line; refused before any data is read."""
    from plmr.methods import find_method
    from plmr.methods.options import read_options

    if not isinstance(written, (dict, NoneType)):
        raise PlmrError(f"method_options should hold lines `key: value`, not {written!r}.")
    options = {**(written or {}), **said}
    read_options(method, find_method(method).options_class, options)
    return options


def _overrides(texts: Sequence[str], *places: Mapping[str, Any]) -> tuple[dict[str, Any], ...]:
    """What `--set` says, by the place that knows the name."""
    chosen: tuple[dict[str, Any], ...] = tuple({} for _ in places)
    for key, text in _split(texts, "--set"):
        place, kinds = next(((c, kinds) for c, kinds in zip(chosen, places, strict=True) if key in kinds), (None, {}))
        if place is None:
            known = [name for kinds in places for name in kinds]
            hint = _elsewhere(key) or nearest(key, known) or " `plmr train --help` says where all are listed."
            raise PlmrError(f"--set: there is no setting {key!r} of the model or the training.{hint}")
        value = parse_value(text)
        if not fits(value, kinds[key]) and fits(text, kinds[key]):
            value = text
        check_settings({key: value}, kinds, "--set")
        place[key] = value
    return chosen


def _elsewhere(option: str) -> str:
    from plmr.methods import METHODS

    owners = [method for method in METHODS if option in method_option_kinds(method)]
    return f" It is an option of the method {' and '.join(owners)}; add --method {owners[0]}." if owners else ""


def _pick(settings: Mapping[str, Any], names: Sequence[str]) -> dict[str, Any]:
    return {name: settings[name] for name in names if name in settings}
