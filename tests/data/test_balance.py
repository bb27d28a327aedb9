from collections import Counter

import pytest

from plmr.data import Example, hold_out, undersample
from plmr.data.labels import class_of
from plmr.errors import PlmrError


def labelled(counts: dict[str, int]) -> list[Example]:
    labels = [label for label, count in counts.items() for _ in range(count)]
    return [Example.from_text(f"text {n}", label) for n, label in enumerate(labels)]


def test_undersampling_keeps_the_minority_and_the_order():
    examples = labelled({"a": 50, "b": 7, "c": 20})
    kept = undersample(examples, seed=3)
    assert Counter(example.label for example in kept) == {"a": 7, "b": 7, "c": 7}
    assert [example for example in kept if example.label == "b"] == examples[50:57]
    positions = [examples.index(example) for example in kept]
    assert positions == sorted(positions)


def test_undersampling_is_seeded():
    examples = labelled({"a": 50, "b": 7})
    assert undersample(examples, seed=1) == undersample(examples, seed=1) != undersample(examples, seed=2)
    assert undersample([]) == []


def test_holding_out_splits_every_class_by_the_share():
    examples = labelled({"a": 90, "b": 30, "c": 2})
    rest, held = hold_out(examples, share=0.1, seed=0)
    assert Counter(example.label for example in held) == {"a": 9, "b": 3, "c": 1}
    assert sorted([*rest, *held], key=examples.index) == examples
    assert (rest, held) == hold_out(examples, share=0.1, seed=0) != hold_out(examples, share=0.1, seed=1)


def test_one_class_written_in_two_ways_is_held_out_as_one():
    examples = [Example.from_text("x", label) for label in [1, "1"] * 15 + ["2"] * 10]
    _, held = hold_out(examples)
    assert Counter(map(class_of, held)) == {"1": 3, "2": 1}
    with pytest.raises(PlmrError, match=r"label 0\.5 is a fraction"):
        hold_out([Example.from_text("x", 0.5), *examples])


def test_what_cannot_be_held_out_is_refused():
    single = [*labelled({"a": 5}), Example.from_text("text", "b", source="t.jsonl:6")]
    with pytest.raises(PlmrError, match=r"^t\.jsonl:6: class 'b' has a single text"):
        hold_out(single)
    with pytest.raises(PlmrError, match="class 'b' has a single text"):
        hold_out(labelled({"a": 5, "b": 1}))
    with pytest.raises(PlmrError, match="between 0 and 1, not 1"):
        hold_out(labelled({"a": 5, "b": 5}), share=1)
