"""DAR: a teacher that has read whole texts only keeps rationale and text in line.

Liu et al., "Enhancing the Rationale-Input Alignment for Self-explaining Rationalization", ICDE 2024.

    stage teacher   min over teacher                   CE(t(X), y)
    game            min over generator and predictor   CE(p(R), y) + w CE(t(R), y) + L_s,   t given

Generator and predictor can agree on a code of their own that no reader of the text would understand. The teacher
does not learn from rationales, so a rationale that only the predictor understands tells it nothing. It judges
without dropout; the released code leaves it in training mode, and so does `as_released`.

While the teacher learns, the predictor learns from whole texts too, as in every method of this kind before its start.
With `teacher_share` up to `sparsity_delay` the generator thus has as much time as in RNP; above, the start is later.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from torch import nn

from plmr.config import RationaleConfig
from plmr.encoders import SplitEncoder
from plmr.methods.game import Batch, Losses, Play
from plmr.methods.losses import cross_entropy
from plmr.methods.options import Options, option
from plmr.methods.rnp import RNP
from plmr.ranges import NOT_NEGATIVE, PART_OF_TRAINING


@dataclass(frozen=True)
class DAROptions(Options):
    """Options of DAR."""

    teacher_weight: float = option(1.0, "w, weight of the teacher's loss on rationales.", NOT_NEGATIVE)
    teacher_share: float = option(
        0.25,
        "Share of the training in which the teacher learns; it is fixed afterwards.",
        PART_OF_TRAINING,
    )
    as_released: bool = option(False, "Whether the teacher has dropout while it judges.")


class DAR(RNP):
    """RNP, with a fixed teacher that has to understand the rationales as well."""

    summary = "discriminatively aligned: a fixed full-text teacher must understand the rationales as well (ICDE 2024)"
    n_encoders = 3
    options_class = DAROptions
    options: DAROptions

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

    def game(self) -> list[Play]:
        restless = ("teacher",) if self.options.as_released else ()
        return [replace(play, dropout=restless) for play in super().game()]

    def teacher_losses(self, batch: Batch) -> Losses:
        logits = self.classify(self.teacher, self.teacher_head, batch, batch.everything)
        return {"teacher_full_text": cross_entropy(logits, batch)}

    def losses(self, batch: Batch) -> Losses:
        """RNP's, and the teacher's on the same rationale."""
        selection = self.select(batch)
        judged = self.classify(self.teacher, self.teacher_head, batch, selection.mask)
        return {
            "rationale": cross_entropy(self.predict(batch, selection), batch),
            "teacher": self.options.teacher_weight * cross_entropy(judged, batch),
            **self.constraint_losses(selection, batch),
        }
