"""What a method alone knows: its options, each with a default, a range and a line that explains it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, TypeVar, get_type_hints

from plmr.errors import PlmrError, nearest
from plmr.kinds import as_kind, fits, phrase
from plmr.ranges import Range


@dataclass(frozen=True)
class Options:
    """Options of a method; of one that declares none, these."""


Declared = TypeVar("Declared", bound=Options)


def option(default: Any, explanation: str, allowed: Range | None = None) -> Any:
    """A field of a method's options.

    Args:
        default: Its value where nobody says another.
        explanation: One line, as `plmr methods NAME` shows it.
        allowed: The numbers it may hold.
    """
    return field(default=default, metadata={"explanation": explanation, "allowed": allowed})


def option_kinds(declared: type[Options]) -> dict[str, Any]:
    """The type hint of every option, by name."""
    hints = get_type_hints(declared)
    return {each.name: hints[each.name] for each in fields(declared)}


def read_options(method: str, declared: type[Declared], given: Mapping[str, Any] | None) -> Declared:
    """The options of a method with what somebody has set.

    Args:
        method: Its name, for messages.
        declared: Its options.
        given: `method_options` of the configuration.

    Raises:
        PlmrError: The method has no such option, or the value is of another kind or out of range.
    """
    kinds = option_kinds(declared)
    for name in given or {}:
        if name not in kinds:
            known = f"; it has {', '.join(kinds)}." if kinds else ", nor any other; leave it out."
            raise PlmrError(f"The method {method!r} has no option {name!r}{known}{nearest(name, kinds)}")
    for each in fields(declared):
        value, allowed = (given or {}).get(each.name, each.default), each.metadata.get("allowed")
        if allowed:
            allowed.check(each.name, value)
        elif not fits(value, kinds[each.name]):
            raise PlmrError(f"{each.name} should be {phrase(kinds[each.name])}, not {value!r}.")
    return declared(**{name: as_kind(value, kinds[name]) for name, value in (given or {}).items()})
