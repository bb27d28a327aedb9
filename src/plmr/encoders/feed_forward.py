"""The second half of a feed-forward layer, without its widest tensor held for the backward pass."""

from __future__ import annotations

from collections.abc import Callable
from operator import attrgetter

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

Activation = Callable[[Tensor], Tensor]


class ActivatedLinear(nn.Linear):
    """A linear map of what an activation makes of its input: W φ(x) + b.

    Written as two modules, x and φ(x) are both held for the backward pass, each four times as wide as the hidden
    states. Here φ(x) is made again from x, one cheap step for every element; results are the same to the last bit.

    Args:
        activation: φ, a function of each element.
        linear: The map whose parameters, the very same tensors, this one has.
    """

    def __init__(self, activation: Activation, linear: nn.Linear):
        super().__init__(linear.in_features, linear.out_features, linear.bias is not None, device="meta")
        self.weight, self.bias = linear.weight, linear.bias
        # By this transformers knows which weights have their first values and are not to be drawn anew.
        self._is_hf_initialized = getattr(linear, "_is_hf_initialized", False)
        self.activation = activation

    def forward(self, input: Tensor) -> Tensor:
        if not (torch.is_grad_enabled() and input.requires_grad):
            return super().forward(self.activation(input))
        # A player at rest has no gradients during the forward pass alone, so what rests is cut off for good here.
        fixed = [p if p is None or p.requires_grad else p.detach() for p in (self.weight, self.bias)]
        return checkpoint(self._map, input, *fixed, use_reentrant=False, preserve_rng_state=False)

    def _map(self, input: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        return F.linear(self.activation(input), weight, bias)


def join_activation(block: nn.Module, activation: str, linear: str) -> None:
    """Make a block's activation part of the linear map behind it.

    Args:
        block: Is changed; its parameters keep their names.
        activation, linear: Paths of the two modules in the block.
    """
    joined = ActivatedLinear(attrgetter(activation)(block), attrgetter(linear)(block))
    _replace(block, linear, joined)
    _replace(block, activation, nn.Identity())


def _replace(block: nn.Module, path: str, module: nn.Module) -> None:
    parent, _, name = path.rpartition(".")
    setattr(block.get_submodule(parent), name, module)
