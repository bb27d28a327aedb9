"""DAR: a teacher that has read whole texts only keeps rationale and text in line.

Liu et al., "Enhancing the Rationale-Input Alignment for Self-explaining Rationalization", ICDE 2024.

    stage teacher   min over teacher                   CE(t(X), y)
    game            min over generator and predictor   CE(p(R), y) + w CE(t(R), y) + L_s,   t given

Generator and predictor can agree on a code of their own that no reader of the text would understand. The teacher
does not learn from rationales, so a rationale that only the predictor understands tells it nothing. It judges
without dropout; the released code leaves it in training mode, and weighs both cross-entropies by 0.9 as that of FR
does. So does `as_released`.

The teacher and its stage are those of `teacher.py`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from plmr.methods.fr import RELEASED_WEIGHT
from plmr.methods.game import Batch, Losses, Play
from plmr.methods.losses import cross_entropy
from plmr.methods.options import option
from plmr.methods.teacher import Taught, TeacherOptions
from plmr.ranges import NOT_NEGATIVE


@dataclass(frozen=True)
class DAROptions(TeacherOptions):
    """Options of DAR."""

    teacher_weight: float = option(1.0, "w, weight of the teacher's loss on rationales.", NOT_NEGATIVE)
    as_released: bool = option(
        False, "Whether the teacher has dropout while it judges, and cross-entropies are weighed by 0.9."
    )


class DAR(Taught):
    """RNP, with a fixed teacher that has to understand the rationales as well."""

    summary = "discriminatively aligned: a fixed full-text teacher must understand the rationales as well (ICDE 2024)"
    options_class = DAROptions
    options: DAROptions

    def game(self) -> list[Play]:
        restless = ("teacher",) if self.options.as_released else ()
        return [replace(play, dropout=restless) for play in super().game()]

    def losses(self, batch: Batch) -> Losses:
        """RNP's, and the teacher's on the same rationale."""
        selection = self.select(batch)
        judged = self.judge(batch, selection.mask)
        weight = RELEASED_WEIGHT if self.options.as_released else 1.0
        return {
            "rationale": weight * cross_entropy(self.predict(batch, selection), batch),
            "teacher": weight * self.options.teacher_weight * cross_entropy(judged, batch),
            **self.constraint_losses(selection, batch),
        }
