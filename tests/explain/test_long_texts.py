"""Texts longer than the encoder: all of them is read, and the answer is that of the documented rule."""

from __future__ import annotations

import copy
import math

import numpy as np
import pytest
import torch

from plmr import RationaleClassifier, RationaleConfig
from plmr.data import RationaleTokenizer, split_words
from plmr.data.encoding import word_flags
from plmr.errors import PlmrError
from plmr.explain.long_texts import read_documents
from plmr.explain.reading import read_texts
from plmr.explain.vocabulary import word_tokenizer
from plmr.inference import predict
from tests.explain.long import LONG, REVIEWS, assert_same, changed
from tests.small import small_model


class Reference:
    """The rule once more, word by word and without any code of the package's own windows."""

    def __init__(self, classifier: RationaleClassifier, text: str):
        self.model, config = classifier.model, classifier.config
        (encoded,) = RationaleTokenizer(classifier.tokenizer, None)([text], [split_words(text)])
        n_back = int(encoded.word_ids[-1] < 0)
        self.front, self.back = encoded.input_ids[:1], encoded.input_ids[len(encoded.input_ids) - n_back :]
        self.words = [
            [i for i, w in zip(encoded.input_ids, encoded.word_ids, strict=True) if w == n]
            for n in range(encoded.n_words)
        ]
        room = config.max_tokens - 1 - n_back
        self.windows = list(self._windows(room, int(config.window_overlap * config.max_tokens)))

    def _windows(self, room, overlap):
        first = 0
        while True:
            last = first
            while last < len(self.words) and self._tokens(first, last + 1) <= room:
                last += 1
            yield range(first, last)
            if last == len(self.words):
                return
            first = last
            while self._tokens(first - 1, last) <= overlap and self._tokens(first - 1, last + 1) <= room:
                first -= 1

    def _tokens(self, first, last):
        return sum(len(word) for word in self.words[first:last])

    def owner(self, word):
        def distance(k):
            window = self.windows[k]
            if word not in window:
                return -1
            left = math.inf if k == 0 else self._tokens(window.start, word)
            right = math.inf if k == len(self.windows) - 1 else self._tokens(word + 1, window.stop)
            return min(left, right)

        return max(range(len(self.windows)), key=lambda k: (distance(k), -k))

    def batch(self, window):
        ids = [*self.front, *(i for n in window for i in self.words[n]), *self.back]
        numbers = [-1, *(n - window.start for n in window for _ in self.words[n]), *(-1 for _ in self.back)]
        ids, numbers = torch.tensor([ids]), torch.tensor([numbers])
        return {"input_ids": ids, "attention_mask": torch.ones_like(ids), "word_ids": numbers}

    @torch.no_grad()
    def rationale(self):
        """Which words are selected, and their keep probabilities."""
        outputs = [self.model(**(batch := self.batch(window))) | batch for window in self.windows]
        selected, keep = [], []
        for word in range(len(self.words)):
            k = self.owner(word)
            output = outputs[k]
            tokens = output["word_ids"][0] == word - self.windows[k].start
            selected.append(bool(output["mask"][0][tokens].any()))
            keep.append(float(output["keep_probability"][0][tokens].max()))
        return selected, keep

    @torch.no_grad()
    def probabilities(self, selected):
        """Of the classes, read from given words."""
        total, weights = 0.0, 0
        plain = 0.0
        for k, window in enumerate(self.windows):
            batch = self.batch(window)
            mask = torch.tensor([[n >= 0 and selected[window.start + n] for n in batch["word_ids"][0].tolist()]])
            logs = self.model.predict_from(mask, **batch)[0].double().log_softmax(-1)
            own = sum(selected[n] for n in window if self.owner(n) == k)
            total, weights, plain = total + own * logs, weights + own, plain + logs
        return ((total / weights) if weights else plain / len(self.windows)).softmax(-1).numpy()


@pytest.mark.parametrize("overlap", [0.0, 0.25, 0.6])
def test_the_answer_is_that_of_the_rule_worked_out_word_by_word(classifier, overlap):
    windowed = changed(classifier, window_overlap=overlap)
    for text, answer in zip(LONG, windowed(LONG, batch_size=3), strict=True):
        reference = Reference(windowed, text)
        selected, keep = reference.rationale()
        assert len(reference.windows) > 2 and 0 < sum(selected) < len(selected)
        assert list(answer.selected) == selected
        np.testing.assert_allclose(answer.keep_scores, keep, atol=1e-5)
        np.testing.assert_allclose(list(answer.scores.values()), reference.probabilities(selected), atol=1e-5)
        assert answer.note == f"read in {len(reference.windows)} windows"


def test_a_window_without_rationale_does_not_vote(windowed):
    """Only the last words are kept, so the windows before theirs have no say; without any all have as much."""
    (reading,) = read_texts(LONG[:1], windowed._tokenization(), windowed.config)
    reference = Reference(windowed, LONG[0])
    flags = [False] * len(reading.words)
    nothing = read_documents(windowed.model, [reading.document], [flags])[0]
    np.testing.assert_allclose(nothing, reference.probabilities(flags), atol=1e-5)
    flags[-1] = flags[-2] = True
    read = read_documents(windowed.model, [reading.document], [flags])[0]
    np.testing.assert_allclose(read, reference.probabilities(flags), atol=1e-5)
    # Only the last window has decided on the two words; where others hold them too, they have no say either.
    batch = reference.batch(reference.windows[-1])
    mask = torch.tensor([[n >= 0 and flags[reference.windows[-1].start + n] for n in batch["word_ids"][0].tolist()]])
    with torch.no_grad():
        alone = windowed.model.predict_from(mask, **batch)[0].softmax(-1).numpy()
    np.testing.assert_allclose(read, alone, atol=1e-5)


def test_a_text_that_fits_is_answered_as_ever(classifier):
    limit, short = classifier.config.max_tokens, REVIEWS[:12]
    words = [split_words(text) for text in short]
    encoded = RationaleTokenizer(classifier.tokenizer, limit)(short, words)
    for answer, each, expected in zip(classifier(short), encoded, predict(classifier.model, encoded), strict=True):
        assert list(answer.scores.values()) == expected.probabilities.tolist()
        assert list(answer.selected) == word_flags(each.word_ids, expected.mask.tolist(), each.n_words)
        assert list(answer.keep_scores) == word_flags(each.word_ids, expected.keep.tolist(), each.n_words)
        assert answer.note is None or "window" not in answer.note
    wide = changed(classifier, max_tokens=len(encoded[0].input_ids))
    assert_same(wide(short[0]), classifier(short[0]))


def test_company_and_batches_do_not_matter(windowed):
    mixed = [REVIEWS[0], LONG[0], "", LONG[2], "short"]
    together = windowed(mixed)
    assert [each.text for each in together] == mixed
    for batch_size in (1, 3):
        for one, other in zip(windowed(mixed, batch_size=batch_size), together, strict=True):
            assert_same(one, other)
    for text, answer in zip(mixed, together, strict=True):
        assert_same(windowed(text), answer)


def test_cut_reads_the_beginning_only_and_says_so(classifier):
    cut = changed(classifier, long_texts="cut")
    words = split_words(LONG[0])
    (encoded,) = RationaleTokenizer(cut.tokenizer, 48)([LONG[0]], [words])
    (expected,) = predict(cut.model, [encoded])
    answer = cut(LONG[0])
    assert list(answer.scores.values()) == expected.probabilities.tolist()
    assert list(answer.selected) == word_flags(encoded.word_ids, expected.mask.tolist(), len(words))
    unseen = len(words) - encoded.n_reached
    assert answer.note.startswith(f"text cut at 48 tokens: {unseen} of {len(words)} words unseen") and unseen > 0


def test_the_dial_is_exact_on_long_texts(windowed):
    for share in (0.02, 0.3, 1.0):
        for answer in windowed([*LONG, REVIEWS[0]], sparsity=share):
            assert sum(answer.selected) == max(1, round(share * len(answer.selected)))
    shorter = windowed(LONG, max_words=3)
    for most in (9, 40, 10_000):
        answers = windowed(LONG, max_words=most)
        for text, short, answer in zip(LONG, shorter, answers, strict=True):
            assert sum(answer.selected) == min(most, len(answer.selected))
            assert all(b for a, b in zip(short.selected, answer.selected, strict=True) if a)
            kept = [k for k, s in zip(answer.keep_scores, answer.selected, strict=True) if s]
            left = [k for k, s in zip(answer.keep_scores, answer.selected, strict=True) if not s]
            assert min(kept) >= max(left, default=0.0)
            expected = Reference(windowed, text).probabilities(answer.selected)
            np.testing.assert_allclose(list(answer.scores.values()), expected, atol=1e-5)
        shorter = answers


def test_the_dial_at_the_calibrated_length_gives_the_calibrated_answer(windowed):
    for text, own in zip(LONG, windowed(LONG), strict=True):
        assert_same(windowed(text, max_words=sum(own.selected)), own)


def test_one_endless_word_ends(windowed, classifier):
    answer = windowed("x" * 50_000)
    assert len(answer.selected) == 1  # one unknown token, for these two tokenizers


def test_a_word_longer_than_a_window_is_cut_and_said_to_be():
    # A word of this kind is one of our words, and a token for each of its letters.
    from tests.test_encoding import TOKENIZERS

    model = small_model("bert", max_tokens=40)
    model.config.pad_token_id = 1
    tokenizer = copy.deepcopy(TOKENIZERS["byte-level"])
    model.method.encoder.model.embeddings.word_embeddings = torch.nn.Embedding(len(tokenizer), 32)
    classifier = RationaleClassifier(model.config, model, tokenizer)
    answer = classifier("x" * 50_000)
    assert len(answer.selected) == 1
    assert answer.note.startswith("1 of 1 words longer than a window: their ends are unseen")
    answer = classifier("the beer " * 30 + "x" * 50_000 + " was great")
    assert len(answer.selected) == 63 and "windows; 1 of 63 words longer than a window" in answer.note
    assert answer.keep_scores[-1] > 0 and answer.keep_scores[60] > 0


def test_evaluation_scores_what_is_predicted(windowed):
    rows = [
        {"text": text, "label": windowed.labels[i % 2], "rationale": [[len(text) - 60, len(text)]]}
        for i, text in enumerate([*LONG, REVIEWS[0]])
    ]
    report = windowed.evaluate(rows, batch_size=3, faithfulness=True)
    texts = [row["text"] for row in rows]
    answers, everything = windowed(texts), windowed(texts, sparsity=1.0)
    assert report.classification.accuracy == np.mean(
        [a.label == r["label"] for a, r in zip(answers, rows, strict=True)]
    )
    gold = [[start >= len(a.text) - 60 or end > len(a.text) - 60 for start, end in a.word_ranges] for a in answers]
    hits = sum(s and g for a, row in zip(answers, gold, strict=True) for s, g in zip(a.selected, row, strict=True))
    assert report.word.micro_recall == pytest.approx(hits / sum(map(sum, gold)))
    drops = [whole.score - answer.scores[whole.label] for whole, answer in zip(everything, answers, strict=True)]
    assert report.faithfulness.sufficiency == pytest.approx(np.mean(drops), abs=1e-5)
    half = np.argsort(-np.array(answers[0].keep_scores), kind="stable")[: math.ceil(0.5 * len(answers[0].selected))]
    kept = [n in half for n in range(len(answers[0].selected))]
    best = windowed.labels.index(everything[0].label)
    drop = everything[0].score - Reference(windowed, texts[0]).probabilities(kept)[best]
    alone = windowed.evaluate(rows[:1], faithfulness=True).faithfulness.bins[-1]
    assert alone.share == 0.5 and alone.sufficiency == pytest.approx(drop, abs=1e-5)


def test_training_still_cuts_and_says_so(tiny_bert):
    rows = [{"text": text, "label": "ab"[i % 2]} for i, text in enumerate([*LONG, *REVIEWS[:9]])]
    classifier = RationaleClassifier.from_pretrained(str(tiny_bert), max_tokens=40)
    summary = classifier.fit(rows, rows[:4], epochs=1, batch_size=4, disable_tqdm=True, use_cpu=True)
    assert any("longer than 40 tokens and were cut" in note for note in summary.notes)
    assert classifier(LONG[0]).note.startswith("read in ")


@pytest.mark.parametrize("family", ["modernbert"])
def test_an_encoder_for_long_texts_needs_no_windows(family):
    text = " ".join(REVIEWS[:12])
    tokenizer = word_tokenizer(REVIEWS, max_vocabulary=60)
    long, short = (small_model(family, max_tokens=n, pad_token_id=0) for n in (4_000, 100))
    words = split_words(text)
    (encoded,) = RationaleTokenizer(tokenizer, None)([text], [words])
    assert len(encoded.input_ids) > 600
    (expected,) = predict(long, [encoded])
    answer = RationaleClassifier(long.config, long, tokenizer)(text)
    assert answer.note is None and list(answer.scores.values()) == expected.probabilities.tolist()
    assert list(answer.selected) == word_flags(encoded.word_ids, expected.mask.tolist(), len(words))
    assert "windows" in RationaleClassifier(short.config, short, tokenizer)(text).note


@pytest.mark.parametrize(
    ("method", "settings"),
    [
        ("rnp", {}),
        ("plmr", {"preset": "paper"}),
        ("plmr", {"preset": "released", "generator_depth": 2}),
        ("plmr", {"predictor_input": "hidden"}),
    ],
)
def test_every_kind_of_model_can_read_windows(method, settings):
    model = small_model("bert", method=method, max_tokens=40, pad_token_id=0, **settings)
    classifier = RationaleClassifier(model.config, model, word_tokenizer(REVIEWS, max_vocabulary=60))
    for answer in classifier(LONG):
        (reading,) = read_texts([answer.text], classifier._tokenization(), classifier.config)
        assert answer.note.startswith("read in ") and len(answer.selected) == len(reading.words)
        if settings.get("preset") != "released":  # where special tokens can be selected
            read = read_documents(model, [reading.document], [answer.selected])[0]
            np.testing.assert_allclose(list(answer.scores.values()), read, atol=1e-5)
    assert [sum(answer.selected) for answer in classifier(LONG, max_words=7)] == [7, 7, 7]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"window_overlap": 1.0}, "window_overlap=1.0 is not a share of 0 or more and below 1, such as 0.25"),
        ({"window_overlap": -0.1}, "window_overlap=-0.1"),
        ({"long_texts": "window"}, "long_texts='window' is not one of windows, cut.* Did you mean 'windows'"),
    ],
)
def test_settings_out_of_range_are_refused(settings, message):
    with pytest.raises(PlmrError, match=message):
        RationaleConfig(**settings)
