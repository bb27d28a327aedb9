from __future__ import annotations

import errno

import pytest

from plmr.errors import _REASONS, PlmrError, io_error, nearest, reason


def test_a_message_is_one_line():
    assert str(PlmrError("first\n  second\tthird")) == "first second\\tthird"


def test_user_errors_are_value_errors():
    with pytest.raises(ValueError, match="here"):
        raise PlmrError("here")


@pytest.mark.parametrize(
    ("name", "phrase"),
    [("txt", " Did you mean 'text'?"), ("LABEL", " Did you mean 'label'?"), ("zzzz", ""), ("", "")],
)
def test_nearest_suggests_only_what_is_near(name, phrase):
    assert nearest(name, ["text", "label", "rationale"]) == phrase


ADVICE = {
    errno.EACCES: ("permission denied", "choose a place you may write to"),
    errno.EPERM: ("permission denied", "choose a place you may write to"),
    errno.EROFS: ("read-only", "choose another place"),
    errno.ENOSPC: ("no space left", "free some"),
    errno.EDQUOT: ("quota", "free some space"),
    errno.EOPNOTSUPP: ("nothing can be written", "choose another place"),
    errno.ENOENT: ("no such file or folder", "check the path"),
    errno.EISDIR: ("it is a folder", "the path of a file"),
    errno.ENOTDIR: ("part of the path is a file", "check the path"),
    errno.EEXIST: ("in the way", "move it"),
    errno.ENAMETOOLONG: ("too long", "a shorter one"),
}


@pytest.mark.parametrize("code", {*ADVICE, *_REASONS}, ids=errno.errorcode.get)
def test_io_errors_name_the_file_the_reason_and_what_to_do(code):
    message = str(io_error("some/file", OSError(code, "as the system says it")))
    cause, advice = ADVICE[code]
    assert message.startswith("some/file: ") and message.endswith(".")
    assert cause in message and advice in message.partition(";")[2]
    assert "as the system says it" not in message


def test_an_io_error_of_another_kind_is_told_as_the_system_says_it():
    assert str(io_error("some/file", OSError(errno.EMLINK, "Too many links"))) == "some/file: Too many links."


def test_an_io_error_without_a_number_keeps_its_text():
    assert str(io_error("f", OSError("odd"))) == "f: odd."


@pytest.mark.parametrize(
    ("said", "sentence"),
    [
        ("no header\nat all", "no header."),
        ("Why? ", "Why?"),
        ("Errors in loading:\n\ta", "Errors in loading."),
        ("", "OSError."),
    ],
)
def test_what_another_library_said_is_a_sentence(said, sentence):
    assert reason(OSError(said)) == sentence
