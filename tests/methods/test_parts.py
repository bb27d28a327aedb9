"""Heads and pooling."""

import pytest
import torch
from torch.testing import assert_close

from plmr.methods.parts import MaskHead, pool

HIDDEN = torch.tensor([[[1.0, -8], [3, -4], [9, 9]], [[5, 5], [6, 6], [7, 7]]])
MASK = torch.tensor([[1.0, 1, 0], [0, 0, 0]])


@pytest.mark.parametrize(
    ("how", "expected"), [("mean", [[2, -6], [0, 0]]), ("max", [[3, -4], [0, 0]]), ("first", [[1, -8], [5, 5]])]
)
def test_pooling_worked_out_by_hand(how, expected):
    assert pool(HIDDEN, MASK, how).tolist() == expected


@pytest.mark.parametrize("how", ["mean", "max"])
def test_pooling_tells_the_mask_what_it_is_worth(how):
    mask = MASK.clone().requires_grad_()
    pool(HIDDEN, mask, how)[0].sum().backward()
    assert mask.grad[0].any() and mask.grad.isfinite().all()


def test_a_mask_head_is_a_linear_map_behind_a_norm():
    head = MaskHead(4, keep_bias=1.5)
    hidden = torch.randn(2, 3, 4)
    normed = (hidden - hidden.mean(-1, keepdim=True)) / (hidden.var(-1, unbiased=False, keepdim=True) + 1e-5).sqrt()
    expected = normed @ head.linear.weight.T + torch.tensor([0.0, 1.5])
    assert_close(head(hidden), expected)
