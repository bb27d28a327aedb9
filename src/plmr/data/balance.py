"""Balancing classes and holding texts out, both seeded and deterministic."""

import random
from collections import defaultdict
from collections.abc import Sequence

from plmr.data.labels import class_of
from plmr.data.schema import Example, at
from plmr.errors import PlmrError


def undersample(examples: Sequence[Example], seed: int = 0) -> list[Example]:
    """Drops random examples of the larger classes until all classes are as small as the smallest.

    Args:
        examples: Labelled examples.
        seed: Decides which are dropped.

    Returns:
        The kept examples in their original order.
    """
    groups = _positions_by_label(examples)
    size = min(map(len, groups.values()), default=0)
    generator = random.Random(seed)
    kept = sorted(position for group in groups.values() for position in generator.sample(group, size))
    return [examples[position] for position in kept]


def hold_out(examples: Sequence[Example], share: float = 0.1, seed: int = 0) -> tuple[list[Example], list[Example]]:
    """Splits off a share of every class, at least one example of each.

    Args:
        examples: Labelled examples.
        share: Share to hold out, between 0 and 1.
        seed: Decides which are held out.

    Returns:
        The remaining examples and the held-out ones, each in their original order.

    Raises:
        PlmrError: If the share is not between 0 and 1, a label is no class, or a class has fewer than two examples.
    """
    if not 0 < share < 1:
        raise PlmrError(f"the share to hold out should lie between 0 and 1, not {share}")
    generator = random.Random(seed)
    held: set[int] = set()
    for label, group in _positions_by_label(examples).items():
        if len(group) < 2:
            raise PlmrError(
                f"{at(examples[group[0]].source)}class {label!r} has a single text, too few to hold some out for "
                "validation; add texts of that class or give a validation set"
            )
        count = min(max(round(share * len(group)), 1), len(group) - 1)
        held.update(generator.sample(group, count))
    rest = [example for position, example in enumerate(examples) if position not in held]
    return rest, [examples[position] for position in sorted(held)]


def _positions_by_label(examples: Sequence[Example]) -> dict[str, list[int]]:
    groups: dict[str, list[int]] = defaultdict(list)
    for position, example in enumerate(examples):
        groups[class_of(example)].append(position)
    return groups
