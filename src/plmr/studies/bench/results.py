"""The folder of a suite: a folder for each run, and all results as JSON lines.

    suite.json       the suite as it was run last, and the key of every run
    results.jsonl    a line for each of its runs that is done
    runs/KEY/        result.json, written when the run is done, and log.txt

The key of a run is a digest of everything its figures depend on that a suite decides: the resolved configuration, less
what only other methods read, and training options, the texts, what is measured, methods of one's own. Labels, notes and
places of files are not in it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from plmr.errors import PlmrError, io_error
from plmr.io import atomic_path
from plmr.methods import unread_settings
from plmr.studies.bench.imports import digest_files
from plmr.studies.bench.suite import AXES, NOTES, Run, Suite, resolve, resolved_training

_ADDED = {"suite", "suite_note", "key", *AXES, *NOTES}
"""What `results.jsonl` says of a run beside its result."""
_KEY = re.compile(r"[0-9a-f]{12}")
_NOT_OF_THE_RUN = ("plmr_version", "transformers_version")


@dataclass(frozen=True)
class Folder:
    """The folder of a suite's results."""

    path: Path

    @property
    def suite(self) -> Path:
        return self.path / "suite.json"

    @property
    def results(self) -> Path:
        return self.path / "results.jsonl"

    def result(self, key: str) -> Path:
        return self.path / "runs" / key / "result.json"

    def log(self, key: str) -> Path:
        return self.path / "runs" / key / "log.txt"

    def scratch(self, key: str) -> Path:
        """Where a run keeps what is of no use afterwards."""
        return self.path / "runs" / key / "scratch"


@dataclass(frozen=True)
class Planned:
    """A run of the suite and its key."""

    run: Run
    key: str


def run_key(run: Run, digests: Mapping[str, str]) -> str:
    """The key of a run.

    Args:
        run: What is run.
        digests: Of the parts of its dataset.
    """
    model, options, arguments = resolve(run)
    config = model.to_dict() | {"method_options": asdict(options)}
    skipped = {*_NOT_OF_THE_RUN, *unread_settings(model)}
    content = {
        "config": {name: value for name, value in config.items() if name not in skipped},
        "training": resolved_training(run, arguments),
        "data": {part: text for part, text in digests.items() if part != "test" or run.test},
        "faithfulness": run.faithfulness,
        "imports": digest_files(run.imports),
    }
    return sha256(json.dumps(content, sort_keys=True, default=str).encode()).hexdigest()[:12]


def write_suite(folder: Folder, suite: Suite, planned: Sequence[Planned]) -> None:
    """Write `suite.json`."""
    runs = [{"key": each.key, **each.run.labels} for each in planned]
    with atomic_path(folder.suite) as aside:
        aside.write_text(json.dumps({"name": suite.name, "note": suite.note, "runs": runs}, indent=1) + "\n", "utf-8")


def write_results(folder: Folder, suite: Suite, planned: Sequence[Planned]) -> None:
    """Write `results.jsonl` anew: the runs that are done, under the labels that the suite gives them now."""
    with atomic_path(folder.results) as aside, aside.open("w", encoding="utf-8") as lines:
        for each in planned:
            if found := read_result(folder, each.key):
                head = {"suite": suite.name, "suite_note": suite.note, "key": each.key, **each.run.labels}
                lines.write(json.dumps(head | found) + "\n")


def read_result(folder: Folder, key: str) -> dict[str, Any] | None:
    """What a run has found; None where it is not done."""
    path = folder.result(key)
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except OSError as error:
        raise io_error(path, error) from error
    except ValueError:
        return None  # somebody else's writing: the run is done again
    return found if isinstance(found, dict) else None


def restore_results(folder: Folder) -> None:
    """Give every run of `results.jsonl` its own file again where only that was kept: sent, or committed.

    A line that is no result is left to be done again.
    """
    if not folder.results.is_file():
        return
    # As bytes: a file that is not UTF-8 is no reason to refuse the run that writes it anew.
    for line in folder.results.read_bytes().splitlines():
        result = _parsed(line)
        if result is None or not _KEY.fullmatch(str(result["key"])):
            continue
        path = folder.result(result["key"])
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            with atomic_path(path) as aside:
                found = {name: value for name, value in result.items() if name not in _ADDED}
                aside.write_text(json.dumps(found), encoding="utf-8")


_NEEDED = {"key", "method", "encoder", "dataset", "sparsity", "seed", "config", "data", "device", "validation"}
_MEASURED = {"word", "classification"}
"""What a result and its validation figures hold at least."""


def _parsed(line: str | bytes) -> dict[str, Any] | None:
    """A line of `results.jsonl`; None where it is no result."""
    try:
        result = json.loads(line)
        whole = result.keys() >= _NEEDED and result["validation"].keys() >= _MEASURED
    except (ValueError, AttributeError):
        return None
    return result if whole else None


def read_results(folder: Folder) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """All results of a suite, and the suite itself where it is there.

    Raises:
        PlmrError: The folder holds no results, or what it holds cannot be read.
    """
    if not folder.results.is_file():
        raise PlmrError(f"{folder.path}: there is no results.jsonl; give a folder that `plmr bench SUITE` wrote.")
    results = []
    for number, line in enumerate(_text(folder.results).splitlines(), start=1):
        result = _parsed(line)
        if result is None:
            raise PlmrError(f"{folder.results}:{number}: not a result; run the suite again to write it anew.")
        results.append(result)
    return results, _suite_of(folder.suite) if folder.suite.is_file() else {}


def _suite_of(path: Path) -> dict[str, Any]:
    text = _text(path)
    try:
        suite = json.loads(text)
    except ValueError:
        suite = None
    if not isinstance(suite, dict) or not isinstance(suite.get("runs", []), list):
        raise PlmrError(f"{path}: not a suite in JSON; run the suite again to write it anew.")
    return suite


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise io_error(path, error) from error
    except UnicodeDecodeError:
        raise PlmrError(f"{path}: not UTF-8; run the suite again to write it anew.") from None
