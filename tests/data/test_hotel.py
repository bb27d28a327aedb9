from pathlib import Path

import pytest

from plmr.data import load_hotel
from plmr.errors import PlmrError

PLAIN = "task\tlabel\ttext\nhotel_Service\t1\tfriendly staff\nhotel_Service\t1\tkind\nhotel_Service\t0\trude\n"
GOLD = "task\tlabel\ttext\trationale\nhotel_Service\t1\tthe staff  was kind\t0 1 0 1 1\n"


@pytest.fixture(params=[("", "annotations"), ("oracle", "target")])
def hotel(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    plain, annotated = (tmp_path / name for name in request.param)
    for folder, content in ((plain, PLAIN), (annotated, GOLD)):
        folder.mkdir(exist_ok=True)
        (folder / "hotel_Service.train").write_text(content)
    return tmp_path


def test_training_files_hold_labels_and_no_gold(hotel: Path):
    reviews = load_hotel(hotel, "service", "train", balance=False)
    assert [(review.text, review.label) for review in reviews] == [
        ("friendly staff", "positive"),
        ("kind", "positive"),
        ("rude", "negative"),
    ]
    assert all(review.rationale is None for review in reviews)
    assert len(load_hotel(hotel, 1, "train")) == 2
    assert len(load_hotel(hotel, 1, "train", balance=False, max_words=1)) == 2


def test_annotated_files_hold_flags_that_count_doubled_spaces(hotel: Path):
    (review,) = load_hotel(hotel, 1, "test")
    pairs = zip(review.words, review.rationale or (), strict=True)
    assert [review.text[start:end] for (start, end), flag in pairs if flag] == ["staff", "was", "kind"]


def test_bad_requests_and_files_are_named(hotel: Path):
    with pytest.raises(PlmrError, match="unknown hotel aspect 'pool'"):
        load_hotel(hotel, "pool", "train")
    with pytest.raises(PlmrError, match=r"no hotel reviews for the validation part; looked for .*hotel_Service\.dev"):
        load_hotel(hotel, 1, "validation")
    bad = next(hotel.rglob("hotel_Service.train"))
    bad.write_text("task\tlabel\ttext\nhotel_Service\t7\tkind\n")
    part = "test" if bad.parent.name in ("annotations", "target") else "train"
    with pytest.raises(PlmrError, match=r"hotel_Service\.train:2: expected task, label \(0 or 1\), text"):
        load_hotel(hotel, 1, part)  # type: ignore[arg-type]
