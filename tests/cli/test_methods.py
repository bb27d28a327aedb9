from __future__ import annotations

from plmr.methods import METHODS
from tests.cli.checks import assert_refused


def test_every_method_has_its_line(run):
    lines = run("methods").stdout.splitlines()
    assert [line.split(maxsplit=1) for line in lines] == [[name, method.summary] for name, method in METHODS.items()]
    assert all(len(line) <= 120 for line in lines)


def test_the_options_of_one(run):
    lines = run("methods", "dar").stdout.splitlines()
    assert lines[0] == METHODS["dar"].summary
    assert [line.split()[0] for line in lines[1:]] == ["teacher_share=0.25", "teacher_weight=1.0"]
    assert run("methods", "rnp").stdout.splitlines() == [METHODS["rnp"].summary]


def test_an_unknown_method_is_refused(run):
    assert_refused(run("methods", "darr"), "no method 'darr'", "Did you mean 'dar'?")
