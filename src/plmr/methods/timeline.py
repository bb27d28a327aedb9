"""The time of a training: what is learned before the game, and how the share asked for falls."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import accumulate

from plmr.config import RationaleConfig
from plmr.errors import PlmrError
from plmr.masking import sparsity_targets


class Timeline:
    """Where a method is in its training, from progress 0 to 1.

        0 ─── stages, one after the other ───► start ─── annealing ───► 1
              whole texts are read                       the share asked for falls to α and stays there

    The start is at `sparsity_delay`, or where the last of the `stages` ends if that is later. A stage is therefore no
    time of its own: it is a part of the time in which there is nothing to select yet.
    """

    config: RationaleConfig
    training: bool
    progress: float = 1.0
    """The share of the training that is over."""

    def check_timeline(self) -> None:
        """Refuse stages that leave no time for the share to fall.

        Raises:
            PlmrError: Stages and annealing are more than the training.
        """
        if self.settled > 1 + 1e-9:
            shares = ", ".join(f"{name} {share:g}" for name, share in self.stages.items())
            raise PlmrError(
                f"The stages before the game ({shares}) and sparsity_annealing={self.config.sparsity_annealing:g} are "
                "more than the whole training, which would end before the share asked for is reached; make their sum 1 "
                "or less."
            )

    @property
    def stages(self) -> Mapping[str, float]:
        """Stages before the game, in order, and the share of the training that each takes."""
        return {}

    @property
    def stage(self) -> str:
        """The stage at this point of the training; `game` when all of `stages` are over."""
        ends = zip(self.stages, accumulate(self.stages.values()), strict=True)
        return next((name for name, end in ends if self.progress < end), "game")

    @property
    def start(self) -> float:
        """The share of the training after which there is something to select."""
        return max(self.config.sparsity_delay, sum(self.stages.values()))

    @property
    def settled(self) -> float:
        """The share of the training after which the share asked for no longer changes."""
        return self.start + self.config.sparsity_annealing

    def annealed_sparsity(self) -> float:
        """The share asked for at this point of the training: everything at first, `sparsity` in the end.

        Starting at even odds instead, keep probabilities settle near α everywhere: the sampled share is right
        while the argmax keeps nothing.
        """
        span = self.config.sparsity_annealing
        past = self.progress - self.start
        done = min(1.0, max(0.0, past / span)) if span > 0 else float(past >= 0)
        return 1 - (1 - self.config.sparsity) * done

    @property
    def keeps_everything(self) -> bool:
        """Whether training still reads whole texts, so that there is nothing to select."""
        return self.training and self.annealed_sparsity() == 1

    @property
    def n_steps(self) -> int:
        """Number of pruning steps, each with a threshold of its own."""
        return 1

    def sparsity_now(self) -> list[float]:
        """The share asked of each pruning step, at this point of the training."""
        sparsity = self.annealed_sparsity() if self.training else self.config.sparsity
        return sparsity_targets(sparsity, self.n_steps, self.config.sparsity_schedule)
