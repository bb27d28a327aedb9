from __future__ import annotations

import re
from typing import Any

import pytest
import typer

from plmr.cli import app
from tests.cli.checks import parsed

COMMANDS = ("train", "evaluate", "predict", "explain", "compare", "export", "methods", "demo")


def explanation(parameter: Any) -> str:
    return parameter.help


@pytest.mark.parametrize("command", COMMANDS)
def test_help_shows_an_example_that_the_command_understands(run, command):
    text = run(command, "--help").stdout
    examples = re.findall(rf"^ *(plmr {command} .+?) *$", text, re.MULTILINE)
    assert examples
    for example in examples:
        assert parsed(example)


def test_the_first_session_is_understood(run):
    examples = re.findall(r"^ *(plmr \w+ .+?) *$", run("--help").stdout, re.MULTILINE)
    assert [example.split()[1] for example in examples] == ["train", "evaluate", "explain"]
    assert parsed(examples[2])["text"] == "the hop smell was excellent"
    for example in examples:
        assert parsed(example)


def test_every_option_is_explained():
    for command in typer.main.get_group(app).commands.values():
        for parameter in command.params:
            assert explanation(parameter), f"{command.name} {parameter.name}"


def test_the_defaults_that_help_states_are_those_in_force():
    from plmr.config import RationaleConfig
    from plmr.training import RationaleTrainingArguments
    from plmr.training.fitting import SHORT_NAMES

    actual = vars(RationaleConfig()) | {
        name: field.default for name, field in RationaleTrainingArguments.__dataclass_fields__.items()
    }
    checked = 0
    for parameter in typer.main.get_group(app).commands["train"].params:
        name = str(parameter.name)
        stated = re.search(r"Default: (\S+)\.$", explanation(parameter))
        if stated and not name.endswith("column"):
            value: Any = actual[SHORT_NAMES.get(name, name)]
            assert type(value)(stated[1]) == value, name
            checked += 1
    assert checked >= 6


def test_the_settings_in_the_examples_change_something():
    from plmr.config import RationaleConfig
    from plmr.methods import idle_settings

    help_text = typer.main.get_group(app).commands["train"].help or ""
    examples = dict(re.findall(r"--set (\w+)=([\d.]+)", help_text))
    assert examples and idle_settings(RationaleConfig(**{name: float(value) for name, value in examples.items()})) == []


def test_version(run):
    from plmr import __version__

    assert run("--version").stdout == f"plmr {__version__}\n"


def test_no_command_shows_the_help(run):
    assert "plmr train" in run().output
