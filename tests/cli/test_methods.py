from __future__ import annotations

from plmr.methods import METHODS, summaries
from plmr.presets import VARIANTS
from tests.cli.checks import assert_refused


def test_every_method_has_its_line(run):
    lines = run("methods").stdout.splitlines()
    assert [tuple(line.split(maxsplit=1)) for line in lines] == list(summaries().items())
    assert [line.split()[0] for line in lines] == [*METHODS, *VARIANTS]
    assert all(len(line) <= 120 for line in lines)


def test_the_options_of_one(run):
    lines = run("methods", "dar").stdout.splitlines()
    assert lines[0] == METHODS["dar"].summary
    assert [line.split()[0] for line in lines[1:]] == ["teacher_share=0.25", "teacher_weight=1.0", "as_released=False"]
    assert run("methods", "rnp").stdout.splitlines() == [METHODS["rnp"].summary]


def test_what_a_variant_fixes(run):
    lines = run("methods", "plmr-m1").stdout.splitlines()
    assert lines[0] == VARIANTS["plmr-m1"].summary
    assert [line.split()[0] for line in lines[1:]] == ["dim_reduction_blocks=1"]


def test_an_unknown_method_is_refused(run):
    assert_refused(run("methods", "inter-rta"), "no method 'inter-rta'", "Did you mean 'inter-rat'?")
