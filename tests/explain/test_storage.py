"""Saving all or nothing; loading what was saved, and saying in one line why something cannot be loaded."""

from __future__ import annotations

import itertools
import json
import os
import re
import resource
import shutil
import signal
from pathlib import Path

import pytest
import yaml

from plmr import RationaleClassifier, make_reviews
from plmr.errors import PlmrError
from tests.signals import killed_at


@pytest.fixture
def saved(trained, tmp_path):
    trained["bert"].save_pretrained(tmp_path / "model")
    return tmp_path / "model"


def complaint(folder: Path | str, **settings) -> str:
    with pytest.raises(PlmrError) as caught:
        RationaleClassifier.from_pretrained(folder, **settings)
    message = str(caught.value)
    assert "\n" not in message
    return message


def test_a_saved_classifier_answers_the_same(classifier, texts, tmp_path):
    classifier.save_pretrained(tmp_path / "model")
    loaded = RationaleClassifier.from_pretrained(tmp_path / "model")
    assert loaded.labels == classifier.labels
    assert loaded.config.thresholds == classifier.config.thresholds
    for one, other in zip(classifier(texts), loaded(texts), strict=True):
        assert (one.label, one.spans, one.note) == (other.label, other.spans, other.note)
        assert one.score == pytest.approx(other.score, abs=1e-6)
    loaded.save_pretrained(tmp_path / "again")
    assert RationaleClassifier.from_pretrained(tmp_path / "again")(texts) == loaded(texts)


def test_the_folder_is_enough(texts, tiny_bert, tmp_path):
    """Neither the encoder that the training started from nor the place it was saved to is asked for again."""
    encoder = shutil.copytree(tiny_bert, tmp_path / "encoder")
    classifier = RationaleClassifier.from_pretrained(str(encoder), sparsity_annealing=0.0)
    classifier.fit(make_reviews(16, seed=5), make_reviews(8, seed=6), epochs=1, disable_tqdm=True, use_cpu=True)
    classifier.save_pretrained(tmp_path / "model")
    before = classifier(texts)
    shutil.rmtree(encoder)
    moved = shutil.move(tmp_path / "model", tmp_path / "elsewhere")
    assert json.loads((Path(moved) / "config.json").read_text())["plmr_version"]
    for one, other in zip(before, RationaleClassifier.from_pretrained(moved)(texts), strict=True):
        assert (one.label, one.spans) == (other.label, other.spans)
        assert one.score == pytest.approx(other.score, abs=1e-6)


def test_a_readme_of_the_users_own_stays(trained, tmp_path):
    readme = tmp_path / "README.md"
    readme.write_text("# My project\n", encoding="utf-8")
    trained["gru"].save_pretrained(tmp_path)
    assert readme.read_text(encoding="utf-8") == "# My project\n"
    readme.unlink()
    for _ in range(2):  # a card of our own is replaced
        trained["gru"].save_pretrained(tmp_path)
        assert readme.read_text(encoding="utf-8").startswith("---\nlibrary_name: plmr\n")
        readme.write_text(readme.read_text(encoding="utf-8") + "an old line", encoding="utf-8")
    trained["gru"].save_pretrained(tmp_path)
    assert "an old line" not in readme.read_text(encoding="utf-8")


@pytest.mark.parametrize("thresholds", [[0.5, 0.5, 0.5], []])
def test_thresholds_for_other_steps_are_an_error(saved, thresholds):
    config = json.loads((saved / "config.json").read_text())
    (saved / "config.json").write_text(json.dumps(config | {"thresholds": thresholds}))
    assert f"thresholds holds {len(thresholds)} number(s), but plmr prunes in" in complaint(saved)


def test_weights_may_be_read_by_whom_the_umask_lets(trained, tmp_path):
    before = os.umask(0o027)
    try:
        trained["gru"].save_pretrained(tmp_path / "model")
    finally:
        os.umask(before)
    assert {file.name: file.stat().st_mode & 0o777 for file in (tmp_path / "model").iterdir()} == {
        file.name: 0o640 for file in (tmp_path / "model").iterdir()
    }


def test_a_trained_classifier_has_its_settings(saved):
    message = complaint(saved, sparsity=0.1, labels=["a", "b"], preset="paper")
    assert all(word in message for word in ("settings are fixed", "sparsity", "labels", "preset"))


def test_a_folder_without_a_model(tmp_path):
    assert "no config.json" in complaint(tmp_path)
    file = tmp_path / "file"
    file.write_text("x")
    assert "is a file" in complaint(file)
    assert "nowhere" in complaint(tmp_path / "nowhere")


def test_cut_off_weights(saved):
    weights = saved / "model.safetensors"
    for size in (weights.stat().st_size // 2, 100, 4, 0):
        os.truncate(weights, size)
        assert re.search(r"missing or damaged: .*[.!?] Copy the folder again", complaint(saved))


def test_missing_weights(saved):
    (saved / "model.safetensors").unlink()
    assert "missing or damaged" in complaint(saved)


def test_missing_tokenizer(saved):
    for pattern in ("tokenizer.json", "vocab*", "*token*"):  # transformers does without the first, special tokens alone
        for file in saved.glob(pattern):
            file.unlink()
        message = complaint(saved)
        assert "there is no tokenizer.json in it" in message and message.endswith(
            "Copy the folder again, or train again."
        )


def test_an_encoder_without_its_vocabulary(tiny_bert, tmp_path):
    folder = shutil.copytree(tiny_bert, tmp_path / "bert")
    for name in ("tokenizer.json", "vocab.txt"):
        (folder / name).unlink(missing_ok=True)
    message = complaint(folder)
    assert "there is no tokenizer.json in it" in message and "Give 'gru'" in message


def test_weights_of_another_model(saved):
    config = json.loads((saved / "config.json").read_text())
    for change in ({"method": "rnp"}, {"generator_depth": 2, "dim_reduction_blocks": 2}):
        (saved / "config.json").write_text(json.dumps(config | {"thresholds": None} | change))
        assert "do not fit its config.json" in complaint(saved)
    config["encoder_config"]["hidden_size"] = 32
    (saved / "config.json").write_text(json.dumps(config))
    assert "fit its config.json" in complaint(saved) or "damaged" in complaint(saved)


@pytest.mark.parametrize(
    ("content", "cause"),
    [
        ("", "JSON"),
        ("{", "JSON"),
        ("[]", "model_type"),
        ('{"model_type": "no-such-model"}', "no-such-model"),
        ("{}", "model_type"),
    ],
)
def test_a_broken_config(saved, content, cause):
    (saved / "config.json").write_text(content)
    message = complaint(saved)
    assert message.startswith(f"Cannot load '{saved}': ") and cause in message
    assert message.endswith("Give a folder with a saved model, a hub id, 'minilm', 'gru' or 'gru-3'.")


@pytest.mark.parametrize(
    ("change", "phrase"),
    [
        ({"id2label": {"1": "a", "2": "b"}}, "should number the classes from 0 on"),
        ({"id2label": {"0": "a", "1": "a"}}, "each with a name of its own"),
        ({"id2label": {"0": "a", "1": "b", "2": "c"}}, "do not fit its config.json"),
        ({"shared_mask_head": "yes"}, "shared_mask_head should be true or false, not 'yes'"),
        ({"method": 5}, "method should be a text, not 5"),
        ({"pad_token_id": 99_999}, "pad_token_id=99999 is not among the"),
    ],
)
def test_a_damaged_setting_in_the_config(saved, change, phrase):
    config = json.loads((saved / "config.json").read_text())
    (saved / "config.json").write_text(json.dumps(config | change))
    assert phrase in complaint(saved)


def test_a_setting_out_of_range_in_the_config(saved):
    config = json.loads((saved / "config.json").read_text())
    (saved / "config.json").write_text(json.dumps(config | {"sparsity": 7}))
    assert "sparsity=7" in complaint(saved)


def test_an_unwritable_place_gets_nothing(trained, tmp_path):
    (tmp_path / "file").write_text("in the way")
    for place in (tmp_path / "file", tmp_path / "file" / "model"):
        with pytest.raises(PlmrError) as caught:
            trained["gru"].save_pretrained(place)
        assert str(caught.value) == f"{place}: a part of the path is a file, not a folder; check the path."
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
    assert (tmp_path / "file").read_text() == "in the way"


def test_a_full_disk_leaves_the_former_model(trained, texts, tmp_path):
    """A limit on the size of files stands for the full disk: writing fails half-way through the weights."""
    place = tmp_path / "model"
    trained["gru"].save_pretrained(place)
    before = {path.name: path.read_bytes() for path in place.iterdir()}
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (8192, limits[1]))
    try:
        with pytest.raises(PlmrError):
            trained["bert"].save_pretrained(place)
        with pytest.raises(PlmrError):
            trained["bert"].save_pretrained(tmp_path / "fresh")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, handler)
    assert {path.name: path.read_bytes() for path in place.iterdir()} == before
    assert [path.name for path in tmp_path.iterdir()] == ["model"]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork and SIGKILL")
def test_a_kill_at_any_moment_leaves_no_mixture_of_two_models(trained, tmp_path):
    def pair(folder: Path) -> list[bytes]:
        return [(folder / name).read_bytes() for name in ("config.json", "model.safetensors")]

    for name in ("gru", "bert"):
        trained[name].save_pretrained(tmp_path / name)
    old, new = (pair(tmp_path / name) for name in ("gru", "bert"))
    found = []
    for event in itertools.count(1):
        place = shutil.copytree(tmp_path / "gru", tmp_path / str(event))
        killed = killed_at(event, lambda place=place: trained["bert"].save_pretrained(place))
        found.append(pair(place) if (place / "config.json").exists() else None)
        assert found[-1] in (old, None, new)
        if not killed:
            break
        if found[-1] is None:
            assert "no config.json" in complaint(place)
    assert old in found and None in found and found[-1] == new


def test_the_folder_says_what_it_is(classifier, tmp_path):
    classifier.save_pretrained(tmp_path / "m")
    card = (tmp_path / "m" / "README.md").read_text(encoding="utf-8")
    head = yaml.safe_load(card.split("---")[1])
    assert head["library_name"] == "plmr" and "plmr" in head["tags"]
    assert "`negative`, `positive`" in card and "about 20%" in card
    assert f"| accuracy from the rationale | {classifier.summary.metrics['accuracy']:.1%} |" in card
    loaded = RationaleClassifier.from_pretrained(tmp_path / "m")
    loaded.save_pretrained(tmp_path / "again")
    again = (tmp_path / "again" / "README.md").read_text(encoding="utf-8")
    assert "validation" not in again
    recurrent = classifier.config.encoder == "gru-3"
    assert [text.count("pruned tokens are computed in full") for text in (card, again)] == [recurrent, recurrent]
