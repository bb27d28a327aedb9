"""HotelReview (Wang et al., 2010) in the tab-separated files of R2A (Bao et al., 2018).

`hotel_Location.train` and `hotel_Location.dev` have the columns `task`, `label` and `text`; the annotated
file, also named `hotel_Location.train` but in a folder of its own, adds `rationale`: one flag, 0 or 1, per
word, separated by single spaces as the words are. Label 1 is a positive rating, 0 a negative one.
"""

from itertools import islice
from pathlib import Path
from typing import Literal

from plmr.data.balance import undersample
from plmr.data.lines import read_lines
from plmr.data.schema import Example
from plmr.errors import PlmrError

ASPECTS = ("Location", "Service", "Cleanliness")
# The archive unpacks into oracle/ and target/; published code copies the files to DIR and DIR/annotations.
_PLACES = {"train": ("", "oracle"), "validation": ("", "oracle"), "test": ("annotations", "target")}
_ENDINGS = {"train": "train", "validation": "dev", "test": "train"}


def load_hotel(
    data_dir: str | Path,
    aspect: int | str,
    part: Literal["train", "validation", "test"],
    *,
    balance: bool = True,
    seed: int = 0,
    max_words: int | None = None,
) -> list[Example]:
    """Loads one part of the hotel reviews as a two-class task on one aspect.

    Args:
        data_dir: The unpacked archive, or a folder with `hotel_*.train`, `hotel_*.dev` and `annotations`.
        aspect: 0 to 2, or location, service, cleanliness.
        part: "train" and "validation" have no rationales, "test" (the annotated file) has.
        balance: Whether to undersample the larger class of train and validation; the test part never is.
        seed: Decides which reviews balancing drops.
        max_words: Longest review to keep, in words; None = all.

    Raises:
        PlmrError: If the aspect or part is unknown, a file is missing, or a line cannot be read.
    """
    if part not in _PLACES:
        raise PlmrError(f"unknown part {part!r}; the hotel reviews have {', '.join(_PLACES)}")
    name = f"hotel_{_aspect_name(aspect)}.{_ENDINGS[part]}"
    places = [Path(data_dir) / place / name for place in _PLACES[part]]
    path = next((place for place in places if place.is_file()), None)
    if path is None:
        raise PlmrError(f"no hotel reviews for the {part} part; looked for {' and '.join(map(str, places))}")
    lines = islice(read_lines(path), 1, None)  # without the header
    examples = [_review(line, source, annotated=part == "test") for line, source in lines]
    if max_words is not None:
        examples = [example for example in examples if len(example.words) <= max_words]
    return undersample(examples, seed) if balance and part != "test" else examples


def _review(line: str, source: str, annotated: bool) -> Example:
    try:
        _, rating, text, *rest = line.rstrip("\r\n").split("\t")
        label = {0: "negative", 1: "positive"}[int(float(rating))]
        flags = [float(flag) for flag in rest[0].split()] if annotated else None
    except (ValueError, KeyError, IndexError):
        expected = "task, label (0 or 1), text" + (", rationale (a 0 or 1 per word)" if annotated else "")
        raise PlmrError(f"{source}: expected {expected} separated by tabs, found {line[:40]!r}") from None
    return Example.from_tokens(text.strip().split(" "), label, flags, source=source)


def _aspect_name(aspect: int | str) -> str:
    for index, name in enumerate(ASPECTS):
        if str(aspect).lower() in (str(index), name.lower()):
            return name
    raise PlmrError(f"unknown hotel aspect {aspect!r}; give 0 to 2 or one of {', '.join(ASPECTS).lower()}")
