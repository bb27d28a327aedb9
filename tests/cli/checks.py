"""What tests of several commands check and read."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from typer.testing import Result


def read_lines(path: Path) -> list[dict[str, Any]]:
    """The rows of a file of JSON lines."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def assert_refused(result: Result, *phrases: str) -> None:
    """One line on standard error, exit code 2, no traceback."""
    assert result.exit_code == 2, result.output
    assert isinstance(result.exception, SystemExit)
    (line,) = result.stderr.strip().splitlines()
    assert line.startswith("error: ")
    for phrase in phrases:
        assert phrase in line
