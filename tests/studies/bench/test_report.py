"""The report in its four forms: figures against a computation of their own, published ones from their file."""

from __future__ import annotations

import json
import re
from importlib.resources import files
from pathlib import Path
from statistics import mean, stdev
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from plmr.cli import app
from plmr.metrics import bootstrap_difference, evaluation_report
from plmr.studies.bench.report import suite_page
from plmr.studies.bench.summary import best_two, cells
from tests.studies.bench.lines import GOLD, SKILL, TEXTS, flags, labels, line

ATTACK = "<script src=\"//evil/x.js\" a='b'>&amp;"
ESCAPED = "&lt;script src=&quot;//evil/x.js&quot; a=&#x27;b&#x27;&gt;&amp;amp;"


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("results")
    lines = [line(method, seed, dataset) for seed in (0, 1) for dataset in ("aroma", "look") for method in SKILL]
    (folder / "results.jsonl").write_text("".join(json.dumps(each) + "\n" for each in lines))
    (folder / "suite.json").write_text(json.dumps({"name": "s", "note": "equal effort", "runs": []}))
    return folder


def report(folder: Path, form: str) -> str:
    done = CliRunner().invoke(app, ["bench", "report", str(folder), "--format", form], env={"NO_COLOR": "1"})
    assert done.exit_code == 0, done.output
    return done.stdout


def by_hand(method: str) -> dict[str, str]:
    """Mean and spread of the figures, from the flags themselves."""
    rows = []
    for seed in (0, 1):
        chosen, gold = np.stack(flags(method, seed)), np.stack(GOLD)
        hits, n, g = (chosen & gold).sum(), chosen.sum(), gold.sum()
        rows.append((n / chosen.size, labels(seed).count("no") / TEXTS, hits / n, hits / g, 2 * hits / (n + g)))
    return {
        title: f"{100 * mean(values):.1f} ± {100 * stdev(values):.1f}"
        for title, values in zip(("S", "ACC", "P", "R", "F1"), zip(*rows, strict=True), strict=True)
    }


@pytest.mark.parametrize("form", ["terminal", "markdown", "latex", "html"])
def test_every_form_has_the_same_figures(folder, form):
    text = report(folder, form)
    assert "equal effort" in text
    assert "95" in text and "points of F1 above" in text
    for method in SKILL:
        for value in by_hand(method).values():
            number, spread = value.split(" ± ")
            written = {
                "terminal": f"{number}±{spread}",
                "markdown": value,
                "latex": rf"{number}(\}})?\$_{{\\pm {spread}}}\$",
                "html": f"{number} <small>± {spread}</small>",
            }[form]
            assert re.search(written if form == "latex" else re.escape(written), text), (form, method, value)


def test_a_table_of_latex_has_as_many_cells_in_every_row_and_no_bare_signs(folder):
    text = report(folder, "latex")
    assert text.count(r"\begin{table}") == text.count(r"\end{table}") == 3
    assert r"100\% a\_b {[}x{]}" in text
    body = "\n".join(row for row in text.splitlines() if not row.startswith("%"))
    assert not re.search(r"(?<!\\)[%#]", body)
    for table in re.findall(r"\\begin\{tabular\}\{(lr+)\}(.*?)\\end\{tabular\}", body, re.DOTALL):
        rows = [row for row in table[1].splitlines() if row.endswith(r"\\") and "multicolumn" not in row]
        assert {row.count(" & ") for row in rows} == {len(table[0]) - 1}
    assert "look, asked for S 20" in body and r"\cmidrule(lr){7-11}" in body


@pytest.fixture(scope="module")
def hostile(tmp_path_factory) -> Path:
    """Results with a script in every name and note that a suite's file can bring to the page."""
    folder = tmp_path_factory.mktemp("hostile")
    # Two datasets, for they stand in heads of columns only where there are several.
    lines = [line(method, seed, name) for method in ("rnp", "mcd") for seed in (0, 1) for name in ("aroma", "look")]
    for each in lines:
        each["method"] = f"{each['method']} {ATTACK}1"
        each["dataset"] = f"{ATTACK}2 {each['dataset']}"
        each["encoder"] = f"{ATTACK}3"
        each["note"], each["encoder_note"] = f"{ATTACK}4", f"{ATTACK}5"
        each["machine"]["cpu"] = f"{ATTACK}6"
    lines[0]["notes"] = [f"{ATTACK}7"]
    # A second encoder: names of encoders are shown where there are several.
    lines.append(lines[0] | {"key": "other", "encoder": "gru"})
    (folder / "results.jsonl").write_text("".join(json.dumps(each) + "\n" for each in lines))
    (folder / "suite.json").write_text(json.dumps({"name": f"{ATTACK}8", "note": f"{ATTACK}9", "runs": []}))
    return folder


def test_a_page_is_safe_and_loads_nothing(folder, hostile):
    text = report(folder, "html")
    assert "default-src 'none'" in text
    assert text.count("<table>") == 3
    attacked = report(hostile, "html")
    for number in range(1, 10):
        assert f"{ESCAPED}{number}" in attacked, number
    # What stays when the escaped form is taken out holds nothing of the script, nor of its quotes.
    rest = attacked.replace(ESCAPED, "")
    assert "evil" not in rest
    for page in (text, rest):
        assert not re.search(r"url\(|@import|<script|<link|<img|<iframe|<object|<embed", page)
        # An address may be read, and is not fetched: it stands in no attribute.
        assert not re.search(r"<[^>]*(?:https?:|src=|href=|\son\w+=)", page)


def test_the_test_between_the_best_two_is_that_of_the_flags(folder):
    group = cells([line(method, seed) for seed in (0, 1) for method in SKILL])
    compared = best_two(group, resamples=500)
    assert compared is not None
    best, second, difference, _ = compared
    assert (best.method, second.method) == ("100% a_b [x]", "mcd")
    assert compared.chosen_from == 3
    # Counts added up over seeds are those of the seeds' texts laid end to end.
    ends = [zip(flags(method, 0), flags(method, 1), strict=True) for method in list(SKILL)[1:]]
    first, other = ([np.concatenate(pair) for pair in pairs] for pairs in ends)
    expected = bootstrap_difference(first, other, [np.concatenate([g, g]) for g in GOLD], resamples=500)
    assert difference == expected


def test_without_the_same_texts_there_is_no_test():
    pair = [line("rnp", 0), line("mcd", 0)]
    pair[1]["data"]["sha256"]["test"] = "others"
    assert best_two(cells(pair)) is None
    assert best_two(cells([line("rnp", 0)])) is None


def test_validation_figures_stand_where_a_run_has_no_other():
    mixed = [line("rnp", 0), line("mcd", 0)]
    del mixed[1]["test"]
    page = suite_page(mixed, {})
    assert "validation texts" in page.intro[-1] and "±" not in page.intro[-1]


def test_the_encoder_is_named_once_where_there_is_one_and_in_every_row_where_there_are_several():
    lines = [line("rnp", 0), line("mcd", 0)]
    page = suite_page(lines, {})
    assert "All runs are on the encoder gru." in page.intro
    assert not any("gru" in row.name for sheet in page.sheets for row in sheet.rows)
    lines[1]["encoder"] = "minilm"
    page = suite_page(lines, {})
    assert not any("gru" in sentence for sentence in page.intro)
    assert page.sheets[0].rows[0].name == "rnp · gru"


def test_what_runs_have_told_is_told():
    lines = [line(method, seed) for method in ("rnp", "mcd") for seed in (0, 1)]
    lines[0]["notes"] = ["selects nothing"]
    for each in lines:
        each["notes"] = [*each["notes"], "texts were removed"]
    lines[-1]["note"] = "tuned"
    lines[-1]["encoder_note"] = "smallest there is"
    suite = {"runs": [{"key": each["key"]} for each in lines] + [lines[0] | {"key": "other", "method": "fr"}]}
    notes = suite_page(lines, suite).notes
    assert "rnp on gru and aroma, asked for S 20 %, seed 0: selects nothing" in notes
    assert "All runs: texts were removed" in notes
    assert "mcd: tuned" in notes
    assert "gru: smallest there is" in notes
    assert "Not done are 1 of the 5 runs: fr on gru and aroma, asked for S 20 %, seed 0." in notes


def test_published_figures_stand_beside_ours_with_their_sources(folder):
    content = json.loads(files("plmr.studies").joinpath("data/published.json").read_text(encoding="utf-8"))
    for method in ("RNP", "MCD"):
        (row,) = (
            row
            for row in content["figures"]
            if (row["table"], row["method"], row["aspect"]) == ("4", method, "aroma") and 15 < row["S"] < 25
        )
        for form in ("terminal", "markdown", "html", "latex"):
            text = report(folder, form)
            assert all(f"{row[key]:.1f}" in text for key in ("S", "P", "R", "F1"))
            assert (
                f"{method} on GRU, correlated files, all reviews: table 4, {content['sources'][row['source']]}" in text
            )
            assert "Boosting Explainability" in text


def test_the_best_two_are_those_of_the_counts_that_are_compared():
    """The mean of the seeds' F1 has the other order: one seed selects much, and its few hits weigh little there."""

    def counted(method: str, *counts: tuple[int, int, int]) -> list[dict[str, Any]]:
        lines = []
        for seed, (hits, selected, gold) in enumerate(counts):
            each = line("rnp", seed) | {"method": method, "test_counts": [[hits, selected, gold]]}
            each["test"]["word"]["micro_f1"] = 2 * hits / (selected + gold)
            lines.append(each)
        return lines

    group = cells([*counted("even", (9, 20, 20), (9, 20, 20)), *counted("uneven", (9, 9, 10), (1, 80, 10))])
    means = {cell.method: cell.figure("f1").mean for cell in group}
    assert means["uneven"] > means["even"]
    compared = best_two(group, resamples=10)
    assert compared is not None and compared.best.method == "even" and compared.difference.difference > 0


def test_that_the_best_were_chosen_is_said():
    notes = suite_page([line(method, 0) for method in SKILL], {}).notes
    assert any("chosen by these same figures as the best of 3, which" in note for note in notes)
    notes = suite_page([line(method, 0) for method in ("rnp", "mcd")], {}).notes
    assert not any("chosen" in note for note in notes)


def test_costs_are_those_of_the_device():
    def costs(*lines: dict[str, Any]) -> tuple[list[str], list[list[str]], str]:
        page = suite_page(lines, {})
        sheet = page.sheets[-1]
        (note,) = (note for note in page.notes if note.startswith("Minutes and MiB are"))
        return list(sheet.groups[0].columns[-2:]), [[c.text for c in row.cells[0][-2:]] for row in sheet.rows], note

    cpu, gpu = line("rnp", 0), line("mcd", 0)
    gpu |= {"device": "cuda", "machine": {"cpu": "a cpu", "gpu": "a gpu"}}
    gpu["peak_memory_mib"] = {"ram": 3000.0, "gpu": 700.0}
    titles, rows, note = costs(cpu)
    assert (titles, rows) == (["CPU minutes", "RAM MiB"], [["1.0", "500"]])
    assert "CPU time" in note and "clock" not in note
    titles, rows, note = costs(gpu)
    assert (titles, rows) == (["minutes", "GPU MiB"], [["1.5", "700"]])
    assert "the GPU's peak memory" in note and "CPU time" not in note
    titles, rows, note = costs(cpu, gpu)
    assert (titles, rows) == (["minutes", "MiB"], [["1.0", "500"], ["1.5", "700"]])
    assert "CPU time" in note and "the GPU's peak memory" in note


@pytest.mark.parametrize(
    ("content", "message"),
    [(None, "there is no results.jsonl"), ("", "no run of this suite is done yet"), ("{}\n", "results.jsonl:1: not a")],
)
def test_a_folder_without_results_is_refused(tmp_path, content, message):
    if content is not None:
        (tmp_path / "results.jsonl").write_text(content)
    done = CliRunner().invoke(app, ["bench", "report", str(tmp_path)])
    assert done.exit_code == 2
    assert message in done.stderr and done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("name", "damage", "message"),
    [
        ("results.jsonl", lambda content: content[:-100], "results.jsonl:12: not a result"),
        ("results.jsonl", lambda content: content.replace(b'"seed"', b'"sead"', 1), "results.jsonl:1: not a result"),
        ("results.jsonl", lambda content: content + b"[1]\n", "results.jsonl:13: not a result"),
        ("results.jsonl", lambda content: content + b"\xff\n", "results.jsonl: not UTF-8"),
        ("suite.json", lambda content: content[:-5], "suite.json: not a suite in JSON"),
        ("results.jsonl", lambda content: content.replace(b'"word"', b'"sword"', 1), "results.jsonl:1: not a result"),
        ("results.jsonl", lambda content: content.replace(b'"data"', b'"date"', 1), "results.jsonl:1: not a result"),
        ("suite.json", lambda content: b"", "suite.json: not a suite in JSON"),
        ("suite.json", lambda content: b"[]", "suite.json: not a suite in JSON"),
        ("suite.json", lambda content: b'{"runs": 3}', "suite.json: not a suite in JSON"),
        ("suite.json", lambda content: content + b"\xff", "suite.json: not UTF-8"),
    ],
)
def test_damaged_results_are_refused_with_what_to_do(folder, tmp_path, name, damage, message):
    for each in ("results.jsonl", "suite.json"):
        content = (folder / each).read_bytes()
        (tmp_path / each).write_bytes(damage(content) if each == name else content)
    done = CliRunner().invoke(app, ["bench", "report", str(tmp_path)])
    assert done.exit_code == 2, done.output
    assert done.stderr == f"error: {tmp_path / message}; run the suite again to write it anew.\n"


def test_without_a_folder_the_last_one_is_reported(folder, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    none = CliRunner().invoke(app, ["bench", "report"])
    assert none.exit_code == 2 and "There are no results in bench-results" in none.stderr
    target = tmp_path / "bench-results" / "mine"
    target.mkdir(parents=True)
    (target / "results.jsonl").write_bytes((folder / "results.jsonl").read_bytes())
    assert "rnp" in CliRunner().invoke(app, ["bench", "report", "--format", "markdown"]).stdout
    written = CliRunner().invoke(app, ["bench", "report", "--format", "html", "--output", "page.html"])
    assert written.exit_code == 0 and (tmp_path / "page.html").read_text().startswith("<!doctype html>")


@pytest.mark.parametrize(("kept", "share"), [(np.ones, "100.0"), (np.zeros, "0.0")])
def test_a_run_that_missed_the_share_asked_for_is_told_and_never_best(kept, share):
    # All words have a recall of 100 %, and a class that is as good without any an accuracy that looks like the best.
    missed = evaluation_report([kept(20, dtype=bool)] * TEXTS, GOLD, y_true=["no"] * TEXTS, y_pred=["no"] * TEXTS)
    lines = [line(method, seed) for method in ("rnp", "mcd") for seed in (0, 1)]
    lines.append(line("rnp", 1) | {"key": "all", "method": "all", "test": missed.to_dict()})
    page = suite_page(lines, {})
    told = [finding for finding in page.findings if "all on gru selects" in finding]
    assert len(told) == len(page.findings) - 1 == 1
    assert f"selects {share} % with seed 1." in told[0]
    best = best_two(cells(lines))
    assert best is not None and best.chosen_from == 2
    (*_, last) = page.sheets[0].rows
    assert last.name == "all" and not any(cell.best for block in last.cells for cell in block)
    assert any(cell.best for row in page.sheets[0].rows for block in row.cells for cell in block)
