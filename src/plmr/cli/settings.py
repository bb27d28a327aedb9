"""What a training run is asked for, said in three places: a configuration file, options and `--set`."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

import yaml

from plmr.errors import PlmrError, io_error, nearest

_MODEL_OPTIONS = ("encoder", "method", "preset", "sparsity")
_TRAINING_OPTIONS = ("epochs", "batch_size", "learning_rate", "seed")
_SECTIONS = ("model", "training", "data_options")
_FLAGS = ("resume",)
_SET_BY_OPTIONS = ("output_dir", "resume_from_checkpoint")
_KINDS: dict[Any, str] = {
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    str: "a text",
    NoneType: "null",
}


@dataclass(frozen=True)
class Settings:
    """The settings of a training run.

    Attributes:
        options: Values of the other options of `plmr train`, only those given.
        model: Settings of `RationaleConfig`.
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
        overrides: `key=value` for any setting of the model or the training.
        data_options: `key=value` for an argument of the data set's loader.

    Raises:
        PlmrError: The file is no such YAML, a name is unknown or a value of the wrong kind.
    """
    model_kinds, training_kinds = _model_kinds(), _training_kinds()
    written = _read(config, [*given, *_SECTIONS]) if config else {}
    sections = {name: _section(written.pop(name, None), name, config) for name in _SECTIONS}
    for name, kinds in (("model", model_kinds), ("training", training_kinds)):
        _check(sections[name], kinds, f"{config}, {name}")
    option_kinds = {name: bool if name in _FLAGS else str for name in given}
    for names, kinds in ((_MODEL_OPTIONS, model_kinds), (_TRAINING_OPTIONS, training_kinds)):
        option_kinds |= {name: kinds[name] for name in names}
    _check(written, option_kinds, str(config))

    said = {name: value for name, value in given.items() if value is not None}
    set_model, set_training = _overrides(overrides, model_kinds, training_kinds)
    return Settings(
        options={
            name: value for name, value in {**written, **said}.items() if name not in _MODEL_OPTIONS + _TRAINING_OPTIONS
        },
        model=_pick(written, _MODEL_OPTIONS) | sections["model"] | _pick(said, _MODEL_OPTIONS) | set_model,
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
    return {key: _value(text) for key, text in _split(texts, option)}


def _split(texts: Iterable[str], option: str) -> Iterable[tuple[str, str]]:
    for text in texts:
        key, equals, value = text.partition("=")
        if not equals or not key.strip():
            raise PlmrError(f"{option} {text!r} is not of the form key=value.")
        yield key.strip().replace("-", "_"), value.strip()


class _Loader(yaml.SafeLoader):
    """YAML 1.1 takes 5e-6 for a text; here it is the number its writer meant."""


_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float", re.compile(r"[-+]?\d+(\.\d*)?[eE][-+]?\d+$"), list("-+0123456789")
)


def _value(text: str) -> Any:
    try:
        return yaml.load(text, _Loader)
    except yaml.YAMLError:
        return text


def _read(path: Path, known: Sequence[str]) -> dict[str, Any]:
    try:
        content = yaml.load(path.read_text(encoding="utf-8"), _Loader)
    except OSError as error:
        raise io_error(path, error) from error
    except UnicodeDecodeError as error:
        raise PlmrError(f"{path}: not UTF-8; save the file again with encoding UTF-8.") from error
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f":{mark.line + 1}" if mark else ""
        reason = getattr(error, "problem", None) or error
        raise PlmrError(f"{path}{line}: not YAML ({reason}); write `key: value`, one a line.") from error
    content = _section(content, "the file", path)
    for key in content:
        if key not in known:
            hint = nearest(str(key), known) or f" Known are {', '.join(known)}."
            raise PlmrError(f"{path}: there is no key {key!r}.{hint}")
    return content


def _section(content: Any, name: str, path: Path | None) -> dict[str, Any]:
    if content is None:
        return {}
    if not isinstance(content, dict):
        raise PlmrError(f"{path}: {name} should hold lines `key: value`, not {content!r}.")
    return content


def _model_kinds() -> dict[str, Any]:
    from plmr.config import RationaleConfig

    kinds = get_type_hints(RationaleConfig.__init__)
    return {name: kind for name, kind in kinds.items() if name not in ("kwargs", "return")}


def _training_kinds() -> dict[str, Any]:
    from plmr.training import RationaleTrainingArguments
    from plmr.training.fitting import SHORT_NAMES

    kinds = get_type_hints(RationaleTrainingArguments)
    kinds |= {short: kinds[full] for short, full in SHORT_NAMES.items()}
    return {name: kind for name, kind in kinds.items() if name not in _SET_BY_OPTIONS}


def _overrides(
    texts: Sequence[str], model: Mapping[str, Any], training: Mapping[str, Any]
) -> tuple[dict[str, Any], dict[str, Any]]:
    chosen: tuple[dict[str, Any], dict[str, Any]] = {}, {}
    for key, text in _split(texts, "--set"):
        if key not in model and key not in training:
            known = [*model, *training]
            hint = nearest(key, known) or " `plmr train --help` says where all are listed."
            raise PlmrError(f"--set: there is no setting {key!r} of the model or the training.{hint}")
        place, kinds = (chosen[0], model) if key in model else (chosen[1], training)
        value = _value(text)
        if not _fits(value, kinds[key]) and _fits(text, kinds[key]):
            value = text
        _check({key: value}, kinds, "--set")
        place[key] = value
    return chosen


def _pick(settings: Mapping[str, Any], names: Sequence[str]) -> dict[str, Any]:
    return {name: settings[name] for name in names if name in settings}


def _check(settings: Mapping[str, Any], kinds: Mapping[str, Any], place: str) -> None:
    for name, value in settings.items():
        if name not in kinds:
            raise PlmrError(f"{place}: there is no setting {name!r}.{nearest(str(name), kinds)}")
        if not _fits(value, kinds[name]):
            plain = _plain_kinds(kinds[name]) or set()
            wanted = " or ".join(phrase for kind, phrase in _KINDS.items() if kind in plain)
            quotes = "; put it in quotes" if str in plain else ""
            raise PlmrError(f"{place}: {name} should be {wanted}, not {value!r}{quotes}.")


def _fits(value: Any, kind: Any) -> bool:
    plain = _plain_kinds(kind)
    return plain is None or type(value) in plain or (type(value) is int and float in plain)


def _plain_kinds(kind: Any) -> set[Any] | None:
    """The plain types a type hint allows; None where it allows anything else, which is not checked here."""
    if get_origin(kind) in (Union, UnionType):
        members = [_plain_kinds(member) for member in get_args(kind)]
        known = [member for member in members if member is not None]
        return set().union(*known) if len(known) == len(members) else None
    return {kind} if kind in _KINDS else None
