import json
import logging
from pathlib import Path
from typing import Any

import pytest

from plmr.data import load_eraser
from plmr.errors import PlmrError


@pytest.fixture
def movies(tmp_path: Path) -> Path:
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "one").write_text("a film .\nit is dull .\n")
    (tmp_path / "docs" / "two").write_text("great fun")
    return tmp_path


def write(folder: Path, *ranges: tuple[str, int, int], **other: Any) -> Path:
    evidences = [[{"docid": doc, "start_token": start, "end_token": end}] for doc, start, end in ranges]
    row = {"annotation_id": "one", "classification": "NEG", "evidences": evidences, "query": "good ?"} | other
    (folder / "val.jsonl").write_text(json.dumps(row))
    return folder


def gold_of(folder: Path, **options: Any) -> list[str]:
    (example,) = load_eraser(folder, "validation", **options)
    pairs = zip(example.words, example.rationale or (), strict=False)
    return [example.text[start:end] for (start, end), flag in pairs if flag]


def test_evidence_marks_tokens_and_empty_ranges_mark_none(movies: Path):
    assert gold_of(write(movies, ("one", 3, 6), ("one", 1, 2), ("one", 4, 4))) == ["film", "it", "is", "dull"]


def test_documents_and_query_are_joined(movies: Path):
    folder = write(movies, ("two", 0, 1), ("one", 5, 6), docids=["one", "two"])
    assert gold_of(folder, with_query=True) == ["dull", "great"]
    (example,) = load_eraser(folder, "validation", with_query=True)
    assert example.text == "good ? a film . it is dull . great fun"


def test_no_evidence_is_no_annotation(movies: Path):
    (example,) = load_eraser(write(movies), "validation")
    assert example.rationale is None
    assert example.text == "a film . it is dull ."


def test_a_cut_that_loses_gold_says_so(movies: Path, caplog: pytest.LogCaptureFixture):
    folder = write(movies, ("one", 0, 2), ("one", 5, 7))
    with caplog.at_level(logging.WARNING):
        assert gold_of(folder, max_words=6) == ["a", "film", "dull"]
    assert "1 of 4 gold words (25.0%) are out of reach" in caplog.text
    caplog.clear()
    assert len(load_eraser(folder, "validation", max_words=3, stride=2)) == 3
    assert not caplog.text


def test_bad_requests_and_files_are_named(movies: Path):
    with pytest.raises(PlmrError, match="unknown part 'dev'"):
        load_eraser(movies, "dev")  # type: ignore[arg-type]
    with pytest.raises(PlmrError, match=r"train\.jsonl: there is no such file"):
        load_eraser(movies, "train")
    with pytest.raises(PlmrError, match=r"val\.jsonl:1: evidence \[3, 9\) lies outside the document 'one'"):
        load_eraser(write(movies, ("one", 3, 9)), "validation")
    with pytest.raises(PlmrError, match="three: there is no such file"):
        load_eraser(write(movies, ("three", 0, 1)), "validation")
    (movies / "val.jsonl").write_text('{"annotation_id": "one"}')
    with pytest.raises(PlmrError, match=r"val\.jsonl:1: expected 'annotation_id', 'classification'"):
        load_eraser(movies, "validation")


def test_the_real_files_hold_what_their_readme_says(shared_data: Path):
    movies = load_eraser(shared_data / "movies", "validation")
    assert len(movies) == 200
    gold = sum(sum(movie.rationale or ()) for movie in movies)
    assert gold / sum(len(movie.words) for movie in movies) == pytest.approx(0.07, abs=0.005)
