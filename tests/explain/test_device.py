"""Where a classifier computes: on the device asked for, with the answers of the CPU."""

from __future__ import annotations

import copy

import pytest
import torch

from plmr import RationaleClassifier, make_reviews
from plmr.devices import devices, find_device
from plmr.errors import PlmrError

REVIEWS = make_reviews(24, seed=5)
QUICK = {"epochs": 1, "batch_size": 8, "disable_tqdm": True}


@pytest.fixture(scope="module")
def saved(trained, tmp_path_factory):
    folder = tmp_path_factory.mktemp("device") / "model"
    trained["bert"].save_pretrained(folder)
    return folder


def test_a_gpu_is_taken_where_there_is_one():
    found = find_device()
    if torch.cuda.is_available():
        assert found == torch.device("cuda", 0) and len(devices("cuda")) == torch.cuda.device_count()
    else:
        assert found.type == ("mps" if torch.backends.mps.is_available() else "cpu")
    assert find_device("cpu") == torch.device("cpu")


def test_a_loaded_classifier_is_on_the_device_asked_for(saved, trained, texts):
    on_cpu = RationaleClassifier.from_pretrained(saved, device="cpu")
    assert on_cpu.device == torch.device("cpu")
    assert on_cpu(texts) == trained["bert"](texts)
    assert RationaleClassifier.from_pretrained(saved).device.type == find_device().type


@pytest.mark.parametrize("name", ["gpu", "meta", "cpu:1", "cuda:99", "", "CPU"])
def test_a_device_that_is_not_there_is_one_line(saved, name):
    loaded = RationaleClassifier.from_pretrained(saved, device="cpu")
    for use in (
        lambda: RationaleClassifier.from_pretrained(saved, device=name),
        lambda: RationaleClassifier.from_pretrained("gru", device=name),
        lambda: loaded.to(name),
    ):
        with pytest.raises(PlmrError, match=f"device={name!r}: there is cpu.* give one of these") as caught:
            use()
        assert "\n" not in str(caught.value)
    assert loaded.device == torch.device("cpu")


def test_onnxruntime_has_no_device_to_choose(saved):
    with pytest.raises(PlmrError, match="device='cpu' is for backend='torch'"):
        RationaleClassifier.from_pretrained(saved, device="cpu", backend="onnx")


def test_a_classifier_trains_on_the_cpu_and_stays_there_if_it_was_asked_to():
    new = RationaleClassifier.from_pretrained("gru", method="rnp", sparsity_annealing=0.0, device="cpu")
    assert new.device is None
    new.fit(REVIEWS, **QUICK)
    assert new.device == torch.device("cpu")
    model = new.model
    assert new.to("cpu") is new
    new.fit(REVIEWS, **QUICK)
    assert new.model is model and new.device == torch.device("cpu")
    assert new(REVIEWS[0].text).label in new.labels


@pytest.mark.gpu
def test_a_gpu_answers_as_the_cpu_does(classifier, texts, tmp_path):
    classifier.save_pretrained(tmp_path)
    on_cpu = RationaleClassifier.from_pretrained(tmp_path, device="cpu")
    on_gpu = RationaleClassifier.from_pretrained(tmp_path, device="cuda")
    assert on_gpu.device.type == "cuda"
    for expected, answer in zip(on_cpu(texts), on_gpu(texts), strict=True):
        assert (answer.label, answer.spans) == (expected.label, expected.spans)
        assert answer.score == pytest.approx(expected.score, abs=1e-4)
    assert on_gpu.to("cpu")(texts) == on_cpu(texts)


@pytest.mark.gpu
def test_training_may_start_from_a_model_on_a_gpu_and_end_on_the_cpu(trained):
    classifier = copy.deepcopy(trained["gru"]).to("cuda")
    classifier.fit(REVIEWS, **QUICK)
    assert classifier.device.type == "cuda"
    classifier.fit(REVIEWS, use_cpu=True, **QUICK)
    assert classifier.device.type == "cuda"
    classifier.to("cpu").fit(REVIEWS, **QUICK)
    assert classifier.device == torch.device("cpu")
