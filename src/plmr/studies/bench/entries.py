"""The parts of a suite file, each checked where it stands: methods, encoders, datasets, numbers, texts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from plmr.data.registry import DATASETS, dataset_option_kinds, required_options
from plmr.errors import PlmrError, nearest
from plmr.kinds import fits, phrase
from plmr.settings import (
    check_keys,
    check_settings,
    method_option_kinds,
    model_kinds,
    section,
    training_kinds,
)

SHARED_TEXTS = ("remove", "error", "allow")
PARTS = ("train", "validation", "test")
_COLUMNS = ("text_column", "tokens_column", "label_column", "rationale_column", "environment_column")
_FILE_KEYS = ("data", "validation", "test", *(f"{part}_split" for part in PARTS), *_COLUMNS)
_AXES_OF_MODEL = ("encoder", "method", "sparsity", "method_options")
_SET_BY_BENCH = ("seed", "data_seed", "use_cpu")


@dataclass(frozen=True)
class Entry:
    """A method or an encoder, or what is set for all of them.

    Attributes:
        label: What the suite calls it.
        name: What the library calls it.
        model, training, options: What is set for it alone, by the place that knows it.
        note: What the suite says of it.
    """

    label: str = ""
    name: str = ""
    model: dict[str, Any] = field(default_factory=dict)
    training: dict[str, Any] = field(default_factory=dict)
    options: dict[str, Any] = field(default_factory=dict)
    note: str | None = None


def read_common(written: Mapping[str, Any], path: Path) -> Entry:
    """What is set for all runs."""
    model, training = (section(written.get(name), name, path) for name in ("model", "training"))
    check_settings(model, _model_settings(), f"{path}, model")
    check_settings(training, _training_settings(), f"{path}, training")
    return Entry(model=model, training=_full_names(training))


def read_methods(content: Any, path: Path) -> list[Entry]:
    """The methods, each with settings of model and training and options of its own."""
    entries = []
    for label, settings in _labelled(content, "methods", path):
        try:
            of_method = method_option_kinds(str(settings.get("method", label)))
        except PlmrError as error:
            raise PlmrError(f"{path}, methods: {error}") from error
        entries.append(_entry(label, settings, "method", f"{path}, methods", of_method))
    return entries


def read_encoders(content: Any, path: Path) -> list[Entry]:
    """The encoders, each with settings of model and training; those that cannot be loaded are refused."""
    from plmr.encoders import gru_layers
    from plmr.explain.vocabulary import load_tokenizer

    entries = [
        _entry(label, settings, "encoder", f"{path}, encoders", {})
        for label, settings in _labelled(content, "encoders", path)
    ]
    for name in dict.fromkeys(entry.name for entry in entries):
        try:
            if gru_layers(name) is None:
                load_tokenizer(name)
        except PlmrError as error:
            hint = nearest(name, ("gru", "gru-2", "gru-3", "minilm"))
            raise PlmrError(f"{path}, encoders: {error}{hint}") from error
    return entries


def read_datasets(
    content: Any, path: Path, usual: Sequence[float], data_dir: str | Path | None
) -> list[tuple[str, dict[str, Any], Sequence[float]]]:
    """Of each dataset: its label, what to load, and the sparsities to ask for."""
    return [
        _dataset(label, settings, f"{path}, datasets, {label}", usual, data_dir)
        for label, settings in _labelled(content, "datasets", path)
    ]


def read_texts(written: Mapping[str, Any], path: Path) -> dict[str, Any]:
    """What concerns the texts of every dataset alike."""
    limit = section(written.get("limit"), "limit", path)
    check_keys(limit, PARTS, f"{path}, limit")
    check_settings(limit, dict.fromkeys(PARTS, int), f"{path}, limit")
    for part, most in limit.items():
        if most < 1:
            raise PlmrError(f"{path}, limit: {part} should be 1 or more texts, not {most}.")
    policy = written.get("shared_texts", SHARED_TEXTS[0])
    if policy not in SHARED_TEXTS:
        hint = nearest(str(policy), SHARED_TEXTS)
        raise PlmrError(f"{path}: shared_texts={policy!r} is not one of {', '.join(SHARED_TEXTS)}.{hint}")
    return {"limit": limit, "data_seed": written.get("data_seed", 0), "shared_texts": policy}


def read_numbers(content: Any, name: str, kind: type, place: object) -> list[Any]:
    """One number or a list of them, each once."""
    numbers = content if isinstance(content, list) else [content]
    if not numbers:
        raise PlmrError(f"{place}: {name} is empty; give at least one.")
    for number in numbers:
        if not fits(number, kind):
            raise PlmrError(f"{place}: {name} should be {phrase(kind)} each, not {number!r}.")
    return list(dict.fromkeys(numbers))


def _labelled(content: Any, name: str, path: Path) -> list[tuple[str, dict[str, Any]]]:
    """Labels with settings, from one label, a list of them, or lines `label: {setting: value}`."""
    if isinstance(content, dict):
        return [(str(label), section(each, f"{name}, {label}", path)) for label, each in content.items()]
    labels = content if isinstance(content, list) else [content]
    for label in labels:
        if not isinstance(label, str):
            raise PlmrError(f"{path}: {name} should be names, or lines `name: {{setting: value}}`, not {label!r}.")
    return [(label, {}) for label in dict.fromkeys(labels)]


def _entry(label: str, content: Mapping[str, Any], axis: str, place: str, of_method: Mapping[str, Any]) -> Entry:
    of_model, of_training = _model_settings(), _training_settings()
    check_settings(content, {axis: str, "note": str, **of_method, **of_training, **of_model}, f"{place}, {label}")
    return Entry(
        label,
        content.get(axis, label),
        {key: value for key, value in content.items() if key in of_model},
        _full_names({key: value for key, value in content.items() if key in of_training}),
        {key: value for key, value in content.items() if key in of_method},
        content.get("note"),
    )


def _dataset(
    label: str, content: Mapping[str, Any], place: str, usual: Sequence[float], data_dir: str | Path | None
) -> tuple[str, dict[str, Any], Sequence[float]]:
    settings = dict(content)
    own = settings.pop("sparsities", None)
    sparsities = usual if own is None else read_numbers(own, "sparsities", float, place)
    if "data" in settings:
        _check_rated(settings, ("environment_column",), place)
        check_keys(settings, (*_FILE_KEYS, "sparsities"), place)
        check_settings(settings, dict.fromkeys(_FILE_KEYS, str), place)
        return label, settings, sparsities
    name = settings.setdefault("dataset", label)
    if name not in DATASETS:
        hint = nearest(str(name), DATASETS) or " For files of your own, add data: FILE."
        raise PlmrError(f"{place}: there is no dataset {name!r}; known are {', '.join(DATASETS)}.{hint}")
    options = dataset_option_kinds(name)
    _check_rated(settings, options, place)
    check_keys(settings, ("dataset", *options, "data", "sparsities"), place)
    check_settings({key: value for key, value in settings.items() if key in options}, options, place)
    if "data_dir" in options and data_dir is not None:
        settings.setdefault("data_dir", str(data_dir))
    for key in required_options(name):
        if key not in settings:
            other = ", or give --data-dir" if key == "data_dir" else ""
            raise PlmrError(f"{place}: the dataset {name!r} needs {key}; add `{key}: …`{other}.")
    return label, settings, sparsities


def _check_rated(settings: Mapping[str, Any], known: Iterable[str], place: str) -> None:
    """Refuse environments where they cannot be made; saying only that there is no such key would not tell why."""
    if "environments" in settings and "environments" not in known:
        column = "name a column of them by environment_column" if "environment_column" in known else "leave it out"
        raise PlmrError(
            f"{place}: environments are made from ratings of several aspects, which beer alone has; {column}."
        )


def _model_settings() -> dict[str, Any]:
    return {name: kind for name, kind in model_kinds().items() if name not in _AXES_OF_MODEL}


def _training_settings() -> dict[str, Any]:
    return {name: kind for name, kind in training_kinds().items() if name not in _SET_BY_BENCH}


def _full_names(training: Mapping[str, Any]) -> dict[str, Any]:
    """Training options in their full names, so that what is set for a method replaces what is set for all."""
    from plmr.training.fitting import SHORT_NAMES

    return {SHORT_NAMES.get(name, name): value for name, value in training.items()}
