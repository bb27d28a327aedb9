"""Selective rationalization as a game: players, plays, and what every framework can do.

Glossary of shapes: B texts, T tokens, U units of selection, H width, C classes.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import ClassVar

import torch
from torch import Tensor, nn

from plmr.config import RationaleConfig
from plmr.encoders import SplitEncoder
from plmr.errors import PlmrError
from plmr.masking import (
    Units,
    gumbel_noise,
    keep_probability,
    smooth,
    sparsity_targets,
    standardize,
    straight_through,
    threshold_mask,
    within_budget,
)
from plmr.methods.parts import ClassHead, MaskHead

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
    """

    input_ids: Tensor
    attention_mask: Tensor
    units: Units
    labels: Tensor | None = None

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
    """One move of the game: a loss, and the players that move to lower it."""

    players: tuple[str, ...]
    losses: Callable[[Batch], Losses]


class Method(nn.Module, ABC):
    """A framework: a generator that selects, a predictor that reads the selection, and the game they play.

    A subclass names its players in `modules_of`, yields its `plays`, and says how it selects and predicts.

    Args:
        config: Sizes, switches and weights.
    """

    summary: ClassVar[str]
    """One line for the list of methods."""
    n_encoders: ClassVar[int] = 1
    """How many copies of the encoder the method is built from."""
    reads: ClassVar[frozenset[str]] = frozenset()
    """Settings of `RationaleConfig` that not every method reads and this one does."""

    def __init__(self, config: RationaleConfig):
        super().__init__()
        self.config = config
        self.progress = 1.0

    @abstractmethod
    def modules_of(self) -> dict[str, list[nn.Module]]:
        """The modules of each player."""

    @abstractmethod
    def plays(self) -> list[Play]:
        """The plays of every batch, in order."""

    @abstractmethod
    def select(self, batch: Batch) -> Selection:
        """Choose the rationale: sampled while training, deterministic otherwise."""

    def given(self, batch: Batch, mask: Tensor) -> Selection:
        """A rationale chosen elsewhere, with what the predictor needs to read it.

        Args:
            batch: Its generator runs, unless a method's predictor can do without.
            mask: On units. *Shape:* (B, U)
        """
        selection = self.select(batch)
        selection.masks[-1] = mask
        return selection

    def whole(self, batch: Batch) -> Selection:
        """Everything kept, with what `predict_full_text` needs and, where a method can, without its generator's work:
        that would slow down the warm-up, and make explainers look slow that have no use for it.
        """
        return self.given(batch, batch.units.valid.float())

    @abstractmethod
    def predict(self, batch: Batch, selection: Selection) -> Tensor:
        """Class logits from the rationale. *Shape:* (B, C)"""

    @abstractmethod
    def predict_full_text(self, batch: Batch, selection: Selection) -> Tensor:
        """Class logits from the whole text. *Shape:* (B, C)"""

    @property
    def n_steps(self) -> int:
        """Number of pruning steps, each with a threshold of its own."""
        return 1

    def targets(self) -> list[float]:
        """The share each pruning step is to keep in the end."""
        return [self.config.sparsity]

    def heads(self) -> list[nn.Module]:
        """Freshly initialised modules, which learn at the heads' rate."""
        return [module for module in self.modules() if isinstance(module, (MaskHead, ClassHead))]

    def annealed_sparsity(self) -> float:
        """The share asked for at this point of the training: everything at first, `sparsity` in the end.

        Starting at even odds instead, keep probabilities settle near α everywhere: the sampled share is right
        while the argmax keeps nothing.
        """
        span = self.config.sparsity_annealing
        past = self.progress - self.config.sparsity_delay
        done = min(1.0, max(0.0, past / span)) if span > 0 else float(past >= 0)
        return 1 - (1 - self.config.sparsity) * done

    def choose(
        self, logits: Tensor, units: Units, step: int = 0, before: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Turn mask head outputs into a mask on units and its keep probabilities.

        Args:
            logits: Drop and keep. *Shape:* (B, T, 2)
            units: Tokens of one unit share the mean of their logits.
            step: Which pruning step; it has a threshold of its own.
            before: The mask of the step before: what was pruned stays pruned. *Shape:* (B, U)

        Returns:
            Mask and probability, 0 where there is no unit. *Shape:* both (B, U)
        """
        config = self.config
        alive = units.valid if before is None else units.valid & (before > 0)
        logits = smooth(units.mean(logits.float()), alive, config.smoothing)
        if config.score_spread is not None:
            logits = standardize(logits, alive, config.score_spread)
        probability = keep_probability(self._budgeted(logits, units, alive, step)) * alive
        if self.training:
            noisy = logits + config.gumbel_noise * gumbel_noise(logits, alive, config.smoothing)
            mask = straight_through(self._budgeted(noisy, units, alive, step), config.gumbel_temperature)
        else:
            thresholds = config.thresholds or [0.5] * self.n_steps
            mask = threshold_mask(probability, thresholds[step])
        return mask * (units.valid if before is None else before), probability

    @property
    def keeps_everything(self) -> bool:
        """Whether training still reads whole texts, so that there is nothing to select."""
        return self.training and self.annealed_sparsity() == 1

    def sparsity_now(self) -> list[float]:
        """The share asked of each pruning step, at this point of the training."""
        sparsity = self.annealed_sparsity() if self.training else self.config.sparsity
        return sparsity_targets(sparsity, self.n_steps, self.config.sparsity_schedule)

    def constraint_weights(self) -> tuple[float, float]:
        """λ1 and λ2. A budget is met exactly but for rounding, whose sign is no signal."""
        config = self.config
        return 0.0 if config.sampler == "budget" else config.sparsity_weight, config.continuity_weight

    def _budgeted(self, logits: Tensor, units: Units, alive: Tensor, step: int) -> Tensor:
        if self.config.sampler == "gumbel":
            return logits
        counts = (self.sparsity_now()[step] * units.count()).round()
        return within_budget(logits, alive, counts)


def freeze(encoder: SplitEncoder) -> None:
    """Keep the embeddings as they are."""
    for module in encoder.embedding_modules:
        module.requires_grad_(False)


def masking_of(config: RationaleConfig, encoder: SplitEncoder) -> str:
    """The masking an encoder can do; tokens cannot leave a recurrent one."""
    return config.masking if encoder.can_drop else "zero"
