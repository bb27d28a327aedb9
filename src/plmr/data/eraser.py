"""The ERASER benchmark (DeYoung et al., 2020): `docs/ID` and `{train,val,test}.jsonl`.

A document is tokens separated by whitespace, one sentence a line. A row of a JSONL file has `annotation_id`,
`classification` and `evidences`: groups of token ranges [start_token, end_token) into the document `docid`.
"""

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from plmr.data.files import iter_rows
from plmr.data.schema import Example
from plmr.data.windows import limit_words
from plmr.errors import PlmrError, io_error

_FILES = {"train": "train.jsonl", "validation": "val.jsonl", "test": "test.jsonl"}
_log = logging.getLogger(__name__)


def load_eraser(
    data_dir: str | Path,
    part: Literal["train", "validation", "test"],
    *,
    with_query: bool = False,
    max_words: int | None = None,
    stride: int | None = None,
) -> list[Example]:
    """Loads one part of an ERASER task. Every token is a word; all evidence together is the rationale.

    A row without evidence counts as not annotated. Where a word limit costs gold words, a warning is logged
    that says how many; `limit_words` returns the same figures.

    Args:
        data_dir: Folder with the JSONL files and `docs`.
        part: Which file.
        with_query: Whether to put the row's question before the document; it is never part of the rationale.
        max_words: Longest text, in words; None = any.
        stride: Split longer texts into windows this many words apart; None = cut them.

    Raises:
        PlmrError: If the part is unknown, a file or document is missing, or a row cannot be read.
    """
    if part not in _FILES:
        raise PlmrError(f"unknown part {part!r}; ERASER has {', '.join(_FILES)}")
    folder = Path(data_dir)
    rows = iter_rows(folder / _FILES[part])
    examples = [_example(row, source, folder / "docs", with_query) for row, source in rows]
    if max_words is None:
        return examples
    pieces, reach = limit_words(examples, max_words, stride)
    if reach.lost:
        _log.warning("ERASER %s: %s", part, reach)
    return pieces


def _example(row: Mapping[str, Any], source: str, docs: Path, with_query: bool) -> Example:
    try:
        label = row["classification"]
        evidences = [evidence for group in row["evidences"] for evidence in group]
        ranges = [(item["docid"], int(item["start_token"]), int(item["end_token"])) for item in evidences]
        named = row.get("docids") or [docid for docid, _, _ in ranges] or [row["annotation_id"]]
        tokens = row["query"].split() if with_query else []
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise PlmrError(
            f"{source}: expected 'annotation_id', 'classification', 'query' and 'evidences' with 'docid', "
            f"'start_token' and 'end_token'; {type(error).__name__}: {error}"
        ) from None
    bounds: dict[str, tuple[int, int]] = {}
    for docid in dict.fromkeys(named):
        begin = len(tokens)
        tokens += _document(docs / docid)
        bounds[docid] = (begin, len(tokens))
    flags = [0] * len(tokens)
    for docid, start, end in ranges:
        begin, stop = bounds.get(docid, (0, -1))
        if not 0 <= start <= end <= stop - begin:
            raise PlmrError(f"{source}: evidence [{start}, {end}) lies outside the document {docid!r}; check the range")
        flags[begin + start : begin + end] = [1] * (end - start)
    return Example.from_tokens(tokens, label, flags if any(flags) else None, source=source)


def _document(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="utf-8").split()
    except UnicodeDecodeError:
        raise PlmrError(f"{path}: not UTF-8; save the document again with encoding UTF-8") from None
    except OSError as error:
        raise io_error(path, error) from None
