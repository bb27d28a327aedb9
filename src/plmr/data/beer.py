"""BeerAdvocate reviews in the files of "Rationalizing Neural Predictions" (Lei et al., 2016).

A review file holds one review a line: five ratings in [0, 1] (look, aroma, palate, taste, overall), a tab,
lower-cased words. Two families exist: *correlated*, all reviews (`reviews.260k.train.txt.gz`), and
*decorrelated*, one selection per aspect (`reviews.aspect1.train.txt.gz`); a site name may stand between
(`reviews.ratebeer.aspect1.train.txt.gz`). `annotations.json` holds the test reviews, one JSON object a line,
with human word ranges per aspect.
"""

import json
import operator
from collections.abc import Iterable, Iterator, Sequence
from fnmatch import fnmatchcase
from math import isfinite
from pathlib import Path
from typing import Literal

from plmr.data.aspects import aspect_index
from plmr.data.balance import undersample
from plmr.data.environments import residual_environments
from plmr.data.lines import read_lines
from plmr.data.schema import Example
from plmr.data.words import Range
from plmr.errors import PlmrError

Part = Literal["train", "validation", "test"]
Family = Literal["decorrelated", "correlated"]


def load_beer(
    data_dir: str | Path,
    aspect: int | str,
    part: Part,
    *,
    family: Family = "decorrelated",
    positive: float = 0.6,
    negative: float = 0.4,
    balance: bool = True,
    seed: int = 0,
    max_words: int | None = None,
    environments: Literal["size", "sign"] | None = None,
) -> list[Example]:
    """Loads one part of the beer reviews as a two-class task on one aspect.

    The label is "positive" for a rating of at least `positive`, "negative" for one of at most `negative`;
    other reviews are left out, and so are test reviews without a rationale for the aspect. The five ratings
    are carried in `extra["scores"]`.

    Args:
        data_dir: Folder with the files.
        aspect: 0 to 4, or look, aroma, palate, taste, overall.
        part: "train" and "validation" (the `heldout` file) have no rationales, "test" has.
        family: Which review files to read; the test part is the same for both.
        positive: Lowest positive rating. The usual 0.6; RateBeer's ratings run higher, there 0.8 is apt.
        negative: Highest negative rating.
        balance: Whether to undersample the larger class of train and validation; the test part never is.
        seed: Decides which reviews balancing drops.
        max_words: Longest review to keep, in words; None = all.
        environments: How `residual_environments` is to tell environments apart in the training part; None = none.

    Raises:
        PlmrError: If the aspect, part, family or kind of environments is unknown, a file is missing, or a line cannot
            be read.
    """
    index = aspect_index(aspect)
    if negative >= positive:
        raise PlmrError(f"the negative threshold {negative} should be below the positive one {positive}")
    path = _find(Path(data_dir), index, part, family)
    rows = _annotations(path, index) if part == "test" else _reviews(path)
    examples = []
    for source, scores, words, flags in rows:
        if negative < scores[index] < positive or (max_words is not None and len(words) > max_words):
            continue
        label = "positive" if scores[index] >= positive else "negative"
        examples.append(Example.from_tokens(words, label, flags, source=source, extra={"scores": scores}))
    if balance and part != "test":
        examples = undersample(examples, seed)
    if environments is None or part != "train":
        return examples
    return residual_environments(examples, index, by=environments)


_Row = tuple[str, tuple[float, ...], list[str], list[int] | None]


def _reviews(path: Path) -> Iterator[_Row]:
    for line, source in read_lines(path):
        ratings, tab, text = line.partition("\t")
        try:
            scores = _ratings(ratings.split())
        except ValueError:
            scores = ()
        if not tab or len(scores) != 5:
            raise PlmrError(
                f"{source}: expected five ratings, all finite numbers, a tab and words, found {line[:40]!r}; "
                "mend or remove the line"
            )
        yield source, scores, text.split(), None


def _annotations(path: Path, aspect: int) -> Iterator[_Row]:
    for line, source in read_lines(path):
        try:
            item = json.loads(line)
            words, ranges = item["x"], [_range(pair) for pair in item[str(aspect)]]
            scores = _ratings(item["y"][index] for index in range(5))
            count = len(words)
        except (ValueError, LookupError, TypeError) as error:
            raise PlmrError(
                f"{source}: expected a JSON object with 'x' (words), 'y' (five ratings) and '{aspect}' "
                f"(word ranges); {type(error).__name__}: {error}"
            ) from None
        flags = _flags(count, ranges, source)
        if any(flags):
            yield source, scores, words, flags


def _ratings(values: Iterable[str | float]) -> tuple[float, ...]:
    scores = tuple(map(float, values))
    # Every comparison with NaN is false: such a rating would pass for a low one.
    if not all(map(isfinite, scores)):
        raise ValueError(f"of the ratings {scores} not all are finite numbers")
    return scores


def _range(pair: Sequence[int]) -> Range:
    start, end = map(operator.index, pair)
    return start, end


def _flags(count: int, ranges: Sequence[Range], source: str) -> list[int]:
    for start, end in ranges:
        if not 0 <= start < end <= count:
            raise PlmrError(
                f"{source}: word range [{start}, {end}] should satisfy 0 <= start < end <= {count}, the number of "
                "words; correct or remove it"
            )
    return [int(any(start <= position < end for start, end in ranges)) for position in range(count)]


def _find(folder: Path, aspect: int, part: str, family: str) -> Path:
    endings = {"train": ".train.txt", "validation": ".heldout.txt", "test": ""}
    if part not in endings or family not in ("decorrelated", "correlated"):
        raise PlmrError(
            f"unknown part {part!r} or family {family!r}; parts are train, validation and test, "
            "families decorrelated and correlated"
        )
    if not folder.is_dir():
        raise PlmrError(f"no folder {str(folder)!r}; give the folder that holds the beer files")
    held = sorted(path.name for path in folder.iterdir())
    if part == "test":
        wanted, found = "annotations.json", [name for name in held if name == "annotations.json"]
    else:
        wanted = "reviews*" + ("" if family == "correlated" else f".aspect{aspect}") + f"{endings[part]}*"
        found = [name for name in held if fnmatchcase(name, wanted)]
        found = [name for name in found if family == "decorrelated" or ".aspect" not in name]
    if len(found) != 1:
        problem = f"more than one file {wanted}" if found else f"no file {wanted}"
        raise PlmrError(f"{problem} in {str(folder)!r}, which holds {', '.join(found or held) or 'nothing'}")
    return folder / found[0]
