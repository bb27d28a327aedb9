"""From the labels of examples to the classes of a model."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from plmr.data.schema import Example, Label, at, origin, plain_label, shorten
from plmr.errors import PlmrError, nearest


def label_name(label: Label) -> str:
    """The name of a class: 1, 1.0 and "1" are the same one, True is "true"."""
    return str(label).lower() if isinstance(label, bool) else str(label)


def class_of(example: Example) -> str:
    """The name of the class that an example belongs to.

    Raises:
        PlmrError: If it has no label or a fractional one.
    """
    if example.label is None:
        raise PlmrError(f"{at(example.source)}no label; training needs a class for every text")
    if isinstance(example.label, float):
        raise PlmrError(
            f"{at(example.source)}label {example.label} is a fraction, but a label is a class; "
            "turn ratings into classes first, for instance 'negative' and 'positive'"
        )
    return label_name(example.label)


def label_names(examples: Iterable[Example]) -> list[str]:
    """The class names found in labelled examples, the same whatever the order of the examples.

    Args:
        examples: Training examples.

    Returns:
        Names sorted by number where all are whole numbers, else alphabetically.

    Raises:
        PlmrError: If an example has no label or a fractional one, or if fewer than two classes occur.
    """
    examples = list(examples)
    names = {class_of(example) for example in examples}
    if len(names) < 2:
        found = f"only the class {min(names)!r} occurs" if names else "there are no examples"
        raise PlmrError(
            f"{origin(examples)}{found}, but a classifier needs at least two classes; add texts of another class"
        )
    try:
        return sorted(names, key=int)
    except ValueError:
        return sorted(names)


def written_alike(names: Iterable[str]) -> list[list[str]]:
    """Class names that differ only in case or in blanks around them, in groups of two and more."""
    groups: dict[str, list[str]] = {}
    for name in names:
        groups.setdefault(name.strip().casefold(), []).append(name)
    return [group for group in groups.values() if len(group) > 1]


def class_names(labels: Sequence[Label]) -> list[str]:
    """The names of a model's classes, from labels as the rows have them: 0 and "0" are the same one.

    Raises:
        PlmrError: They are one string, too few, not all different, or one is neither a name nor a whole number.
    """
    listed = [] if isinstance(labels, (str, Mapping)) or not isinstance(labels, Iterable) else list(labels)
    plain = [plain_label(label) for label in listed]
    names = [label_name(label) for label in plain if isinstance(label, (str, int))]
    if len(names) != len(plain) or len(names) < 2 or len(set(names)) != len(names):
        raise PlmrError(
            "labels must be at least two different names or whole numbers, such as ['negative', 'positive']; got "
            f"{labels!r}."
        )
    return names


def class_maps(labels: Sequence[Label]) -> dict[str, dict[Any, Any]]:
    """The settings `id2label` and `label2id` of a model with these classes.

    Raises:
        PlmrError: They cannot be the classes of a model.
    """
    names = class_names(labels)
    return {"id2label": dict(enumerate(names)), "label2id": {name: i for i, name in enumerate(names)}}


def class_index(example: Example, names: Sequence[str]) -> int:
    """The position of an example's label among the class names.

    Raises:
        PlmrError: If the example has no label or one that is not among the names.
    """
    known = ", ".join(map(repr, names))
    if example.label is None:
        raise PlmrError(f"{at(example.source)}no label; give one of {known}")
    name = label_name(example.label)
    if name not in names:
        raise PlmrError(
            f"{at(example.source)}label {shorten(name)} is unknown; the model's classes are {known}."
            f"{nearest(name, names)}"
        )
    return names.index(name)
