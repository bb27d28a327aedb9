"""The texts of a run: alike for all methods, and none of them in two parts unless the suite allows it."""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from plmr.data import Columns, Example, hold_out, load_dataset_by_name, load_examples
from plmr.data.schema import ENVIRONMENT
from plmr.errors import PlmrError

_PLACES = ("data_dir", "data", "validation", "test")
_COMMON = ("limit", "data_seed", "shared_texts")


@dataclass(frozen=True)
class Parts:
    """The texts of one dataset.

    Attributes:
        train, validation: What a run learns from, and what it is chosen and scored by.
        test: For the final report; None where there is none.
        shared: `train in test`, … to the number of texts of the first part that the second has too, before any was
            removed.
        notes: What the reader of the figures should know.
    """

    train: list[Example]
    validation: list[Example]
    test: list[Example] | None
    shared: dict[str, int]
    notes: list[str]

    def digests(self) -> dict[str, str]:
        """A digest of each part, as `digest` makes it."""
        return {
            name: digest(part)
            for name, part in (("train", self.train), ("validation", self.validation), ("test", self.test))
            if part is not None
        }


def load_parts(spec: Mapping[str, Any], test: bool) -> Parts:
    """Load the parts of a dataset, settle what they share, and draw as many texts as the suite wants.

    Args:
        spec: `Run.data`.
        test: Whether there must be a test part; where there is one it is loaded anyway, for the check of shared texts.

    Raises:
        PlmrError: A part cannot be loaded, or texts are shared and the suite does not want that.
    """
    notes: list[str] = []
    train = _load(spec, "train")
    if train is None:
        raise PlmrError("there are no training texts")
    validation = _load(spec, "validation")
    if validation is None:
        train, validation = hold_out(train, share=0.1, seed=spec["data_seed"])
        notes.append(f"{len(validation):,} training texts were held out for validation, the same for all methods")
    held = _test(spec, test, notes)
    train, validation, shared = _settle(train, validation, held, spec["shared_texts"], notes)
    return Parts(
        _draw(train, "train", spec),
        _draw(validation, "validation", spec),
        None if held is None else _draw(held, "test", spec),
        shared,
        notes,
    )


def folded(text: str) -> str:
    """The text without what does not make it another: case and white space."""
    return " ".join(text.casefold().split())


def digest(examples: Iterable[Example]) -> str:
    """A digest of texts with their words, labels, rationales and environments, in order."""
    total = sha256()
    for example in examples:
        content = (example.text, example.words, example.label, example.rationale)
        environment = example.extra.get(ENVIRONMENT)
        # Only where there is one: texts without any keep the digests that they had.
        total.update(repr(content if environment is None else (*content, environment)).encode())
    return total.hexdigest()[:16]


def described(spec: Mapping[str, Any]) -> dict[str, Any]:
    """What was loaded, without where it lies on this machine."""
    return {key: Path(value).name if key in _PLACES else value for key, value in spec.items()}


def _load(spec: Mapping[str, Any], part: str) -> list[Example] | None:
    if "data" not in spec:
        options = {key: value for key, value in spec.items() if key not in ("dataset", *_COMMON)}
        return load_dataset_by_name(spec["dataset"], part, seed=spec["data_seed"], **options)  # type: ignore[arg-type]
    split = spec.get(f"{part}_split")
    source = spec["data"] if part == "train" or (split and part not in spec) else spec.get(part)
    if source is None:
        return None
    columns = {key.removesuffix("_column"): value for key, value in spec.items() if key.endswith("_column")}
    return load_examples(source, split=split, columns=Columns(**columns))


def _test(spec: Mapping[str, Any], needed: bool, notes: list[str]) -> list[Example] | None:
    try:
        held = _load(spec, "test")
    except PlmrError as error:
        if needed:
            raise
        notes.append(f"no check for texts shared with the test part, which cannot be loaded: {error}")
        return None
    if held is None and needed:
        raise PlmrError("the suite says `test: true`, and there is no test part; add test: FILE")
    return held


def _settle(
    train: list[Example], validation: list[Example], held: list[Example] | None, policy: str, notes: list[str]
) -> tuple[list[Example], list[Example], dict[str, int]]:
    """Count the texts that two parts have in common and, as the policy says, remove them from the earlier part."""
    of_test = {folded(example.text) for example in held or ()}
    of_validation = {folded(example.text) for example in validation}
    shared = {
        "train in validation": _count(train, of_validation),
        "train in test": _count(train, of_test),
        "validation in test": _count(validation, of_test),
    }
    if any(shared.values()):
        told = ", ".join(f"{n:,} of {pair}" for pair, n in shared.items() if n)
        told = f"shared texts, case and white space aside: {told}"
        if policy == "error":
            raise PlmrError(
                f"{told}; write `shared_texts: remove` to take them out of the former part, or `allow` to leave them."
            )
        notes.append(f"{told}; {'removed from' if policy == 'remove' else 'left in'} the former part")
    if policy == "remove":
        later = of_validation | of_test
        train = [example for example in train if folded(example.text) not in later]
        validation = [example for example in validation if folded(example.text) not in of_test]
        for name, part in (("training", train), ("validation", validation)):
            if not part:
                raise PlmrError(f"no {name} text is left without those that are in a later part too; look at the files")
    return train, validation, shared


def _count(examples: Sequence[Example], texts: set[str]) -> int:
    return sum(folded(example.text) in texts for example in examples)


def _draw(examples: list[Example], part: str, spec: Mapping[str, Any]) -> list[Example]:
    most = spec["limit"].get(part, len(examples))
    return examples if most >= len(examples) else random.Random(spec["data_seed"]).sample(examples, most)
