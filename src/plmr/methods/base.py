"""Selective rationalization as a game: what every framework is, and how it plays.

Glossary of shapes: B texts, T tokens, U units of selection, H width, C classes.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import ClassVar

from torch import Tensor, nn

from plmr.config import RationaleConfig
from plmr.encoders import SplitEncoder
from plmr.masking import (
    Units,
    constraint,
    gumbel_noise,
    keep_probability,
    released_constraint,
    smooth,
    standardize,
    straight_through,
    text_constraint,
    threshold_mask,
    why_dense,
    within_budget,
)
from plmr.methods.game import Batch, Losses, Play, Selection, at_rest
from plmr.methods.options import Options, read_options
from plmr.methods.parts import ClassHead, MaskHead
from plmr.methods.timeline import Timeline


class Method(Timeline, nn.Module, ABC):
    """A framework: a generator that selects, a predictor that reads the selection, and the game they play.

    A subclass names its players in `modules_of`, yields its `plays`, and says how it selects and predicts. Most are
    of the kind that `SelectThenPredict` holds. When it plays what is `Timeline`'s matter.

    Args:
        config: Sizes, switches and weights.
    """

    summary: ClassVar[str]
    """One line for the list of methods."""
    n_encoders: ClassVar[int] = 1
    """How many copies of the encoder the method is built from."""
    reads: ClassVar[frozenset[str]] = frozenset()
    """Settings of `RationaleConfig` that not every method reads and this one does."""
    ignores: ClassVar[frozenset[str]] = frozenset()
    """Settings that every other method reads and this one does not, because it has a form of its own for them."""
    even_odds_tell: ClassVar[bool] = True
    """Whether a generator that gives nothing better than even odds selects nothing; not where a prior holds keep
    probabilities near the share, and their order tells."""
    options_class: ClassVar[type[Options]] = Options
    """What `method_options` may set."""

    def __init__(self, config: RationaleConfig):
        super().__init__()
        self.config = config
        self.options = read_options(config.method, self.options_class, config.method_options)
        self.check_timeline()

    @classmethod
    def idle_with(cls, options: Options) -> frozenset[str]:
        """What the method ignores with some options: settings, as in `ignores`, and others of its options.

        Args:
            options: Of `options_class`.
        """
        return cls.ignores

    @classmethod
    def caveats_with(cls, options: Options) -> list[str]:
        """Why figures of the method with some options are no results, in a sentence for each reason.

        Args:
            options: Of `options_class`.
        """
        return []

    @abstractmethod
    def modules_of(self) -> dict[str, list[nn.Module]]:
        """The modules of each player."""

    @abstractmethod
    def plays(self) -> list[Play]:
        """The plays of every batch at this point of the training, in order."""

    def losses_in(self, play: Play, batch: Batch) -> Losses:
        """The losses of a play, in which nobody learns but its players.

        The others are as they are in use: without gradients, so that a loss may pass through them to those who move,
        and without dropout, so that they judge alike each time; but for those whose dropout the play keeps.
        """
        players = self.modules_of()
        with at_rest(m for player, modules in players.items() if player not in play.players for m in modules):
            for player in play.dropout:
                for module in players[player]:
                    module.train(self.training)
            return play.losses(batch)

    def rate_of(self, player: str) -> float:
        """What the learning rate of a player is multiplied by in the next step; asked after the losses of its play."""
        return 1.0

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
        return self.given(batch, batch.everything)

    @abstractmethod
    def predict(self, batch: Batch, selection: Selection) -> Tensor:
        """Class logits from the rationale. *Shape:* (B, C)"""

    @abstractmethod
    def predict_full_text(self, batch: Batch, selection: Selection) -> Tensor:
        """Class logits from the whole text. *Shape:* (B, C)"""

    @property
    def n_environments(self) -> int:
        """How many environments of texts the game tells apart; 0, it does not read them."""
        return 0

    def targets(self) -> list[float]:
        """The share each pruning step is to keep in the end."""
        return [self.config.sparsity]

    def encoders(self) -> list[SplitEncoder]:
        """Every encoder there is."""
        return [module for module in self.modules() if isinstance(module, SplitEncoder)]

    def start_from(self, weights: Mapping[str, Tensor]) -> None:
        """Let every encoder start from a pre-trained one's weights."""
        for encoder in self.encoders():
            encoder.load_state_dict(weights)

    @property
    def dense_note(self) -> str | None:
        """What the user should know where evaluation computes pruned tokens too; None where it skips them."""
        masking = self.config.masking
        reason = next((why for encoder in self.encoders() if (why := why_dense(encoder, masking))), None)
        return reason and f"with masking={masking!r} on this encoder, pruned tokens are computed in full: {reason}"

    def heads(self) -> list[nn.Module]:
        """Freshly initialised modules, which learn at the heads' rate."""
        return [module for module in self.modules() if isinstance(module, (MaskHead, ClassHead))]

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
        alive = units.valid if before is None else units.valid & (before > 0)
        logits = self.scored(logits, units, alive)
        probability = keep_probability(self._budgeted(logits, units, alive, step)) * alive
        if self.training:
            noisy = self.noisy(logits, units, alive)
            mask = straight_through(self._budgeted(noisy, units, alive, step), self.config.gumbel_temperature)
        else:
            mask = self.hard_mask(probability, step)
        return mask * (units.valid if before is None else before), probability

    def scored(self, logits: Tensor, units: Units, alive: Tensor) -> Tensor:
        """Smoothed mask head outputs, in the spread that is asked for: what units are chosen by, but for a budget.

        Args:
            logits: Drop and keep. *Shape:* (B, T, 2)
            units: The units of the texts.
            alive: Which of them no earlier step has dropped. *Shape:* (B, U)

        Returns:
            *Shape:* (B, U, 2)
        """
        logits, spread = self.smoothed(logits, units, alive), self.config.score_spread
        return logits if spread is None else standardize(logits, alive, spread, self.config.sampler == "budget")

    def smoothed(self, logits: Tensor, units: Units, alive: Tensor) -> Tensor:
        """Mask head outputs on units, averaged with their neighbours: (B, T, 2) to (B, U, 2)."""
        return smooth(units.mean(logits.float()), units.valid, self.config.smoothing, alive)

    def noisy(self, logits: Tensor, units: Units, alive: Tensor) -> Tensor:
        """Smoothed logits with the noise that samples from them. *Shape:* both (B, U, 2)"""
        return logits + self.config.gumbel_noise * gumbel_noise(logits, units.valid, self.config.smoothing, alive)

    def hard_mask(self, probability: Tensor, step: int = 0) -> Tensor:
        """The deterministic mask of evaluation, at a pruning step's threshold. *Shape:* both (B, U)"""
        thresholds = self.config.thresholds or [0.5] * self.n_steps
        return threshold_mask(probability, thresholds[step])

    def constraint_weights(self) -> tuple[float, float]:
        """λ1 and λ2. A budget is met exactly but for rounding, whose sign is no signal."""
        config = self.config
        return 0.0 if config.sampler == "budget" else config.sparsity_weight, config.continuity_weight

    def constraint_losses(self, selection: Selection, batch: Batch, prefix: str = "") -> dict[str, Tensor]:
        """Sparsity and continuity of the masks, L_s (PLMR eq. 13), in the form and with the weights of the settings.

        Args:
            selection: Its masks.
            batch: The texts.
            prefix: Of the terms' names, where another play of the batch has the same.
        """
        targets, weights = self.sparsity_now(), self.constraint_weights()
        if self.config.constraint_form == "released":
            masks = [batch.units.to_tokens(mask) for mask in selection.masks]
            terms = released_constraint(masks, batch.attention_mask, targets, *weights, self.config.max_tokens)
        else:
            terms = constraint(selection.masks, batch.units, targets, *weights, self.config.constraint_form)
        return {f"{prefix}sparsity": terms.sparsity, f"{prefix}continuity": terms.continuity}

    def constraint_costs(self, selection: Selection, batch: Batch) -> dict[str, Tensor]:
        """L_s of each text's last mask, for an estimator that charges each text with its own. *Shape:* each (B,)"""
        target, weights = self.sparsity_now()[-1], self.constraint_weights()
        terms = text_constraint(selection.mask, batch.units, target, *weights, self.config.constraint_form)
        return {"sparsity": terms.sparsity, "continuity": terms.continuity}

    def budget(self, units: Units, step: int = 0) -> Tensor | None:
        """How many units of each text a pruning step keeps now; None, that is up to the penalty. *Shape:* (B,)"""
        up_to_penalty = self.config.sampler == "gumbel" and not self.keeps_everything
        return None if up_to_penalty else (self.sparsity_now()[step] * units.count()).round()

    def _budgeted(self, logits: Tensor, units: Units, alive: Tensor, step: int) -> Tensor:
        counts = self.budget(units, step)
        return logits if counts is None else within_budget(logits, alive, counts)
