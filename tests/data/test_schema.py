import json
import math
import pickle
from typing import Any

import numpy as np
import pytest

from plmr.data import Columns, Example, class_index, label_names
from plmr.errors import PlmrError


def words_of(example: Example) -> list[str]:
    return [example.text[start:end] for start, end in example.words]


def gold_of(example: Example) -> list[str]:
    assert example.rationale is not None
    return [word for word, flag in zip(words_of(example), example.rationale, strict=True) if flag]


def test_both_forms_of_a_row_say_the_same():
    text = "the nose is lovely"
    by_text = Example.from_row({"text": text, "label": 1, "rationale": [[4, 8], [12, 18]]})
    by_tokens = Example.from_row({"tokens": text.split(), "label": 1, "rationale": [0, 1, 0, 1]})
    assert by_text == by_tokens
    assert gold_of(by_text) == ["nose", "lovely"]


def test_text_is_kept_as_given():
    text = "  Ünïcode\t🍺!!  "
    assert Example.from_row({"text": text, "label": "x"}).text == text


def test_rationale_cells_may_be_json_text():
    row = {"text": "a fine nose", "label": "1", "rationale": "[[2, 6]]"}
    assert gold_of(Example.from_row(row)) == ["fine"]
    assert Example.from_row(row | {"rationale": ""}).rationale is None


def test_an_empty_rationale_is_annotated_and_a_missing_one_is_not():
    row = {"text": "a fine nose", "label": 0}
    assert Example.from_row(row | {"rationale": []}).rationale == (False, False, False)
    for missing in (None, math.nan):
        assert Example.from_row(row | {"rationale": missing}).rationale is None
    assert Example.from_row(row).rationale is None


def test_blank_tokens_keep_the_alignment():
    tokens = ["", "good", " ", "\tnose ", "", "bad"]
    example = Example.from_row({"tokens": tokens, "label": 0, "rationale": [1, 1, 1, 0, 0, 1]})
    assert example.text == " ".join(tokens)
    assert words_of(example) == ["good", "nose", "bad"]
    assert gold_of(example) == ["good", "bad"]


def test_numpy_values_are_read_as_plain_ones():
    row = {"tokens": np.array(["a", "b"]), "label": np.int64(3), "rationale": np.array([0, 1])}
    example = Example.from_row(row)
    assert example.label == 3 and type(example.label) is int
    assert example.rationale == (False, True)


def test_columns_can_be_named_and_carried():
    row = {"review": "fine", "stars": 4.0, "site": "x"}
    example = Example.from_row(row, columns=Columns(text="review", label="stars", extra=("site",)))
    assert (example.text, example.label, example.extra) == ("fine", 4, {"site": "x"})


def test_an_unlabelled_row_is_fine_where_no_label_is_needed():
    assert Example.from_row({"text": "fine"}, labelled=False).label is None


def test_a_column_of_words_that_was_named_and_is_not_there_is_told():
    with pytest.raises(PlmrError, match=r"no column 'wrds' among 'words'; .* Did you mean 'words'\?"):
        Example.from_row({"words": ["a"]}, columns=Columns(tokens="wrds"), labelled=False)


def test_examples_travel_between_processes():
    example = Example.from_row({"text": "a fine nose", "label": "x", "rationale": [[0, 1]]})
    assert pickle.loads(pickle.dumps(example)) == example


BAD_ROWS: list[tuple[dict[str, Any], str]] = [
    ({"txt": "fine", "label": 1}, r"no column 'text' .*Did you mean 'txt'\?"),
    ({"text": "fine", "lable": 1}, r"no column 'label' .*Did you mean 'lable'\?"),
    ({}, "no column 'label'"),
    ({"text": "fine", "label": None}, r"column 'label' holds no label \(None\)"),
    ({"text": "fine", "label": math.nan}, r"holds no label \(nan\)"),
    ({"text": "fine", "label": ""}, "holds no label"),
    ({"text": "fine", "label": math.inf}, "neither a word nor a number"),
    ({"text": "fine", "label": [1]}, "neither a word nor a number"),
    ({"text": None, "label": 1}, "column 'text' should hold a text, not None"),
    ({"text": 3.5, "label": 1}, "should hold a text, not 3.5"),
    ({"text": "half \ud83d", "label": 1}, "half a character .* at position 5"),
    ({"text": "fine", "label": 1, "rationale": [[0, 5]]}, r"\[0, 5\] should satisfy .* <= 4"),
    ({"text": "fine", "label": 1, "rationale": [[2, 2]]}, r"\[2, 2\] should satisfy"),
    ({"text": "fine", "label": 1, "rationale": [[3, 1]]}, r"\[3, 1\] should satisfy"),
    ({"text": "fine", "label": 1, "rationale": [[-1, 1]]}, r"\[-1, 1\] should satisfy"),
    ({"text": "fine", "label": 1, "rationale": [1]}, r"list of \[start, end\] pairs"),
    ({"text": "fine", "label": 1, "rationale": [[0, 1.5]]}, "pairs of whole numbers"),
    ({"text": "fine", "label": 1, "rationale": "0-2"}, "should hold a list, as JSON text"),
    ({"text": "fine", "label": 1, "rationale": 7}, "should hold a list, not 7"),
    ({"tokens": "fine", "label": 1}, "column 'tokens' should hold a list"),
    ({"tokens": None, "label": 1}, "list of words, not None"),
    ({"tokens": ["a", 2], "label": 1}, "should hold a text, not 2"),
    ({"tokens": ["a", "b"], "label": 1, "rationale": [1]}, "1 flags for 2 tokens"),
    ({"tokens": ["a", "b"], "label": 1, "rationale": [1, 2]}, "0 or 1, per token; found 2"),
]


@pytest.mark.parametrize(("row", "message"), BAD_ROWS)
def test_a_bad_row_is_one_line_that_names_its_place(row: dict[str, Any], message: str):
    with pytest.raises(PlmrError, match=message) as caught:
        Example.from_row(row, source="train.jsonl:17")
    assert str(caught.value).startswith("train.jsonl:17: ")
    assert "\n" not in str(caught.value)


def test_words_are_texts():
    with pytest.raises(PlmrError, match=r"^f:3: word 2 is None, not a text"):
        Example.from_tokens(["a", None], source="f:3")  # type: ignore[list-item]


def labelled(*labels: Any) -> list[Example]:
    return [Example.from_row({"text": "x", "label": label}, source=f"f:{n}") for n, label in enumerate(labels)]


@pytest.mark.parametrize(
    ("labels", "names"),
    [
        ((10, 9, 1, 9), ["1", "9", "10"]),
        (("10", "9"), ["9", "10"]),
        (("pos", "neg", 1), ["1", "neg", "pos"]),
        ((True, False), ["false", "true"]),
        ((1.0, 0.0), ["0", "1"]),
    ],
)
def test_class_names_do_not_depend_on_the_order_of_rows(labels: tuple[Any, ...], names: list[str]):
    assert label_names(labelled(*labels)) == names == label_names(labelled(*reversed(labels)))


def test_the_same_class_from_json_and_csv_has_the_same_index():
    names = label_names(labelled(0, 1, 2))
    assert [class_index(example, names) for example in labelled("2", 2, 2.0, json.loads("2"))] == [2] * 4


def test_bad_labels_are_named():
    with pytest.raises(PlmrError, match="only the class 'a' occurs"):
        label_names(labelled("a", "a"))
    with pytest.raises(PlmrError, match=r"f:1: label 0\.5 is a fraction"):
        label_names(labelled(1, 0.5))
    with pytest.raises(PlmrError, match="f:0: label 'c' is unknown; the model's classes are 'a', 'b'"):
        class_index(labelled("c")[0], ["a", "b"])
    with pytest.raises(PlmrError, match=r"label 'True' is unknown; .* 'false', 'true'\. Did you mean 'true'\?"):
        class_index(labelled("True")[0], ["false", "true"])
    with pytest.raises(PlmrError, match="no examples"):
        label_names([])
