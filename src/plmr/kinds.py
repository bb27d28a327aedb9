"""Whether a value is of the kind that a type hint names, and the words that say so."""

from __future__ import annotations

from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin

_PHRASES: dict[Any, str] = {
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    str: "a text",
    NoneType: "null",
}


def fits(value: Any, kind: Any) -> bool:
    """Whether a value is of a kind; whole numbers are numbers, truth values are not."""
    if _is_union(kind):
        return any(fits(value, member) for member in get_args(kind))
    if _is_list(kind):
        return isinstance(value, list | tuple) and all(fits(item, get_args(kind)[0]) for item in value)
    if get_origin(kind) is Literal:
        return value in get_args(kind)
    plain = plain_kinds(kind)
    return plain is None or type(value) in plain or (type(value) is int and float in plain)


def as_kind(value: Any, kind: Any) -> Any:
    """The value, a whole number as a float where the kind has floats only: a tensor of it should be one of floats."""
    plain = plain_kinds(kind) or set()
    return float(value) if type(value) is int and float in plain and int not in plain else value


def phrase(kind: Any) -> str:
    """The end of "x should be …", such as "a number or null"."""
    members = get_args(kind) if _is_union(kind) else (kind,)
    lists = [f"a list, each {phrase(get_args(member)[0])}" for member in members if _is_list(member)]
    choices = [_one_of(get_args(member)) for member in members if get_origin(member) is Literal]
    plain: set[Any] = set().union(*(plain_kinds(member) or () for member in members))
    return " or ".join([*lists, *choices, *(words for each, words in _PHRASES.items() if each in plain)])


def _one_of(values: tuple[Any, ...]) -> str:
    return f"one of {', '.join(map(str, values))}" if len(values) > 1 else str(values[0])


def plain_kinds(kind: Any) -> set[Any] | None:
    """The plain types a type hint allows; None where it allows anything else, which is not checked here."""
    if _is_union(kind):
        members = [plain_kinds(member) for member in get_args(kind)]
        known = [member for member in members if member is not None]
        return set().union(*known) if len(known) == len(members) else None
    return {kind} if kind in _PHRASES else None


def _is_union(kind: Any) -> bool:
    return get_origin(kind) in (Union, UnionType)


def _is_list(kind: Any) -> bool:
    """Whether a type hint names tuples of any length with one kind of items; files write them as lists."""
    return get_origin(kind) is tuple and get_args(kind)[1:] == (...,)
