"""The settings there are, the kind of each, and YAML files in which people write them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Literal, get_type_hints

import yaml

from plmr.errors import PlmrError, io_error, nearest
from plmr.kinds import fits, phrase, plain_kinds

_SET_BY_OPTIONS = ("output_dir", "resume_from_checkpoint")


class _Loader(yaml.SafeLoader):
    """YAML 1.1 takes 5e-6 for a text; here it is the number its writer meant."""


_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float", re.compile(r"[-+]?\d+(\.\d*)?[eE][-+]?\d+$"), list("-+0123456789")
)


def parse_value(text: str) -> Any:
    """What a text means as YAML; the text itself where it means nothing."""
    try:
        return yaml.load(text, _Loader)
    except (yaml.YAMLError, ValueError):  # the latter for a date that is none, such as 2024-99-01
        return text


def in_one_line(value: Any) -> str:
    """A value as YAML to paste, in one line; `parse_value` reads it back."""
    return yaml.safe_dump(
        value, default_flow_style=True, sort_keys=False, allow_unicode=True, width=float("inf")
    ).strip()


def read_yaml(path: Path, known: Iterable[str]) -> dict[str, Any]:
    """The keys and values of a YAML file.

    Args:
        path: The file.
        known: The keys it may have.

    Raises:
        PlmrError: It cannot be read, is not YAML or has another key.
    """
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
    except ValueError as error:  # for a date that is none; YAML keeps its line to itself
        raise PlmrError(f"{path}: a date in it is none ({error}); put texts that look like dates in quotes.") from error
    content = section(content, "the file", path)
    check_keys(content, known, str(path))
    return content


def section(content: Any, name: str, path: Path | None) -> dict[str, Any]:
    """A part of a file that holds keys and values; nothing where it is empty.

    Raises:
        PlmrError: It holds something else.
    """
    if content is None:
        return {}
    if not isinstance(content, dict):
        raise PlmrError(f"{path}: {name} should hold lines `key: value`, not {content!r}.")
    return content


def check_keys(content: Iterable[Any], known: Iterable[str], place: str) -> None:
    """Raises PlmrError when there is a key that is not known; it names the nearest that is."""
    known = list(known)
    for key in content:
        if key not in known:
            hint = nearest(str(key), known) or f" Known are {', '.join(known)}."
            raise PlmrError(f"{place}: there is no key {key!r}.{hint}")


def check_settings(settings: Mapping[str, Any], kinds: Mapping[str, Any], place: str) -> None:
    """Raises PlmrError when a setting is not among those of `kinds`, or its value of another kind."""
    for name, value in settings.items():
        if name not in kinds:
            raise PlmrError(f"{place}: there is no setting {name!r}.{nearest(str(name), kinds)}")
        if not fits(value, kinds[name]):
            quotes = "; put it in quotes" if str in (plain_kinds(kinds[name]) or ()) else ""
            raise PlmrError(f"{place}: {name} should be {phrase(kinds[name])}, not {value!r}{quotes}.")


def model_kinds() -> dict[str, Any]:
    """The type hint of every setting of the model, by name."""
    from plmr.config import RationaleConfig

    return RationaleConfig.kinds()


def check_model_settings(names: Iterable[str]) -> None:
    """Raises PlmrError when there is a name that is no setting of the model; it says whose it is, or the nearest."""
    known = model_kinds()
    for name in names:
        if name in known and name != "encoder":
            continue
        hint = " It is the first argument." if name == "encoder" else nearest(name, known)
        if name in training_kinds():
            hint = " It is an option of the training: give it to fit."
        elif name in ("id2label", "label2id", "num_labels"):
            hint = " Give the names of the classes as labels=[…]."
        raise PlmrError(f"There is no setting {name!r} of a classifier.{hint}")


def training_kinds() -> dict[str, Any]:
    """The type hint of every training option, in short and full names."""
    from plmr.training import RationaleTrainingArguments
    from plmr.training.fitting import SHORT_NAMES

    kinds = get_type_hints(RationaleTrainingArguments)
    kinds["bf16"] |= Literal["auto"]  # settled before transformers sees it
    kinds |= {short: kinds[full] for short, full in SHORT_NAMES.items()}
    return {name: kind for name, kind in kinds.items() if name not in _SET_BY_OPTIONS}


def method_option_kinds(method: str) -> dict[str, Any]:
    """The type hint of every option that a method alone has.

    Raises:
        PlmrError: There is no such method.
    """
    from plmr.methods import find_method
    from plmr.methods.options import option_kinds

    return option_kinds(find_method(method).options_class)
