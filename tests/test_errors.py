from __future__ import annotations

import errno

import pytest

from plmr.errors import PlmrError, io_error, nearest, reason


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


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EACCES, errno.EROFS, errno.EMLINK])
def test_io_errors_name_the_file(code):
    message = str(io_error("some/file", OSError(code, "as the system says it")))
    assert message.startswith("some/file: ")
    assert message.endswith(".")


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
