"""What a trained classifier answers: in order, in any company, in words of the text as given."""

from __future__ import annotations

import numpy as np
import pytest

from plmr import Rationale
from plmr.errors import PlmrError

STRANGE = [
    "the nose is far from dull 👩‍👩‍👧‍👦❤️ !!!",
    "L’arôme était « très agréable », n'est-ce pas ?",
    "香りがとても良い。taste: not bad",
    "tabs\tand\r\nlines\n\n  and   spaces  ",
    "e\u0301te\u0301 naı\u0308ve \u00adsoft\u00adhyphen\u200b zero\u200cwidth",
    "don't well-known U.S.A. 12.5% $3 a/b <br/> [PAD] [CLS] [MASK]",
    "🍺🍺🍺",
    "ß ﬁ İ ǅ Ω",
]


def assert_same(one: Rationale, other: Rationale) -> None:
    assert (one.text, one.label, one.spans, one.words, one.note) == (
        other.text, other.label, other.spans, other.words, other.note
    )  # fmt: skip
    np.testing.assert_allclose(list(one.scores.values()), list(other.scores.values()), atol=1e-5)
    np.testing.assert_allclose(one.keep_scores, other.keep_scores, atol=1e-5)


def test_one_string_gives_one_and_a_list_a_list(classifier, texts):
    assert isinstance(classifier(texts[0]), Rationale)
    alone = classifier([texts[0]])
    assert isinstance(alone, list) and len(alone) == 1
    assert_same(alone[0], classifier(texts[0]))
    assert classifier([]) == []
    assert classifier(tuple(texts[:2])) == classifier(texts[:2])


def test_the_order_is_kept_and_the_batch_does_not_matter(classifier, texts):
    mixed = [*texts, "", "short", " ".join(texts[:3])]
    together = classifier(mixed)
    assert [r.text for r in together] == mixed
    for batch_size in (1, 3, 200):
        for one, other in zip(classifier(mixed, batch_size=batch_size), together, strict=True):
            assert_same(one, other)
    for one, other in zip(classifier(mixed[::-1]), together[::-1], strict=True):
        assert_same(one, other)
    assert list(classifier.iter_predict(iter(mixed), batch_size=2)) == classifier(mixed, batch_size=2)


def test_the_same_input_gets_the_same_answer_twice(classifier, texts):
    assert classifier(texts) == classifier(texts)


def test_an_answer_is_consistent(classifier, texts):
    answers = classifier(texts)
    assert any(r.spans for r in answers)
    for r in answers:
        assert r.label in classifier.labels and r.score == max(r.scores.values()) == r.scores[r.label]
        assert sum(r.scores.values()) == pytest.approx(1, abs=1e-5) and list(r.scores) == classifier.labels
        assert len(r.word_ranges) == len(r.selected) == len(r.keep_scores)
        assert all(0 <= keep <= 1 for keep in r.keep_scores)


@pytest.mark.parametrize("text", STRANGE)
def test_spans_are_exact_on_the_text_as_given(classifier, text):
    r = classifier(text)
    assert r.text == text
    chosen = [text[s:e] for (s, e), kept in zip(r.word_ranges, r.selected, strict=True) if kept]
    assert list(r.words) == chosen
    in_spans = [any(s <= a and b <= e for s, e in r.spans) for a, b in r.word_ranges]
    assert in_spans == list(r.selected)
    edges = {s for s, _ in r.word_ranges}, {e for _, e in r.word_ranges}
    assert all(s in edges[0] and e in edges[1] and s < e for s, e in r.spans)
    gaps = [text[a:b].strip() for (_, a), (b, _) in zip(r.spans, r.spans[1:], strict=False)]
    assert all(gaps), "neighbouring selected words share a span, so a word lies between two spans"


@pytest.mark.parametrize("text", ["", "   \n\t ", "\u200b\u00ad"])
def test_a_text_without_words_says_so(classifier, text):
    r = classifier(text)
    assert r.note.startswith("empty text") and (r.spans, r.words, r.selected) == ((), (), ())
    assert r.label in classifier.labels
    assert_same(classifier([text, "the nose is dull"])[0], r)


def test_a_very_long_text_is_read_to_its_end(classifier):
    text = "the nose is dull and " * 2_000
    r = classifier(text)
    assert len(r.selected) == 10_000 and any(r.keep_scores[-100:])
    assert r.note.startswith("read in ")
    assert_same(classifier([text[:50], text])[1], r)


def test_words_of_which_the_tokenizer_leaves_nothing_are_counted(classifier):
    """A GRU's tokenizer, which is one of words, takes a lone mark for an unknown word."""
    some, none = classifier(["good \u0301 beer", "\u0301"], max_words=3)
    if classifier.config.encoder.startswith("gru"):
        assert (some.words, some.note, none.note) == (("good", "\u0301", "beer"), None, None)
        return
    assert some.words == ("good", "beer")
    assert some.note == "1 of 3 words are nothing to the tokenizer: they cannot be selected"
    assert none.note == "1 of 1 words are nothing to the tokenizer: they cannot be selected"


def test_texts_without_words_are_no_ground_for_figures(classifier):
    rows = [{"text": text, "label": "positive"} for text in (" ", "\n", "")]
    with pytest.raises(PlmrError, match="none of the 3 given texts has any words that the tokenizer knows"):
        classifier.evaluate(rows)


@pytest.mark.parametrize("wrong", [None, 3, b"bytes", ["nested"]])
def test_what_is_no_string_is_an_error(classifier, wrong):
    with pytest.raises(PlmrError, match=f"must be strings; got {type(wrong).__name__}"):
        classifier(["fine", wrong])


def test_what_is_no_list_is_an_error(classifier):
    with pytest.raises(PlmrError, match=r"^Give a text or a list of texts; got NoneType: texts are strings\.$"):
        classifier(None)


def test_a_lone_surrogate_is_no_crash(classifier):
    message = r"half a character \(a lone surrogate\) at position 7: 'broken .*; read it again as UTF-8\.$"
    with pytest.raises(PlmrError, match=message):
        classifier("broken \ud83d half")
