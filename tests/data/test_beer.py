import gzip
import json
from collections import Counter
from pathlib import Path

import pytest

from plmr.data import environment_of, load_beer, residual_environments
from plmr.errors import PlmrError

TRAIN = [
    "0.80 0.20 0.60 0.60 0.70\tpours dark but smells of nothing",
    "0.40 0.90 0.50 0.60 0.70\ta lovely nose on a drab beer",
    "0.60 0.60 0.60 0.60 0.60\tfine throughout",
    "0.50 0.50 0.50 0.50 0.50\tmeh",
]
ANNOTATED = [
    {
        "x": ["great", "head", "weak", "nose"],
        "y": [0.9, 0.3, 0.5, 0.5, 0.5],
        "0": [[0, 2]],
        "1": [[2, 4]],
        "2": [],
    },
    {"x": ["no", "comment"], "y": [0.9, 0.9, 0.9, 0.9, 0.9], "0": [], "1": [[1, 2]], "2": []},
    {"x": ["so", "so"], "y": [0.5, 0.5, 0.9, 0.5, 0.5], "0": [[0, 1]], "1": [[0, 1]], "2": [[0, 1]]},
]


def write(folder: Path, name: str, lines: list[str]) -> None:
    (folder / name).write_bytes(gzip.compress("\n".join(lines).encode()))


@pytest.fixture
def beer(tmp_path: Path) -> Path:
    write(tmp_path, "reviews.aspect1.train.txt.gz", TRAIN)
    write(tmp_path, "reviews.260k.train.txt.gz", TRAIN)
    write(tmp_path, "reviews.260k.heldout.txt.gz", TRAIN[:2])
    (tmp_path / "annotations.json").write_text("\n".join(map(json.dumps, ANNOTATED)))
    return tmp_path


def test_ratings_become_labels_and_the_middle_is_dropped(beer: Path):
    reviews = load_beer(beer, "aroma", "train", balance=False)
    assert [review.label for review in reviews] == ["negative", "positive", "positive"]
    assert reviews[0].text == "pours dark but smells of nothing"
    assert reviews[0].source == "reviews.aspect1.train.txt.gz:1"
    assert reviews[0].extra["scores"] == (0.8, 0.2, 0.6, 0.6, 0.7)


def test_both_families_are_found(beer: Path):
    assert len(load_beer(beer, 0, "train", family="correlated", balance=False)) == 3
    assert load_beer(beer, 0, "validation", family="correlated")[0].source.startswith("reviews.260k.heldout")


def test_thresholds_length_and_balance_apply(beer: Path):
    assert len(load_beer(beer, 1, "train", positive=0.9, balance=False)) == 2
    assert len(load_beer(beer, 1, "train", max_words=6, balance=False)) == 2
    assert Counter(review.label for review in load_beer(beer, 1, "train")) == {"negative": 1, "positive": 1}


def test_environments_are_those_of_the_ratings_and_of_the_training_part(beer: Path):
    plain = load_beer(beer, "aroma", "train", balance=False)
    for by in ("size", "sign"):
        split = load_beer(beer, "aroma", "train", balance=False, environments=by)
        assert split == residual_environments(plain, 1, by=by)
        assert {environment_of(review) for review in split} <= {0, 1}
    assert all(environment_of(review) is None for review in plain)
    for part in ("validation", "test"):
        options = {"family": "correlated", "balance": False}
        assert load_beer(beer, "look", part, environments="size", **options) == load_beer(beer, "look", part, **options)
    with pytest.raises(PlmrError, match="by 'size' or 'sign', not by 'sum'"):
        load_beer(beer, "aroma", "train", environments="sum")


def test_the_test_part_has_word_ranges_as_gold(beer: Path):
    (look,) = load_beer(beer, "look", "test")
    assert (look.label, look.rationale) == ("positive", (True, True, False, False))
    weak, comment = load_beer(beer, "aroma", "test")
    assert (weak.label, weak.rationale) == ("negative", (False, False, True, True))
    assert (comment.label, comment.rationale) == ("positive", (False, True))


def test_bad_requests_and_files_are_named(beer: Path):
    with pytest.raises(PlmrError, match="unknown beer aspect 'foam'"):
        load_beer(beer, "foam", "train")
    with pytest.raises(PlmrError, match=r"no file reviews\*\.aspect2\.train\.txt\* in .* holds annotations\.json"):
        load_beer(beer, 2, "train")
    with pytest.raises(PlmrError, match="no folder"):
        load_beer(beer / "nowhere", 1, "train")
    with pytest.raises(PlmrError, match="should be below"):
        load_beer(beer, 1, "train", positive=0.3)
    write(beer, "reviews.other.train.txt.gz", TRAIN)
    with pytest.raises(PlmrError, match=r"more than one file .* reviews\.260k\.train.*reviews\.other\.train"):
        load_beer(beer, 1, "train", family="correlated")
    write(beer, "reviews.aspect3.train.txt.gz", ["0.8 0.9\tshort"])
    with pytest.raises(PlmrError, match=r"reviews\.aspect3\.train\.txt\.gz:1: expected five ratings"):
        load_beer(beer, 3, "train")
    (beer / "annotations.json").write_text('{"x": ["a"], "y": [1, 1], "0": []}')
    with pytest.raises(PlmrError, match=r"annotations\.json:1: expected a JSON object"):
        load_beer(beer, 0, "test")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"0": [[0, 50]]}, r"range \[0, 50\] should satisfy 0 <= start < end <= 4"),
        ({"0": [[0, 2], [1, 0]]}, r"range \[1, 0\]"),
        ({"0": [[-3, 1]]}, r"range \[-3, 1\]"),
        ({"0": [[1, 1]]}, r"range \[1, 1\]"),
        ({"0": [[0.5, 1]]}, "expected a JSON object .* TypeError"),
        ({"0": [[0]]}, "expected a JSON object .* ValueError"),
        ({"x": ["good", 7, "b", "c"]}, "word 2 is 7, not a text"),
        ({"x": "head"}, "expected a list of words, found 'head'"),
    ],
)
def test_gold_and_words_that_cannot_be_meant_are_refused(beer: Path, change: dict[str, object], message: str):
    (beer / "annotations.json").write_text("\n".join(map(json.dumps, [ANNOTATED[1], ANNOTATED[0] | change])))
    with pytest.raises(PlmrError, match=rf"annotations\.json:2: .*{message}"):
        load_beer(beer, "look", "test")


@pytest.mark.parametrize("rating", ["nan", "inf", "-inf"])
def test_a_rating_that_is_no_finite_number_is_not_a_low_one(beer: Path, rating: str):
    # Also where it is the rating of another aspect: all five are carried along.
    for line in (f"{rating} 0.2 0.6 0.6 0.7\twords", f"0.1 0.2 0.6 0.6 {rating}\twords"):
        write(beer, "reviews.aspect0.train.txt.gz", [TRAIN[0], line])
        with pytest.raises(PlmrError, match=r"reviews\.aspect0\.train\.txt\.gz:2: .* all finite numbers"):
            load_beer(beer, "look", "train")
    row = ANNOTATED[0] | {"y": [float(rating), 0.3, 0.5, 0.5, 0.5]}
    (beer / "annotations.json").write_text("\n".join(map(json.dumps, [ANNOTATED[1], row])))
    with pytest.raises(PlmrError, match=r"annotations\.json:2: .* not all are finite numbers"):
        load_beer(beer, "look", "test")


def test_the_real_files_hold_what_their_readme_says(shared_data: Path):
    beer = shared_data / "beer"
    train = load_beer(beer, "palate", "train", positive=0.8)
    assert Counter(review.label for review in train) == {"negative": 2464, "positive": 2464}
    rows = [json.loads(line) for line in (beer / "annotations.json").read_text().splitlines()]
    for aspect in range(5):  # with thresholds that leave no review out
        loaded = load_beer(beer, aspect, "test", negative=-1, positive=0)
        assert len(loaded) == sum(bool(row[str(aspect)]) for row in rows)
    test = load_beer(beer, "palate", "test", negative=-1, positive=0)
    words, gold = (sum(map(count, test)) for count in (lambda e: len(e.words), lambda e: sum(e.rationale or ())))
    assert len(test) == 828
    assert gold / words == pytest.approx(0.13, abs=0.01)
