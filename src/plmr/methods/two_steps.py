"""Two steps in every batch: the predictor learns from what is selected, then judges what the generator selects.

What MCD and MRD have in common. Their released code adds L_s to both steps, so that the generator moves twice for it in
every batch, and lets dropout disturb the predictor while it judges. Here L_s counts once, and who does not move judges
without dropout, unless `as_released`.
"""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass

from plmr.methods.game import Batch, Losses, Play
from plmr.methods.options import Options, option
from plmr.methods.select_predict import SelectThenPredict


@dataclass(frozen=True)
class TwoStepOptions(Options):
    """Options of a method with two steps."""

    as_released: bool = option(
        False, "Whether L_s also moves the generator in the first step, and dropout the judging predictor."
    )


class TwoSteps(SelectThenPredict):
    """One objective for the predictor and another for the generator."""

    options_class = TwoStepOptions
    options: TwoStepOptions

    def game(self) -> list[Play]:
        first, second = ("predictor",), ("generator",)
        if self.options.as_released:
            constrained = Play(second, self.first_constraint)
            return [Play(first, self.predictor_losses), constrained, Play(second, self.generator_losses, first)]
        return [Play(first, self.predictor_losses), Play(second, self.generator_losses)]

    @abstractmethod
    def predictor_losses(self, batch: Batch) -> Losses:
        """The first objective."""

    @abstractmethod
    def generator_losses(self, batch: Batch) -> Losses:
        """The second objective."""

    def first_constraint(self, batch: Batch) -> Losses:
        """L_s of the first step, as a play of its own: the predictor's losses do not reach the generator."""
        return self.constraint_losses(self.select(batch), batch, "first_")
