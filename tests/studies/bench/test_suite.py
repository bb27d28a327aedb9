"""Suite files: what they mean, and what is refused in one line that names the nearest."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from plmr.errors import PlmrError
from plmr.methods import METHODS
from plmr.studies.bench import load_suite
from plmr.studies.bench.results import run_key

WHOLE = """
name: everything
note: one setting for all methods
methods:
  rnp:
  fr: {continuity_weight: 1, epochs: 3, note: tried two weights}
  mcd far: {method: mcd, kl_weight: 3.0}
encoders: {gru: , deep: {encoder: gru-3, learning_rate: 5e-4}}
datasets:
  synthetic: {sparsities: [0.1, 0.3]}
  look: {dataset: synthetic, aspect: look}
  mine: {data: train.csv, test: test.csv, text_column: body}
sparsities: 0.2
seeds: [0, 1]
model: {continuity_weight: 2.0, smoothing: 5}
training: {epochs: 1, batch_size: 8}
limit: {train: 50}
data_seed: 7
shared_texts: error
test: true
exclude: [{method: fr, encoder: deep}, {dataset: mine, seed: 1}]
"""
DIGESTS = {"train": "a", "validation": "b", "test": "c"}


@pytest.fixture
def write(tmp_path):
    def write(text: str) -> Path:
        path = tmp_path / "suite.yaml"
        path.write_text(text, encoding="utf-8")
        return path

    return write


def test_runs_are_the_product_less_what_is_excluded(write):
    suite = load_suite(write(WHOLE))
    assert (suite.name, suite.note) == ("everything", "one setting for all methods")
    places = [(r.seed, r.dataset, r.sparsity, r.encoder, r.method) for r in suite.runs]
    expected = {
        (seed, dataset, sparsity, encoder, method)
        for seed in (0, 1)
        for dataset, sparsity in (("synthetic", 0.1), ("synthetic", 0.3), ("look", 0.2), ("mine", 0.2))
        for encoder in ("gru", "deep")
        for method in ("rnp", "fr", "mcd far")
        if (method, encoder) != ("fr", "deep") and (dataset, seed) != ("mine", 1)
    }
    assert set(places) == expected
    assert len(places) == len(expected)
    assert [place[0] for place in places] == sorted(place[0] for place in places), "seeds outermost"


def test_what_is_set_for_one_wins_over_what_is_set_for_all(write):
    runs = {(r.method, r.encoder): r for r in load_suite(write(WHOLE)).runs if r.seed == 0}
    rnp, fr, mcd = runs["rnp", "gru"], runs["fr", "gru"], runs["mcd far", "deep"]
    assert rnp.model["continuity_weight"] == 2.0
    assert fr.model == {"continuity_weight": 1, "smoothing": 5, "encoder": "gru", "method": "fr", "sparsity": 0.2}
    assert rnp.training == {"num_train_epochs": 1, "per_device_train_batch_size": 8, "seed": 0}
    assert fr.training["num_train_epochs"] == 3
    assert (mcd.model["method"], mcd.model["method_options"]) == ("mcd", {"kl_weight": 3.0})
    assert (mcd.model["encoder"], mcd.training["learning_rate"]) == ("gru-3", 5e-4)
    assert fr.note == "tried two weights"
    assert rnp.test and rnp.data["limit"] == {"train": 50} and rnp.data["data_seed"] == 7


def test_what_is_said_of_methods_and_encoders_goes_with_their_runs(write):
    text = WHOLE.replace("gru: ,", "gru: {note: the smallest},")
    for run in load_suite(write(text)).runs:
        notes = {"fr": {"note": "tried two weights"}}.get(run.method, {})
        notes |= {"gru": {"encoder_note": "the smallest"}}.get(run.encoder, {})
        assert {key: value for key, value in run.labels.items() if key.endswith("note")} == notes


def test_options_of_datasets_are_those_of_their_loaders(write):
    options = "aspect: 1, positive: 1, balance: false, max_words: null, environments: size, data_dir: x"
    path = write(
        f"methods: rnp\nencoders: gru\ndatasets: {{beer: {{{options}}}, synthetic: {{aspects: [look, aroma]}}}}"
    )
    beer, synthetic = load_suite(path).runs
    assert (beer.data["environments"], synthetic.data["aspects"]) == ("size", ["look", "aroma"])


def test_little_is_needed(write):
    (run,) = load_suite(write("methods: rnp\ndatasets: synthetic\nencoders: gru")).runs
    assert (run.sparsity, run.seed, run.test, run.data["shared_texts"]) == (0.2, 0, False, "remove")


def test_the_folder_of_the_data_can_be_given_apart(write):
    path = write("methods: rnp\nencoders: gru\ndatasets: {a: {dataset: beer, aspect: aroma}, synthetic: }")
    beer, synthetic = load_suite(path, data_dir="files").runs
    assert beer.data["data_dir"] == "files"
    assert "data_dir" not in synthetic.data


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("methods:\n", "metods:\n", r"suite\.yaml: there is no key 'metods'\. Did you mean 'methods'\?"),
        ("  rnp:", "  rpn:", r"methods: There is no method 'rpn'.*Did you mean 'rnp'"),
        ("kl_weight", "kl_wieght", r"methods, mcd far: there is no setting 'kl_wieght'\. Did you mean 'kl_weight'"),
        ("kl_weight: 3.0", "kl_weight: -1", r"mcd far on .*kl_weight=-1 is not a number of 0 or more"),
        ("encoder: gru-3", "encoder: gru-9", "1 to 3 layers"),
        ("encoder: gru-3", "encoder: minlm", "encoders: Cannot load a tokenizer.*Did you mean 'minilm'"),
        ("  synthetic:", "  sinthetic:", "datasets, sinthetic: there is no dataset.*Did you mean 'synthetic'"),
        ("aspect: look", "aspct: look", "datasets, look: there is no key 'aspct'. Did you mean 'aspect'"),
        ("text_column", "text_colum", "datasets, mine: there is no key 'text_colum'. Did you mean 'text_column'"),
        ("aspect: look", "n: many", "datasets, look: n should be a whole number or null, not 'many'"),
        ("synthetic, aspect: look", "beer, positive: high", "datasets, look: positive should be a number, not 'high'"),
        ("synthetic, aspect: look", "beer, data_dir: 3", "data_dir should be a text, not 3; put it in quotes"),
        ("aspect: look", "aspects: 3", "aspects should be a list, each a text or null, not 3"),
        ("aspect: look", "aspects: [look, 3]", r"aspects should be a list, each a text or null, not \['look', 3\]"),
        ("dataset: synthetic, aspect: look", "dataset: beer, data_dir: x", r"look: .* needs aspect; add `aspect: …`\."),
        ("synthetic, aspect: look", "hotel, aspect: 1", "needs data_dir; add `data_dir: …`, or give --data-dir"),
        ("aspect: look", "environments: size", "look: environments are made from ratings .*beer alone has; leave it"),
        (
            "text_column: body",
            "environments: size",
            "mine: environments .* name a column of them by environment_column",
        ),
        ("text_column: body", "environment_colum: a", "Did you mean 'environment_column'"),
        ("sparsities: 0.2", "sparsities: 2", "sparsity=2 is not between 0 and 1"),
        ("sparsities: 0.2", "sparsities: [few]", "sparsities should be a number each, not 'few'"),
        ("seeds: [0, 1]", "seeds: 3", r"seeds should be a list, such as \[0, 1, 2\], not 3"),
        ("seeds: [0, 1]", "seeds: [1.5]", "seeds should be a whole number each"),
        ("smoothing: 5", "smoothin: 5", "model: there is no setting 'smoothin'. Did you mean 'smoothing'"),
        ("smoothing: 5", "sparsity: 0.1", "model: there is no setting 'sparsity'"),
        ("batch_size: 8", "batch_sise: 8", "training: there is no setting 'batch_sise'. Did you mean 'batch_size'"),
        ("batch_size: 8", "batch_size: 0", "per_device_train_batch_size=0 is not a whole number of 1 or more"),
        ("batch_size: 8", "seed: 8", "training: there is no setting 'seed'"),
        ("limit: {train: 50}", "limit: {trian: 50}", "limit: there is no key 'trian'. Did you mean 'train'"),
        ("limit: {train: 50}", "limit: {train: 0}", "limit: train should be 1 or more texts, not 0"),
        ("shared_texts: error", "shared_texts: eror", "remove, error, allow. Did you mean 'error'"),
        ("test: true", "test: maybe", "test should be true or false"),
        ("{method: fr,", "{method: mcd,", "exclude: method 'mcd' is not in the suite.*Did you mean 'mcd far'"),
        ("exclude: [{", "exclude: [3, {", "exclude should hold lines like"),
        ("exclude: [", "exclude: [{seed: 0}, {seed: 1}, ", "exclude leaves no run"),
        ("model: {continuity_weight: 2.0, smoothing: 5}", "model: 3", "model should hold lines `key: value`, not 3"),
        ("name: everything", "imports: toy.yaml", r"imports should be Python files, such as \[toy.py\]"),
        ("name: everything", "imports: toy.py", "toy.py: there is no such file"),
    ],
)
def test_what_cannot_be_meant_is_refused_in_one_line(write, old, new, message):
    assert old in WHOLE
    with pytest.raises(PlmrError, match=message) as caught:
        load_suite(write(WHOLE.replace(old, new, 1)))
    assert "\n" not in str(caught.value)
    assert "suite.yaml" in str(caught.value) or "toy.py" in str(caught.value)


def test_a_part_is_chosen_by_one_value_or_more_of_an_axis(write):
    suite = load_suite(write(WHOLE))
    assert suite.choose([]) == suite.runs
    chosen = suite.choose(["method=mcd far", "method=rnp", "seed=1", "sparsity=0.2", "dataset=look"])
    assert [(run.method, run.encoder) for run in chosen] == [
        (method, encoder) for encoder in ("gru", "deep") for method in ("rnp", "mcd far")
    ]
    assert {(run.seed, run.sparsity, run.dataset) for run in chosen} == {(1, 0.2, "look")}
    assert suite.choose(["dataset=mine", "seed=1"]) == [], "excluded"


@pytest.mark.parametrize(
    ("condition", "message"),
    [
        ("gru", "'gru' is not one of method=…, encoder=…, dataset=…, sparsity=…, seed=…."),
        ("encoders=gru", "'encoders=gru' is not one of .* Did you mean 'encoder'"),
        ("encoder=gru-3", "'encoder=gru-3': encoder 'gru-3' is not in the suite, which has deep, gru."),
    ],
)
def test_a_part_that_is_not_there_is_told(write, condition, message):
    with pytest.raises(PlmrError, match=message):
        load_suite(write(WHOLE)).choose([condition])


def test_the_key_is_that_of_what_figures_depend_on(write):
    def key(text: str = WHOLE, digests: dict[str, str] = DIGESTS) -> str:
        return run_key(load_suite(write(text)).runs[0], digests)

    same = key()
    assert key(WHOLE.replace("  rnp:", "  plain: {method: rnp}")) == same, "labels are not in it"
    assert key(WHOLE.replace("note: one", "note: some")) == same
    assert key(WHOLE.replace("smoothing: 5", "smoothing: 5, unit: word")) == same, "word is the default"
    assert key(WHOLE.replace("epochs: 1", "num_train_epochs: 1")) == same
    assert key(WHOLE.replace("smoothing: 5", "smoothing: 5, match_weight: 3")) == same, "RNP does not read it"
    assert key(WHOLE.replace("smoothing: 5", "smoothing: 3")) != same
    assert key(WHOLE.replace("batch_size: 8", "batch_size: 4")) != same
    assert key(WHOLE.replace("seeds: [0, 1]", "seeds: [1]").replace(", {dataset: mine, seed: 1}", "")) != same
    assert key(digests=DIGESTS | {"train": "d"}) != same
    assert key(digests=DIGESTS | {"test": "d"}) != same
    plmr = "methods: plmr\nencoders: gru-3\ndatasets: synthetic\nmodel: {match_weight: 1}"
    assert key(plmr, {"train": "a"}) != key(plmr.replace("1}", "3}"), {"train": "a"}), "PLMR reads it"
    untested = WHOLE.replace("test: true", "test: false")
    assert key(untested) != same
    assert key(untested, DIGESTS | {"test": "d"}) == key(untested), "test texts are not scored"


def test_files_of_the_suite_bring_methods_and_are_in_the_key(write, tmp_path):
    toy = tmp_path / "toy.py"
    code = "from plmr.methods import METHODS, RNP\nclass Toy(RNP):\n    summary = 'toy'\nMETHODS['toy'] = Toy\n"
    toy.write_text(code)
    path = write(f"methods: toy\nencoders: gru\ndatasets: synthetic\nimports: '{toy}'")
    try:
        (run,) = load_suite(path).runs
        before = run_key(run, DIGESTS)
        toy.write_text(code + "# changed\n")
        assert run_key(run, DIGESTS) != before
        toy.write_text("1 / 0")
        with pytest.raises(PlmrError, match="toy.py fails when it is imported: ZeroDivisionError"):
            load_suite(path)
    finally:
        METHODS.pop("toy")


@pytest.mark.parametrize("file", sorted((Path(__file__).parents[3] / "benchmarks" / "suites").glob("*.yaml")))
def test_the_ready_suites_can_be_meant(file):
    suite = load_suite(file, data_dir="beer")
    assert suite.name == file.stem
    assert suite.note
    assert len({run.name for run in suite.runs}) == len(suite.runs)


def test_the_example_of_the_docs_can_be_meant(write):
    text = (Path(__file__).parents[3] / "docs" / "bench.md").read_text(encoding="utf-8")
    (example,) = re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)
    assert len(load_suite(write(example)).runs) == 12
