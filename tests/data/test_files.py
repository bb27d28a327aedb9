import gzip
import json
from itertools import islice
from pathlib import Path
from typing import Any

import datasets
import pytest

from plmr.data import (
    Columns,
    Example,
    iter_rows,
    label_name,
    label_names,
    load_examples,
    make_reviews,
    save_examples,
)
from plmr.data.lines import read_lines
from plmr.errors import PlmrError

ROWS: list[dict[str, Any]] = [
    {"text": "a fine nose, really", "label": "positive", "rationale": [[2, 11]]},
    {"text": 'it tastes of "cardboard"\nand rust', "label": "negative", "rationale": [[3, 23]]},
    {"text": "🍺 naïve 美味", "label": "positive", "rationale": []},
]


@pytest.fixture(params=["jsonl", "json", "csv", "tsv", "parquet", "folder", "disk", "dataset", "rows"])
def stored(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The same rows in every supported form."""
    form = request.param
    data = datasets.Dataset.from_list(ROWS)
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    path = tmp_path / f"train.{form}"
    if form in ("jsonl", "json"):
        path.write_text("\n".join(map(json.dumps, ROWS)), encoding="utf-8")
    elif form in ("csv", "tsv"):
        cells = [row | {"rationale": json.dumps(row["rationale"])} for row in ROWS]
        datasets.Dataset.from_list(cells).to_pandas().to_csv(
            path, index=False, sep="," if form == "csv" else "\t", encoding="utf-8-sig"
        )
    elif form == "parquet":
        data.to_parquet(path)
    elif form == "folder":
        path.mkdir()
        (path / "train.jsonl").write_text("\n".join(map(json.dumps, ROWS)), encoding="utf-8")
    elif form == "disk":
        datasets.DatasetDict({"train": data}).save_to_disk(path)
    else:
        return data if form == "dataset" else ROWS
    return path


def test_every_form_yields_the_same_examples(stored: Any):
    expected = load_examples(ROWS)
    found = load_examples(stored)
    for one, other in zip(found, expected, strict=True):
        assert (one.text, one.words, one.label, one.rationale) == (
            other.text, other.words, other.label, other.rationale,
        )  # fmt: skip
    assert all(example.source for example in found)


def test_text_files_hold_one_unlabelled_text_a_line(tmp_path: Path):
    path = tmp_path / "in.txt"
    path.write_bytes("first\r\n\n  third 🍺".encode())
    examples = load_examples(path, labelled=False)
    assert [example.text for example in examples] == ["first", "", "  third 🍺"]
    assert [example.source for example in examples] == ["in.txt:1", "in.txt:2", "in.txt:3"]


def test_class_labels_arrive_by_name():
    features = datasets.Features(
        {"text": datasets.Value("string"), "label": datasets.ClassLabel(names=["bad", "good"])}
    )
    data = datasets.Dataset.from_list([{"text": "x", "label": 1}, {"text": "y", "label": 0}], features=features)
    assert [example.label for example in load_examples(data)] == ["good", "bad"]
    withheld = datasets.Dataset.from_list([{"text": "x", "label": -1}], features=features)
    with pytest.raises(PlmrError, match="row:1: column 'label' holds no label"):
        load_examples(withheld)


def test_a_split_can_be_chosen():
    one, two = (datasets.Dataset.from_list([{"text": name, "label": 0}]) for name in ("one", "two"))
    both = datasets.DatasetDict({"train": one, "test": two})
    assert load_examples(both)[0].text == "one"
    assert load_examples(both, split="test")[0].text == "two"
    with pytest.raises(PlmrError, match=r"no split 'tets'; there is 'train', 'test'\. Did you mean 'test'"):
        load_examples(both, split="tets")


def test_a_split_of_what_has_none_is_refused(tmp_path: Path):
    path = tmp_path / "rows.jsonl"
    path.write_text(json.dumps(ROWS[0]), encoding="utf-8")
    for data, name in ((path, "rows.jsonl"), (ROWS, "the data given"), (datasets.Dataset.from_list(ROWS), "the data")):
        with pytest.raises(PlmrError, match=f"no split 'test'.*{name}.*leave it out"):
            load_examples(data, split="test")


def test_saved_examples_are_read_again(tmp_path: Path):
    path = tmp_path / "rows.jsonl"
    tokens = [
        {"tokens": ["don't", "drink", "(it)"], "label": 0, "rationale": [0, 1, 1]},
        {"tokens": ["a", "b"], "label": 1, "rationale": None},
    ]
    examples = [*load_examples(ROWS), *load_examples(tokens), *make_reviews(20, seed=3)]
    examples.append(Example.from_text("no label", extra={"id": 7}))
    save_examples(path, examples)
    loaded = load_examples(path, labelled=False)
    assert len(loaded) == len(examples)
    for one, other in zip(loaded, examples, strict=True):
        assert (one.text, one.words, one.label, one.rationale) == (
            other.text, other.words, other.label, other.rationale,
        )  # fmt: skip
    assert json.loads(path.read_text().splitlines()[-1]) == {"id": 7, "text": "no label"}


def test_examples_are_saved_as_json_lines_or_not_at_all(tmp_path: Path):
    with pytest.raises(PlmrError, match=r"rows\.csv.*ends in \.jsonl"):
        save_examples(tmp_path / "rows.csv", load_examples(ROWS))
    (tmp_path / "file").touch()
    with pytest.raises(PlmrError, match="in the way"):
        save_examples(tmp_path / "file" / "rows.jsonl", load_examples(ROWS))
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_a_data_frame_is_read_as_its_rows():
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({"text": ["good", "bad"], "label": [1, 0]}, index=[7, 9])
    assert [(e.text, e.label, e.source) for e in load_examples(frame)] == [
        ("good", 1, "row:1"),
        ("bad", 0, "row:2"),
    ]


def test_a_cell_may_be_long(tmp_path: Path):
    path = tmp_path / "a.csv"
    path.write_text(f"text,label\n{'word ' * 40_000},1\n")
    assert len(load_examples(path)[0].words) == 40_000


def test_examples_pass_through():
    examples = load_examples(ROWS)
    assert load_examples(examples) == examples


def test_rows_stream(tmp_path: Path):
    path = tmp_path / "long.jsonl"
    good = json.dumps({"text": "x", "label": 0})
    path.write_text(f"{good}\n{good}\nnot json\n")
    assert len(list(islice(iter_rows(path), 2))) == 2
    with pytest.raises(PlmrError, match=r"long\.jsonl:3"):
        list(iter_rows(path))


def test_a_misspelt_optional_column_is_pointed_out():
    with pytest.warns(UserWarning, match=r"no column 'rationale'.*Did you mean 'rationales'"):
        load_examples([{"text": "x", "label": 0, "rationales": []}])


BAD_FILES = [
    ("empty.jsonl", b"", r"empty\.jsonl holds no rows"),
    ("empty.csv", b"text,label\n", "holds no rows"),
    ("a.jsonl", b'{"text": "x", "label": 1}\n{"text": \n', r"a\.jsonl:2: not JSON"),
    ("a.jsonl", b"[" * 100_000, r"a\.jsonl:1: not JSON"),
    ("a.jsonl", b'["x", 1]\n', r"a\.jsonl:1: expected a JSON object, .* found a list"),
    (
        "a.jsonl",
        b'\n{"text": "caf\xe9", "label": 1}\n',
        r"a\.jsonl:2: not UTF-8 \(byte 0xe9 at position 13\)",
    ),
    ("a.jsonl", b'{"text": "x", "label": NaN}\n', r"a\.jsonl:1: .* no label"),
    ("a.csv", b"text,label\nx,1\ncaf\xe9,1\n", r"a\.csv:3: not UTF-8"),
    ("a.csv", b"good beer,1\nbad beer,0\n", r"a\.csv:2: no column 'label' among 'good beer, 1'"),
    ("a.csv", b"text,label\nx,y,1\n", r"a\.csv:2: 3 cells, but the header has 2"),
    ("a.csv", b'text,label\n"x,1\n', r"a\.csv:2: not a table"),
    ("a.csv", b"text,label\nx,\n", r"a\.csv:2: .* no label"),
    ("a.csv", b"text,label\nx,  \n", r"a\.csv:2: .* no label"),
    ("a.csv", b"text,text,label\nx,y,1\n", r"a\.csv:1: 2 columns are called 'text'; rename all but one"),
    (
        "a.csv",
        b"text;label\nx;1\n",
        r"a\.csv:1: .* separated by semicolons .* \.csv file by commas; save it with commas",
    ),
    ("a.csv", b"text\tlabel\nx\t1\n", r"a\.csv:1: .* separated by tabs \(text\\tlabel\)"),
    ("a.tsv", b"text,label\nx,1\n", r"a\.tsv:1: .* separated by commas .* \.tsv file by tabs"),
    ("a.json", b'[{"text": "x", "label": 1}]\n', r"a\.json:1: a JSON array .* on a line of its own"),
    ("a.json", b'[\n  {"text": "x", "label": 1}\n]\n', r"a\.json:1: a JSON array"),
    *(
        (f"a.{kind}", f"text{sep}label\nx{sep}1\ny{sep}{nan}\n".encode(), rf"a\.{kind}:3: .* no label .*JSON lines")
        for kind, sep in (("csv", ","), ("tsv", "\t"))
        for nan in ("nan", "NaN", " NAN ")
    ),
    ("a.csv", b'text,label,rationale\nx,1,"[[0, 9]]"\n', r"a\.csv:2: rationale range \[0, 9\]"),
    ("a.xlsx", b"PK", r"unknown kind of file '\.xlsx'; supported are \.jsonl"),
    ("a.parquet", b"PAR1 but not really", "not a readable Parquet file"),
    ("a.parquet", b"", "not a readable Parquet file"),
]


@pytest.mark.parametrize(("name", "content", "message"), BAD_FILES)
def test_a_bad_file_is_one_line_with_its_place(tmp_path: Path, name: str, content: bytes, message: str):
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(PlmrError, match=message) as caught:
        load_examples(path)
    assert "\n" not in str(caught.value)


def test_a_class_called_nan_can_stand_in_json(tmp_path: Path):
    path = tmp_path / "a.jsonl"
    path.write_text('{"text": "x", "label": "nan"}\n')
    assert load_examples(path)[0].label == "nan"
    path = tmp_path / "a.csv"
    path.write_text("text,label\nx,nan\ny,nancy\n")
    assert [example.label for example in load_examples(path, labelled=False)] == [None, "nancy"]


def test_numbers_in_the_cells_of_a_table_are_the_classes_they_are_elsewhere(tmp_path: Path):
    """Other programs write 2.0 for a 2 where a column once had a gap; 2 and 1e3 are texts, as "v2.0" is."""
    path = tmp_path / "a.csv"
    path.write_text("text,label\na,2.0\nb,2\nc, 1. \nd,-3.0\ne,v2.0\nf,1e3\n")
    assert [label_name(each.label) for each in load_examples(path)] == ["2", "2", "1", "-3", "v2.0", "1e3"]
    path.write_text("text,label\na,1.5\nb,2.0\n")
    with pytest.raises(PlmrError, match=r"a\.csv:2: label 1\.5 is a fraction"):
        label_names(load_examples(path))


def test_columns_without_a_name_may_be_several(tmp_path: Path):
    path = tmp_path / "a.csv"
    path.write_text("text,label,,\ngood,1,,\n")
    assert load_examples(path)[0].label == "1"


@pytest.mark.parametrize("name", ["train.xlsx", "reviews/train.jsonl.gz"])
def test_a_missing_file_of_a_kind_not_read_is_not_looked_for_on_the_hub(name: str):
    with pytest.raises(PlmrError, match=f"{name}: there is no such file; check the path"):
        load_examples(name)


def test_a_missing_file_is_not_mistaken_for_a_hub_id(tmp_path: Path):
    for missing in ("nowhere.jsonl", tmp_path / "nowhere", tmp_path / "nowhere.csv"):
        with pytest.raises(PlmrError, match="no such file"):
            load_examples(missing)


def test_an_unknown_hub_id_says_what_was_tried():
    with pytest.raises(PlmrError, match="no-such-owner/no-such-data: neither a file nor a folder or hub id"):
        load_examples("no-such-owner/no-such-data")


def test_an_empty_folder_is_refused(tmp_path: Path):
    with pytest.raises(PlmrError, match="neither a file nor a folder or hub id that `datasets` can load"):
        load_examples(tmp_path)


def test_rows_of_another_type_are_refused():
    with pytest.raises(PlmrError, match="row:2: expected a mapping"):
        load_examples([{"text": "x", "label": 1}, "y"])


def test_columns_of_a_csv_can_be_named(tmp_path: Path):
    path = tmp_path / "a.csv"
    path.write_text('review,stars\n"one\ntwo",5\nthree,1\n')
    examples = load_examples(path, columns=Columns(text="review", label="stars"))
    assert [(example.text, example.label, example.source) for example in examples] == [
        ("one\ntwo", "5", "a.csv:3"),
        ("three", "1", "a.csv:4"),
    ]


def test_a_truncated_gzip_file_is_refused(tmp_path: Path):
    path = tmp_path / "a.txt.gz"
    path.write_bytes(gzip.compress(b"some text\n" * 1000)[:-20])
    with pytest.raises(PlmrError, match="compressed file ends too early"):
        list(read_lines(path))


def test_a_damaged_gzip_file_is_refused(tmp_path: Path):
    path = tmp_path / "a.txt.gz"
    content = bytearray(gzip.compress(b"some text\n" * 1000))
    content[10] = 0xFF  # the first block is of a kind that there is not
    path.write_bytes(content)
    with pytest.raises(PlmrError, match="compressed file is damaged"):
        list(read_lines(path))
