"""A teacher that has read whole texts only: what the methods with one have in common.

    stage teacher   min over teacher   CE(t(X), y)
    game            as in RNP or as the method says,   t given

While the teacher learns, the predictor learns from whole texts too, as in every method of this kind before its start.
With `teacher_share` up to `sparsity_delay` the generator thus has as much time as in RNP; above, the start is later.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from torch import Tensor, nn

from plmr.config import RationaleConfig
from plmr.encoders import SplitEncoder
from plmr.methods.game import Batch, Losses, Play
from plmr.methods.losses import cross_entropy
from plmr.methods.options import Options, option
from plmr.methods.rnp import RNP
from plmr.ranges import PART_OF_TRAINING


@dataclass(frozen=True)
class TeacherOptions(Options):
    """Options of a method with a teacher."""

    teacher_share: float = option(
        0.25,
        "Share of the training in which the teacher learns; it is fixed afterwards.",
        PART_OF_TRAINING,
    )


class Taught(RNP):
    """RNP, with a teacher that is fixed when the game starts."""

    n_encoders = 3
    options_class = TeacherOptions
    options: TeacherOptions

    def __init__(
        self, config: RationaleConfig, generator: SplitEncoder, predictor: SplitEncoder, teacher: SplitEncoder
    ):
        super().__init__(config, generator, predictor)
        self.teacher = teacher
        self.teacher_head = self.new_class_head(teacher)

    def modules_of(self) -> dict[str, list[nn.Module]]:
        return super().modules_of() | {"teacher": [self.teacher, self.teacher_head]}

    @property
    def stages(self) -> Mapping[str, float]:
        return {"teacher": self.options.teacher_share}

    def plays(self) -> list[Play]:
        lessons = [Play(("teacher",), self.teacher_losses)] if self.stage == "teacher" else []
        return lessons + super().plays()

    def judge(self, batch: Batch, mask: Tensor) -> Tensor:
        """The teacher's logits from what a mask keeps. *Shape:* (B, C)"""
        return self.classify(self.teacher, self.teacher_head, batch, mask)

    def teacher_losses(self, batch: Batch) -> Losses:
        return {"teacher_full_text": cross_entropy(self.judge(batch, batch.everything), batch)}
