"""The terminal view, printed on real consoles."""

from __future__ import annotations

import io
import re
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from plmr.render import rationale_text, show
from plmr.render.text import printable

ANSI = re.compile(r"\x1b\[[0-9;]*m")
# Pieces, because hypothesis melts alternatives of single characters into one alphabet and the few drown.
WORDS = st.text(max_size=6) | st.sampled_from(["hop", "\n", "\t", "\x1b[2J", "\r\n", "\ud800", "👩‍👧", "שלום", "[red]"])
TEXTS = st.lists(WORDS, max_size=12).map(" ".join)
FLAGS = st.lists(st.booleans(), min_size=4, max_size=20)


def printed(rationale, **options) -> str:
    file = options.pop("file", None) or io.StringIO()
    show(rationale, Console(file=file, **options))
    return file.getvalue() if isinstance(file, io.StringIO) else ""


@given(TEXTS, FLAGS)
def test_plain_text_is_preserved(make, text, flags):
    assert rationale_text(make(text, flags)).plain == printable(text)


@given(TEXTS.map(lambda text: text.translate({ord("["): "(", ord("]"): ")"})), FLAGS)
def test_brackets_hold_exactly_the_rationale(make, text, flags):
    rationale = make(text, flags)
    plain = rationale_text(rationale, marks=True).plain
    assert plain.replace("[[", "").replace("]]", "") == printable(text)
    assert re.findall(r"\[\[(.*?)\]\]", plain, re.DOTALL) == [
        printable(text)[start:end] for start, end in rationale.spans
    ]


@given(TEXTS, FLAGS)
def test_highlights_cover_exactly_the_rationale(make, text, flags):
    rationale = make(text, flags)
    assert [(s.start, s.end) for s in rationale_text(rationale).spans] == list(rationale.spans)


def test_colour_terminals_get_colour_and_no_brackets(make):
    out = printed(make("a fine smell indeed", [0, 1, 1]), force_terminal=True, color_system="standard", width=60)
    assert re.search(r"\x1b\[1;30;43mfine smell\x1b\[0m", out)
    assert "[[" not in out
    assert "positive  ███████████████░░░░░  75.0%" in ANSI.sub("", out)


@pytest.mark.parametrize("options", [{}, {"force_terminal": True, "no_color": True, "width": 60}])
def test_without_colour_brackets_show_the_rationale(make, options):
    assert "a [[fine smell]] indeed\n" in ANSI.sub("", printed(make("a fine smell indeed", [0, 1, 1]), **options))


def test_a_pipe_gets_the_text_unwrapped(make):
    text = "word " * 500 + "end"
    assert text in printed(make(text, []), width=40)


def test_escape_sequences_in_text_label_and_note_cannot_act(make):
    hostile = "\x1b]0;owned\x07 \x1b[2J \x9b31m"
    out = printed(make(hostile, [True], label="\x1b[31mred\nline", note="\x1b[5m"), force_terminal=True)
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]", ANSI.sub("", out))
    assert "\x1b[2J" not in out
    assert "\x1b[5m" not in out


def test_rich_markup_and_emoji_codes_in_the_text_stay_text(make):
    assert "[red]not red[/red] :beer:" in printed(make("[red]not red[/red] :beer:", []))


def test_a_console_that_knows_only_ascii_is_served(make):
    raw = io.BytesIO()
    file = io.TextIOWrapper(raw, encoding="ascii")
    printed(make("bière 🍺", [True], label="für"), file=file)
    file.flush()
    assert raw.getvalue().decode("ascii").splitlines() == [
        "[[bi?re]] ?",
        "",
        "f?r  ###############.....  75.0%",
    ]


def test_an_empty_text_shows_label_and_note_only(make):
    assert printed(make("", [], note="empty text")).splitlines() == [
        "positive  ███████████████░░░░░  75.0%",
        "note: empty text",
    ]


def test_a_text_twice_as_long_takes_twice_the_work(make):
    """Up to fifty thousand characters, in calls of functions rather than seconds, which other processes lengthen."""

    def work(repeats: int) -> int:
        rationale = make("wörd 😀 שלום " * repeats, [index % 3 == 0 for index in range(3 * repeats)])
        calls = 0

        def count(frame, event, argument):
            nonlocal calls
            calls += event in ("call", "c_call")

        before = sys.getprofile()
        sys.setprofile(count)
        try:
            out = printed(rationale, force_terminal=True, color_system="standard", width=80)
        finally:
            sys.setprofile(before)
        assert ANSI.sub("", out).count("שלום") == repeats
        return calls

    assert work(4000) < 2.5 * work(2000)
