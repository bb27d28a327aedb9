"""Working one item ahead in a second thread: as if it were not there."""

from __future__ import annotations

import threading
import time

import pytest

from plmr.inference import ahead, chunked


def threads() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("plmr-ahead")]


@pytest.mark.parametrize("n_items", [0, 1, 2, 7])
def test_results_come_in_order(n_items):
    assert list(ahead(lambda n: n * n, iter(range(n_items)))) == [n * n for n in range(n_items)]
    assert not threads()


def test_the_next_item_is_worked_on_meanwhile_and_no_further_one():
    taken, begun = [], [threading.Event() for _ in range(5)]

    def items():
        for n in range(5):
            taken.append((n, threading.get_ident()))
            yield n

    def work(n):
        begun[n].set()
        return n, threading.get_ident()

    here = threading.get_ident()
    results = ahead(work, items())
    for n, (result, where) in enumerate(results):
        assert result == n and (where == here) == (n == 0)
        if n < 4:
            assert begun[n + 1].wait(timeout=10), "the next item waits for this one"
        time.sleep(0.01)
        assert [each for each, _ in taken] == list(range(min(n + 2, 5)))
    assert {thread for _, thread in taken} == {here}, "a stream may not be read from another thread"


def test_one_item_needs_no_thread():
    results = ahead(lambda n: n, [3])
    assert next(results) == 3 and not threads()


def test_closing_early_ends_the_thread():
    results = ahead(lambda n: n, iter(range(100)))
    assert next(results) == 0 and next(results) == 1
    assert len(threads()) == 1
    results.close()
    assert not threads()


@pytest.mark.parametrize("where", [0, 1, 4])
@pytest.mark.parametrize("source", ["work", "items"])
def test_an_error_comes_when_it_is_its_items_turn(where, source):
    def fail_at(n, here):
        if (n, here) == (where, source):
            raise ValueError(f"item {n}")
        return n

    def items():
        for n in range(6):
            yield fail_at(n, "items")

    results, got = ahead(lambda n: fail_at(n, "work"), items()), []
    with pytest.raises(ValueError, match=f"item {where}"):
        for result in results:
            got.append(result)
    assert got == list(range(where)) and not threads()


def test_chunks_are_full_by_number_or_by_length():
    texts = ["aa", "b", "cccc", "d", "e", "f", "g"]
    assert list(chunked(texts, 3, 1_000)) == [["aa", "b", "cccc"], ["d", "e", "f"], ["g"]]
    assert list(chunked(texts, 3, 4)) == [["aa", "b", "cccc"], ["d", "e", "f"], ["g"]]
    assert list(chunked(texts, 10, 3)) == [["aa", "b"], ["cccc"], ["d", "e", "f"], ["g"]]
    assert list(chunked([], 3, 3)) == []
