"""What tests of several commands check and read."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import Any

import typer
from typer.testing import Result

from plmr.cli import app


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


def parsed(example: str) -> dict[str, Any]:
    """What the command line makes of a line as people type it, without doing it.

    Raises:
        click.UsageError: It does not understand the line.
    """
    program, name, *words = shlex.split(example)
    assert program == "plmr"
    command = typer.main.get_group(app).commands[name]
    if name == "bench":
        command = command.commands[words.pop(0) if words[0] in command.commands else "run"]
    return command.make_context(f"plmr {name}", words).params
