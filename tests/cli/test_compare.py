"""`plmr compare` from end to end, and rationales that come from files."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest

from plmr.data import Example, load_examples, make_reviews
from plmr.devices import find_device
from plmr.errors import PlmrError
from plmr.explain.posthoc import EXPLAINERS, draw_sample, read_external
from tests.cli.checks import assert_refused, read_lines


def test_all_explainers_in_one_table_and_in_a_file(run, model, reviews, tmp_path):
    result = run("compare", model, "--data", reviews, "--limit", 1, "--json", tmp_path / "c.json", "--max-words", 3)
    assert result.exit_code == 0, result.output
    assert result.stderr == ""
    written = json.loads((tmp_path / "c.json").read_text())
    assert list(written["systems"]) == ["plmr", *(name for name in EXPLAINERS if name != "attention")]
    assert written["texts"] == 1 and written["max_words"] == 3
    assert written["device"] == str(find_device())
    assert "attention is left out" in written["notes"][0] and f"note: {written['notes'][0]}" in result.stdout
    own = written["systems"]["plmr"]["seconds_per_text"]
    for name, system in written["systems"].items():
        (line,) = re.findall(rf"^{name} .*$", result.stdout, re.MULTILINE)
        cells = line.replace("*", "").split()
        assert cells[1] == f"{system['word']['sparsity']:.1%}"
        assert cells[4] == f"{system['word']['micro_f1']:.1%}"
        assert cells[5] == f"{system['faithfulness']['sufficiency']:.3f}"
        assert cells[7] == f"{system['seconds_per_text']:,.4f}"
        assert system["times_slower"] == pytest.approx(system["seconds_per_text"] / own)
    assert written["systems"]["plmr"]["times_slower"] == 1


def test_a_models_own_predictions_come_back_with_its_own_figures(run, model, reviews, tmp_path):
    """The output of `plmr predict` still has the gold rationale of its input, which is not what was predicted."""
    predicted = tmp_path / "predicted.jsonl"
    assert run("predict", model, "--input", reviews, "--output", predicted).exit_code == 0
    shuffled = tmp_path / "shuffled.jsonl"
    shuffled.write_text("".join(f"{json.dumps(row)}\n" for row in reversed(read_lines(predicted))))
    result = run(
        *("compare", model, "--data", reviews, "--explainers", "", "--limit", 10, "--json", tmp_path / "c.json"),
        *("--external", f"again={predicted}", "--external", f"any-order = {shuffled}"),
    )
    assert result.exit_code == 0, result.output
    systems = json.loads((tmp_path / "c.json").read_text())["systems"]
    assert list(systems) == ["plmr", "again", "any-order"]
    for name in ("again", "any-order"):
        assert systems[name]["word"] == systems["plmr"]["word"]
        for figure in ("sufficiency", "comprehensiveness"):
            mine, theirs = (systems[each]["faithfulness"][figure] for each in ("plmr", name))
            assert theirs == pytest.approx(mine, abs=1e-6)
        assert systems[name]["seconds_per_text"] is None


def test_only_the_texts_that_are_drawn_need_an_external_rationale(run, model, reviews, tmp_path):
    rows = [{"text": row["text"], "rationale": row["rationale"]} for row in read_lines(reviews)]
    arguments = ("compare", model, "--data", reviews, "--explainers", "", "--json", tmp_path / "c.json")
    drawn = draw_sample(len(rows), 2, 7)
    with (tmp_path / "drawn.jsonl").open("w") as inside, (tmp_path / "rest.jsonl").open("w") as outside:
        for number, row in enumerate(rows):
            print(json.dumps(row), file=inside if number in drawn else outside)
    few = ("--limit", 2, "--seed", 7)
    result = run(*arguments, *few, "--external", f"people={tmp_path / 'drawn.jsonl'}")
    assert result.exit_code == 0, result.output
    assert json.loads((tmp_path / "c.json").read_text())["systems"]["people"]["word"]["micro_f1"] == 1
    assert_refused(run(*arguments, *few, "--external", f"people={tmp_path / 'rest.jsonl'}"), "no row has the text of")
    assert_refused(run(*arguments, "--external", f"people={tmp_path / 'drawn.jsonl'}"), "no row has the text of")


def test_the_rationales_people_marked_agree_with_themselves(run, model, reviews, tmp_path):
    result = run(
        *("compare", model, "--data", reviews, "--explainers", "random", "--limit", 5),
        *("--external", f"people={reviews}", "--json", tmp_path / "c.json", "--bf16"),
    )
    assert result.exit_code == 0, result.output
    assert "note: people: 5 rationales have no scores" in result.stdout
    written = json.loads((tmp_path / "c.json").read_text())
    assert written["bf16"] is True
    people = written["systems"]["people"]
    assert people["word"]["micro_f1"] == 1
    assert people["faithfulness"]["aopc_sufficiency"] is None


@pytest.mark.parametrize(
    ("words", "phrases"),
    [
        (["--explainers", "lime,shapp"], ["'shapp'", "Did you mean 'shap'?"]),
        (["--explainers", "attention"], ["'gru-3' has no attention"]),
        (["--explainers", " , "], ["nothing to compare with", "--external"]),
        (["--external", "theirs.jsonl"], ["'theirs.jsonl'", "NAME=FILE"]),
        (["--external", "a=x.jsonl", "--external", "a=y.jsonl"], ["used once"]),
        (["--external", "a=x.jsonl"], ["x.jsonl", "no such file"]),
        (["--sparsity", 2], ["sparsity=2.0"]),
        (["--sparsity", 0.1, "--max-words", 3], ["both say how long"]),
        (["--json", "/dev/full", "--explainers", "random", "--limit", 1], ["/dev/full", "no space"]),
    ],
)
def test_what_cannot_be_compared_is_refused_in_one_line(run, model, reviews, words, phrases):
    assert_refused(run("compare", model, "--data", reviews, *words), *phrases)


def test_a_refused_comparison_leaves_no_file(run, model, reviews, tmp_path):
    arguments = ("compare", model, "--data", reviews, "--json", tmp_path / "c.json")
    assert_refused(run(*arguments, "--explainers", "attention"))
    assert_refused(run(*arguments, "--external", f"ig={reviews}"), "'ig'")
    assert not list(tmp_path.iterdir())


EXAMPLES = [Example.from_text("good beer, good day", 1, source="d:1"), Example.from_tokens(["a", "b"], 0, source="d:2")]


def test_external_rationales_are_ranges_flags_or_scores(tmp_path, write_rows):
    rows = [
        {"rationale": [[0, 9], [11, 13]], "scores": [3, 0, 0.5, 2, 1]},
        {"rationale": [0, 1]},
    ]
    first, second = read_external(write_rows(tmp_path / "e.jsonl", rows), EXAMPLES)
    assert first.selected.tolist() == [True, True, False, True, False]
    assert first.scores.tolist() == [3, 0, 0.5, 2, 1]
    assert second.selected.tolist() == [False, True] and second.scores is None
    rows = [{"tokens": ["a", "b"], "scores": [1, 2]}, {"text": "good beer, good day", "rationale": []}]
    first, second = read_external(write_rows(tmp_path / "e.jsonl", rows), EXAMPLES)
    assert first.selected.tolist() == [False] * 5 and first.scores is None
    assert second.selected is None and np.array_equal(second.scores, [1, 2])
    rows = [{"rationale": []}, {"text": "a b", "scores": [1, 2]}]
    _, second = read_external(write_rows(tmp_path / "e.jsonl", rows), EXAMPLES)
    assert np.array_equal(second.scores, [1, 2]), "a text in its own place"
    (only,) = read_external(tmp_path / "e.jsonl", EXAMPLES, [1])
    assert np.array_equal(only.scores, [1, 2]), "the row of its place in all texts"


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([{"rationale": []}], "1 rows for 2 texts"),
        ([{"rationale": []}] * 3, "3 rows for 2 texts"),
        ([{"text": "a b", "rationale": []}] * 2, "no row has the text of d:1, 'good beer, good day'"),
        (
            [{"rationale": []}, {"text": "good beer, good day", "rationale": []}],
            "e.jsonl:2: its text, 'good beer, good day', is not 'a b', that of d:2 .* e.jsonl:1 has no text",
        ),
        ([{"rational": []}] * 2, "e.jsonl:1: neither a rationale nor scores.*Did you mean 'rational'"),
        ([{"rationale": "0 1"}] * 2, "e.jsonl:1: the rationale should be a list"),
        ([{"rationale": [0, 1]}] * 2, "has 2 entries; give one flag, 0 or 1, for each of the 5 words"),
        ([{"rationale": [0, 1, 2, 0, 0]}] * 2, "such as 2"),
        ([{"rationale": [[3, 99]]}] * 2, r"e.jsonl:1: rationale range \[3, 99\]"),
        ([{"rationale": [], "scores": [1, 2]}] * 2, "scores should be 5 finite numbers"),
        ([{"scores": [1, 2, 3, 4, None]}] * 2, "scores should be 5 finite numbers"),
    ],
)
def test_external_rationales_that_do_not_fit_are_named(tmp_path, write_rows, rows, message):
    with pytest.raises(PlmrError, match=message):
        read_external(write_rows(tmp_path / "e.jsonl", rows), EXAMPLES)


def test_gold_written_out_and_read_in_is_gold(reviews):
    examples = load_examples(reviews)
    for example, rationale in zip(examples, read_external(reviews, examples), strict=True):
        assert tuple(rationale.selected) == example.rationale
    assert [e.text for e in examples] == [e.text for e in make_reviews(40, seed=1)]
