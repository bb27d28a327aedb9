"""What a game is played with: texts, selections, plays.

Glossary of shapes: B texts, T tokens, U units of selection, H width, C classes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from plmr.errors import PlmrError
from plmr.masking import Units

Losses = Mapping[str, Tensor]
"""The terms of a loss by name, weights included: their sum is what is minimised."""


@dataclass(frozen=True)
class Batch:
    """A batch of texts.

    Attributes:
        input_ids: *Shape:* (B, T)
        attention_mask: False = padding. *Shape:* (B, T)
        units: What is kept or dropped as one.
        labels: Class indices, where known. *Shape:* (B,)
        environments: Which of the groups between which correlations differ each text is from, where known.
            *Shape:* (B,)
    """

    input_ids: Tensor
    attention_mask: Tensor
    units: Units
    labels: Tensor | None = None
    environments: Tensor | None = None

    @property
    def targets(self) -> Tensor:
        """The labels, where a loss needs them. *Shape:* (B,)

        Raises:
            PlmrError: The batch has none.
        """
        if self.labels is None:
            raise PlmrError("A loss needs labels, and this batch has none.")
        return self.labels

    @property
    def everything(self) -> Tensor:
        """The mask that keeps the whole text; less a rationale, it is its complement. *Shape:* (B, U)"""
        return self.units.valid.float()

    @property
    def anchor(self) -> Tensor:
        """True at a special token in first position, which every predictor sees: a text with an empty rationale
        is then still something to attend to, and it tells nothing about the text. *Shape:* (B, T)
        """
        first = torch.zeros_like(self.attention_mask, dtype=torch.bool)
        first[:, 0] = (self.units.index[:, 0] < 0) & self.attention_mask[:, 0].bool()
        return first


@dataclass(frozen=True)
class Selection:
    """What a generator chose.

    Attributes:
        masks: The mask after each pruning step, on units; the last one is the rationale. *Shape:* each (B, U)
        probabilities: Keep probability at each step. *Shape:* each (B, U)
        embedded: The embedding output that the predictor reads, where it shares the generator's. *Shape:* (B, T, H)
        plain: Output of the plain blocks, where there are any. *Shape:* (B, T, H)
        hidden: Output of the generator. *Shape:* (B, T, H)
    """

    masks: list[Tensor] = field(default_factory=list)
    probabilities: list[Tensor] = field(default_factory=list)
    embedded: Tensor | None = None
    plain: Tensor | None = None
    hidden: Tensor | None = None

    @property
    def mask(self) -> Tensor:
        return self.masks[-1]

    @property
    def score(self) -> Tensor:
        """Keep probability at the last step; the rationale is what exceeds its threshold. *Shape:* (B, U)"""
        return self.score_at(len(self.probabilities) - 1)

    @property
    def ranking(self) -> Tensor:
        """What would be kept first: the number of steps a unit survives before the last, plus its keep probability
        where it stands. It goes on where `score` ends, among what early steps pruned. *Shape:* (B, U)
        """
        survived = torch.stack([torch.zeros_like(self.mask), *(mask.detach() for mask in self.masks[:-1])]).sum(dim=0)
        standing = torch.stack(self.probabilities).gather(0, survived.long()[None])[0]
        return survived + standing

    def score_at(self, step: int) -> Tensor:
        """Keep probability at a step, 0 for what was pruned before it. *Shape:* (B, U)"""
        score = self.probabilities[step]
        return score * self.masks[step - 1].detach() if step else score


@dataclass(frozen=True)
class Play:
    """One move of the game: a loss, and the players that move to lower it.

    Attributes:
        players: Who moves.
        losses: The terms to lower.
        dropout: Who keeps its dropout although it does not move, where a published figure depends on that.
    """

    players: tuple[str, ...]
    losses: Callable[[Batch], Losses]
    dropout: tuple[str, ...] = ()


@contextmanager
def at_rest(modules: Iterable[nn.Module]) -> Iterator[None]:
    """For a while modules neither learn nor drop out.

    A recurrent layer stays in training mode, because cuDNN passes gradients through it in no other; it has no dropout
    of its own here.

    Args:
        modules: As they were before, also in their parts, when the block ends.
    """
    parts = [part for module in modules for part in module.modules()]
    modes = [part.training for part in parts]
    learning = [p for part in parts for p in part.parameters(recurse=False) if p.requires_grad]
    try:
        for part in parts:
            part.training = part.training and isinstance(part, nn.RNNBase)
        for parameter in learning:
            parameter.requires_grad_(False)
        yield
    finally:
        for part, mode in zip(parts, modes, strict=True):
            part.training = mode
        for parameter in learning:
            parameter.requires_grad_(True)
