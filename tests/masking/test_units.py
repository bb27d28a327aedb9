"""Units of selection: to tokens and back."""

import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.testing import assert_close

from plmr.masking import Units

# A text is a list of words, each a number of tokens and of special tokens (such as spaces) behind it.
TEXTS = st.lists(
    st.lists(st.tuples(st.integers(1, 4), st.integers(0, 1)), max_size=6).map(
        lambda words: [-1, *(i for n, (size, gap) in enumerate(words) for i in [n] * size + [-1] * gap)]
    ),
    min_size=1,
    max_size=4,
)


def padded(rows):
    width = max(map(len, rows))
    return torch.tensor([[*row, *[-1] * (width - len(row))] for row in rows])


@settings(deadline=None, max_examples=80)
@given(TEXTS)
def test_mean_and_copy_follow_loops(texts):
    index = padded(texts)
    units = Units.from_index(index)
    values = torch.randn(index.shape)
    means = units.mean(values)
    copied = units.to_tokens(means, other=7.0)
    for row, numbers in enumerate(texts):
        assert units.count()[row] == len({n for n in numbers if n >= 0})
        for number in set(numbers) - {-1}:
            places = [t for t, n in enumerate(numbers) if n == number]
            expected = values[row, places].mean()
            assert_close(means[row, number], expected)
            assert_close(copied[row, places], expected.expand(len(places)))
        assert (copied[row][index[row] < 0] == 7).all()
    assert (means[~units.valid] == 0).all()


@settings(deadline=None, max_examples=40)
@given(TEXTS)
def test_to_tokens_and_back_is_nothing(texts):
    units = Units.from_index(padded(texts))
    values = torch.randn(units.valid.shape) * units.valid
    assert_close(units.mean(units.to_tokens(values)), values)


@settings(deadline=None, max_examples=40)
@given(TEXTS)
def test_every_subword_is_a_unit_of_its_own(texts):
    selectable = padded(texts) >= 0
    units = Units.subwords(selectable)
    values = torch.randn(selectable.shape)
    assert torch.equal(units.to_tokens(units.mean(values)), values * selectable)
    assert torch.equal(units.count(), selectable.sum(dim=1))


def test_logits_are_averaged_for_each_class():
    units = Units.from_index(torch.tensor([[-1, 0, 0, 1]]))
    logits = torch.tensor([[[9.0, 9], [1, 2], [3, 6], [5, 7]]])
    assert units.mean(logits).tolist() == [[[2, 4], [5, 7]]]


def test_a_number_without_a_token_is_no_unit():
    # A word cut in front of its first token, or one that the tokenizer leaves out.
    units = Units.from_index(torch.tensor([[-1, 0, 2, 2]]))
    assert units.valid.tolist() == [[True, False, True]]
    assert units.count().tolist() == [2]


def test_a_unit_is_marked_when_most_of_its_tokens_are():
    units = Units.from_index(torch.tensor([[-1, 0, 0, 1, 1, 1, 2, -1]]))
    assert units.majority(torch.tensor([[1.0, 1, 0, 1, 1, 0, 1, 1]])).tolist() == [[0, 1, 1]]
    assert units.majority(torch.ones(1, 8)).tolist() == [[1, 1, 1]]
