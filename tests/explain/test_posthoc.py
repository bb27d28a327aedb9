"""Explainers from outside: what they explain, and what they find."""

from __future__ import annotations

import inspect
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from plmr import make_reviews
from plmr.data import Example
from plmr.data.encoding import Encoded, RationaleTokenizer
from plmr.errors import PlmrError
from plmr.explain.posthoc import EXPLAINERS, TextFunction, top_words, word_scores
from plmr.explain.posthoc.attention import first_token_attention
from plmr.explain.posthoc.text_function import full_text_encoder
from plmr.explain.posthoc.with_captum import integrated_gradients, occlusion
from plmr.explain.posthoc.with_lime import lime_scores
from plmr.explain.posthoc.with_shap import shap_scores
from tests.small import CONFIGS, small_batch, small_model

REVIEWS = make_reviews(6, seed=9)
LOST = "\u0301"
"""A combining mark that stands alone is a word, of which a BERT tokenizer leaves nothing."""
ODD = [
    "don't, don't — it's well-known 👍🏽👍🏽 and naïve!!",
    "good good good good",
    "味が良い beer 123",
    "one",
    "tab\there \x07 and\u200ba",
    f"good {LOST} beer",
    "",
]


def function_of(classifier, text: str | Example, **changes) -> TextFunction:
    example = Example.from_text(text) if isinstance(text, str) else text
    model = classifier.model
    (encoded,) = RationaleTokenizer(classifier.tokenizer, model.config.max_tokens).examples([example], [None])
    return TextFunction(model, encoded, example.text, example.words, **changes)


def full_text_probabilities(model, input_ids: list[int], word_ids: list[int]) -> np.ndarray:
    """By the model's own forward pass."""
    with torch.no_grad():
        output = model(input_ids=torch.tensor([input_ids]), word_ids=torch.tensor([word_ids]), return_full_text=True)
    return output.full_text_logits.softmax(-1)[0].numpy()


SETTINGS = [
    {"family": family, **settings}
    for family, settings in [
        *((family, {}) for family in ("roberta", "electra-projected", "modernbert", "gru")),
        *(("bert", {"full_text_path": path}) for path in ("embeddings", "predictor", "first_token", "none")),
        ("bert", {"method": "rnp"}),
        ("bert", {"masking": "zero", "unit": "subword"}),
        ("bert", {"preset": "released"}),
    ]
]


@pytest.mark.parametrize("settings", SETTINGS, ids=lambda s: "-".join(map(str, s.values())))
def test_the_function_is_the_full_text_classifier_on_the_words_that_are_left(settings):
    family = settings["family"]
    model = small_model(**settings)
    batch = small_batch(family, lengths=(20,))
    ids, word_ids = batch["input_ids"][0].tolist(), batch["word_ids"][0].tolist()
    n_words = max(word_ids) + 1
    text = TextFunction(model, Encoded(ids, word_ids, n_words), "", [(0, 0)] * n_words, batch_size=3)
    present = np.random.default_rng(0).random((7, n_words)) < 0.5
    present[0], present[1] = True, False
    probabilities = text.probabilities(present)
    for flags, row in zip(present, probabilities, strict=True):
        left = [i for i, word in enumerate(word_ids) if word < 0 or flags[word]]
        expected = full_text_probabilities(model, [ids[i] for i in left], [word_ids[i] for i in left])
        assert np.allclose(row, expected, atol=1e-5)
    assert text.label == probabilities[0].argmax()
    assert np.ptp(probabilities[:, 0]) > 1e-3 or settings.get("full_text_path") == "first_token"


def test_occlusion_is_what_the_probability_loses_without_a_word(classifier):
    text = function_of(classifier, REVIEWS[0], batch_size=4)
    ids, word_ids = text.input_ids[0].tolist(), text.word_ids[0].tolist()
    whole = full_text_probabilities(classifier.model, ids, word_ids)
    expected = []
    for word in text.words:
        left = [i for i, w in enumerate(word_ids) if w != word]
        without = full_text_probabilities(classifier.model, [ids[i] for i in left], [word_ids[i] for i in left])
        expected.append(whole[text.label] - without[text.label])
    assert len(expected) > 10 and np.ptp(expected) > 0
    assert np.allclose(occlusion(text), expected, atol=1e-6)


@pytest.mark.parametrize(
    "settings",
    [
        {"family": "bert"},
        {"family": "bert", "freeze_embeddings": True},
        {"family": "electra-projected", "full_text_path": "predictor"},
        {"family": "distilbert", "method": "rnp", "masking": "zero"},
        {"family": "gru"},
    ],
    ids=lambda s: "-".join(map(str, s.values())),
)
def test_integrated_gradients_are_complete(settings):
    """They share out the difference between the text and one of padding, up to the error of the quadrature."""
    model = small_model(**settings)
    batch = small_batch(settings["family"], lengths=(12,))
    ids, word_ids = batch["input_ids"][0].tolist(), batch["word_ids"][0].tolist()
    n_words = max(word_ids) + 1
    text = TextFunction(model, Encoded(ids, word_ids, n_words), "", [(0, 0)] * n_words)
    padding = [i if w < 0 else model.config.pad_token_id or 0 for i, w in zip(ids, word_ids, strict=True)]
    rows = [full_text_probabilities(model, given, word_ids)[text.label] for given in (ids, padding)]
    assert abs(rows[0] - rows[1]) > 0.01
    attributions = integrated_gradients(text, steps=300)
    assert attributions.shape == (n_words,)
    assert attributions.sum() == pytest.approx(rows[0] - rows[1], abs=0.005)


class Linear(TextFunction):
    """A text whose probability is known: a half, plus the weight of every word that is there."""

    def __init__(self, weights: np.ndarray, text: str, batch_size: int = 32):
        self.weights, self.text, self.batch_size, self.label = weights, text, batch_size, 1
        example = Example.from_text(text)
        self.ranges, self.words, self.n_words = list(example.words), [*range(len(example.words))], len(example.words)
        self.n_read = 0

    def probabilities(self, present: np.ndarray) -> np.ndarray:
        self.n_read += len(present)
        positive = 0.5 + present @ self.weights
        return np.stack([1 - positive, positive], axis=1)


def test_on_a_linear_function_explainers_find_its_weights():
    """Also where words repeat: each place has a weight of its own."""
    text = "the beer, the good beer and the bad good beer"
    weights = np.random.default_rng(1).normal(scale=0.02, size=len(Example.from_text(text).words))
    linear = Linear(weights, text)
    assert len(weights) == 11
    assert np.allclose(shap_scores(linear), weights, atol=1e-9)
    assert np.allclose(occlusion(linear), weights, atol=1e-9)
    assert np.allclose(lime_scores(linear, seed=3), weights, atol=2e-3)


def test_shap_shares_out_all_that_the_words_make(classifier):
    text = function_of(classifier, REVIEWS[1])
    none, whole = text.probabilities(np.array([[False], [True]]).repeat(len(text.words), axis=1))[:, text.label]
    values = shap_scores(text)
    assert values.sum() == pytest.approx(whole - none, abs=1e-6)
    assert np.ptp(values) > 0


def test_budgets_are_the_libraries_own():
    from captum.attr import LayerIntegratedGradients
    from lime.lime_text import LimeTextExplainer
    from shap.explainers import PartitionExplainer

    def default(function, name: str) -> int:
        return inspect.signature(function).parameters[name].default

    assert default(lime_scores, "samples") == default(LimeTextExplainer.explain_instance, "num_samples") == 5000
    assert default(shap_scores, "max_evals") == default(PartitionExplainer.__call__, "max_evals") == 500
    assert default(integrated_gradients, "steps") == default(LayerIntegratedGradients.attribute, "n_steps") == 50
    read = {}
    for name in ("lime", "shap", "occlusion"):
        linear = Linear(np.full(60, 0.001), " ".join(f"w{i}" for i in range(60)))
        word_scores(name, linear)
        read[name] = linear.n_read
    assert read["lime"] == 5000
    assert 490 <= read["shap"] <= 500
    assert read["occlusion"] == 61


def test_attention_is_that_of_the_last_block_by_hand(trained):
    classifier = trained["bert"]
    model, encoder = classifier.model, full_text_encoder(classifier.model.method)
    text = function_of(classifier, REVIEWS[2])
    seen = [i for i, w in enumerate(text.word_ids[0].tolist()) if w >= 0 or i == 0]
    attention = encoder.blocks[-1].attention.self
    with torch.no_grad():
        # The predictor reads the first token and the words, each where it stands in the text.
        states = encoder.embed(text.input_ids)[:, seen]
        states = encoder.run(states, model.method.late[:-1], torch.ones(1, len(seen)))
        query, key = (
            layer(states)[0].view(len(seen), attention.num_attention_heads, -1)
            for layer in (attention.query, attention.key)
        )
        scores = torch.einsum("hd,khd->hk", query[0], key) / attention.attention_head_size**0.5
        received = scores.softmax(-1).mean(0)
    expected = np.zeros(len(text.words))
    for place, weight in zip(seen[1:], received[1:].tolist(), strict=True):
        expected[text.words.index(int(text.word_ids[0, place]))] += weight
    assert np.allclose(first_token_attention(text), expected, atol=1e-6)
    assert encoder.compact and encoder.model.config._attn_implementation == "plmr"


@pytest.mark.parametrize("family", CONFIGS)
@pytest.mark.parametrize("masking", ["drop", "zero"])
def test_every_family_of_encoders_shows_its_attention(family, masking):
    model = small_model(family, masking=masking)
    batch = small_batch(family, lengths=(20,))
    ids, word_ids = batch["input_ids"][0].tolist(), batch["word_ids"][0].tolist()
    n_words = max(word_ids) + 1
    before = model(**batch).logits
    received = first_token_attention(TextFunction(model, Encoded(ids, word_ids, n_words), "", [(0, 0)] * n_words))
    assert received.shape == (n_words,) and (received >= 0).all()
    assert 0.2 < received.sum() < 1  # what is left went to special tokens
    assert torch.equal(model(**batch).logits, before)


@pytest.mark.parametrize("name", EXPLAINERS)
def test_every_word_has_a_score_whatever_it_is_made_of(trained, name, monkeypatch):
    classifier = trained["bert"]
    budget = {"lime": lambda text, seed: lime_scores(text, seed, samples=50)}
    monkeypatch.setitem(EXPLAINERS, name, replace(EXPLAINERS[name], scores=budget.get(name, EXPLAINERS[name].scores)))
    for string in ODD:
        text = function_of(classifier, string)
        scores = word_scores(name, text, seed=1)
        assert scores.shape == (len(Example.from_text(string).words),)
        assert np.isfinite(scores).all()
        assert np.array_equal(scores, word_scores(name, text, seed=1))
        unread = [word for word in range(len(scores)) if word not in text.words]
        assert len(unread) == string.count(LOST)
        assert all(scores[word] < scores[text.words].min() for word in unread)


@given(st.lists(st.sampled_from([-1.0, 0.0, 0.5, 2.0]), max_size=12), st.integers(0, 14))
def test_the_top_words_are_as_many_as_asked_for_and_rank_highest(scores, count):
    flags = top_words(np.array(scores), count)
    assert flags.sum() == min(count, len(scores))
    ranked = sorted(range(len(scores)), key=lambda i: (-scores[i], i))
    assert set(np.flatnonzero(flags)) == set(ranked[:count])


def test_a_recurrent_encoder_has_no_attention_to_show(trained):
    with pytest.raises(PlmrError, match="'gru-3' has no attention"):
        first_token_attention(function_of(trained["gru"], "a text"))
