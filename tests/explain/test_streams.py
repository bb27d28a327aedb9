"""Streams of long and short texts: batches stay full, chunks small, and threads out of each other's way."""

from __future__ import annotations

import math
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import numpy as np
import pytest
import torch

from plmr.data import RationaleTokenizer, split_words
from plmr.errors import PlmrError
from tests.explain.long import LONG, REVIEWS, assert_same


@contextmanager
def watching(classifier, shapes):
    """Note the shape of every batch that enters the model."""
    embedding = next(m for m in classifier.model.modules() if isinstance(m, torch.nn.Embedding))
    hook = embedding.register_forward_pre_hook(lambda _, inputs: shapes.append(tuple(inputs[0].shape)))
    try:
        yield
    finally:
        hook.remove()


@pytest.mark.parametrize("dial", [{}, {"max_words": 20}])
def test_the_model_never_sees_more_than_a_batch_of_windows(windowed, dial):
    text = (" ".join(REVIEWS) * 6)[:50_000]
    seen: list[tuple[int, int]] = []
    with watching(windowed, seen):
        answer = windowed(text, batch_size=8, **dial)
    n_windows = int(answer.note.split()[2])
    assert n_windows > 100 and all(rows <= 8 and width <= 48 for rows, width in seen)
    assert math.ceil(n_windows / 8) <= len(seen) <= 2 * math.ceil(n_windows / 8)
    assert len(answer.selected) == len(split_words(text))
    assert all(any(part) for part in np.array_split(answer.keep_scores, 50)), "a part of the text was not read"


def test_windows_of_all_texts_share_the_batches(windowed):
    seen: list[tuple[int, int]] = []
    with watching(windowed, seen):
        answers = windowed([*LONG, *REVIEWS[:3]], batch_size=4)
    total = sum(int(answer.note.split()[2]) if "windows" in (answer.note or "") else 1 for answer in answers)
    first_pass = math.ceil(total / 4)
    assert [rows for rows, _ in seen[: first_pass - 1]] == [4] * (first_pass - 1)


def test_an_error_comes_after_all_answers_before_it(windowed):
    got = []
    with pytest.raises(PlmrError, match="must be strings; got NoneType"):
        for answer in windowed.iter_predict([*(["short"] * 39), None], batch_size=1):
            got.append(answer)
    assert len(got) == 32, "two full chunks of sixteen come before the one with the mistake"
    assert not [t for t in threading.enumerate() if t.name.startswith("plmr-ahead")]


def test_a_stream_is_read_one_chunk_ahead_and_long_texts_make_small_chunks(windowed):
    taken = []

    def stream(text):
        for _ in range(200):
            taken.append(text)
            yield text

    answers = windowed.iter_predict(stream("short"), batch_size=1)
    next(answers)
    assert len(taken) == 32
    answers.close()
    taken.clear()
    next(windowed.iter_predict(stream("the beer is dull " * 400), batch_size=1))
    assert len(taken) == 2
    assert not [t for t in threading.enumerate() if t.name.startswith("plmr-ahead")]


def test_other_questions_may_be_asked_while_a_stream_is_read(windowed):
    expected = windowed(REVIEWS, batch_size=1)
    got = []
    for text, answer in zip(REVIEWS, windowed.iter_predict(REVIEWS, batch_size=1), strict=True):
        assert_same(windowed(text), answer)
        got.append(answer)
    assert got == expected


def test_threads_that_cut_otherwise_may_share_a_tokenizer(windowed):
    text = " ".join(REVIEWS[:10])
    limits, lengths = (20, None), {20: set(), None: set()}

    def encode(limit):
        tokenization = RationaleTokenizer(windowed.tokenizer, limit)
        for _ in range(60):
            lengths[limit].add(len(tokenization([text] * 2, [split_words(text[:200])] * 2)[0].input_ids))

    with ThreadPoolExecutor(max_workers=2) as threads:
        list(threads.map(encode, limits))
    assert lengths[20] == {20} and len(lengths[None]) == 1 and lengths[None] != {20}
