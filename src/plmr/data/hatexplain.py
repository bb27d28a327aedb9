"""HateXplain (Mathew et al., 2021): `dataset.json`, and `post_id_divisions.json` for the published split.

`dataset.json` maps a post id to `post_tokens`, three `annotators`, each with a `label` (hatespeech, offensive
or normal), and `rationales`: 0/1 flags per token from every annotator who did not say normal.
"""

import json
import random
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from plmr.data.schema import Example
from plmr.errors import PlmrError, io_error

_DIVISIONS = {"train": "train", "validation": "val", "test": "test"}


def load_hatexplain(
    data_dir: str | Path, part: Literal["train", "validation", "test"], *, seed: int = 0
) -> list[Example]:
    """Loads one part of HateXplain.

    The label is what more than half of the annotators say; posts without such a majority are left out, as in
    the paper. A word is gold when more than half of the annotators marked it; posts where that leaves no
    word, all normal ones among them, count as not annotated. Flags that do not fit the tokens are ignored.

    Args:
        data_dir: Folder with `dataset.json`.
        part: Which part of the published split; without `post_id_divisions.json`, of a random 80/10/10 split.
        seed: Decides the random split.

    Raises:
        PlmrError: If the part is unknown, `dataset.json` is missing or a post cannot be read.
    """
    if part not in _DIVISIONS:
        raise PlmrError(f"unknown part {part!r}; HateXplain has {', '.join(_DIVISIONS)}")
    folder = Path(data_dir)
    posts = _read(folder / "dataset.json")
    divisions = folder / "post_id_divisions.json"
    published = divisions.is_file()
    chosen = _read(divisions).get(_DIVISIONS[part]) if published else _random_part(posts, part, seed)
    if not isinstance(chosen, list):
        raise PlmrError(f"{divisions}: no post ids under {_DIVISIONS[part]!r}; give the published file")
    examples = (_example(posts[post_id], f"dataset.json:{post_id}") for post_id in chosen if post_id in posts)
    return [example for example in examples if example is not None]


def _example(post: Mapping[str, Any], source: str) -> Example | None:
    try:
        tokens = post["post_tokens"]
        votes = Counter(annotator["label"] for annotator in post["annotators"])
        voters = votes.total()
        rationales = [flags for flags in post["rationales"] if len(flags) == len(tokens)]
        flags = [2 * sum(marks) > voters for marks in zip(*rationales, strict=True)]
        label, count = votes.most_common(1)[0]
    except (KeyError, TypeError, IndexError) as error:
        raise PlmrError(
            f"{source}: expected 'post_tokens', 'annotators' with a 'label', and 'rationales'; "
            f"{type(error).__name__}: {error}"
        ) from None
    if 2 * count <= voters:
        return None
    return Example.from_tokens(tokens, label, flags if any(flags) else None, source=source)


def _random_part(post_ids: Mapping[str, Any], part: str, seed: int) -> Sequence[str]:
    ids = sorted(post_ids)
    random.Random(seed).shuffle(ids)
    tenth = len(ids) // 10
    return {"test": ids[:tenth], "validation": ids[tenth : 2 * tenth], "train": ids[2 * tenth :]}[part]


def _read(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise io_error(path, error) from None
    except ValueError as error:
        raise PlmrError(f"{path}: not JSON in UTF-8 ({error}); give the published file") from None
    if not isinstance(content, dict):
        raise PlmrError(f"{path}: expected a JSON object, found a {type(content).__name__}; give the published file")
    return content
