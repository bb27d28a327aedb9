"""What a comparison found: a table for people, JSON for machines."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from plmr.metrics import EvaluationReport
from plmr.render import Column

COLUMNS = (
    Column("sparsity", "S", "share of the words that is selected", better=None),
    Column("precision", "P", "share of the selected words that people marked"),
    Column("recall", "R", "share of the words people marked that is selected"),
    Column("f1", "F1", "harmonic mean of P and R"),
    Column("sufficiency", "suff.", "probability lost when only those words are read; lower is better", ".3f", "low"),
    Column("comprehensiveness", "compr.", "probability lost when only the others are read; higher is better", ".3f"),
    Column("seconds", "s/text", "seconds per text", ",.4f", None),
    Column("times_slower", "times", "how many times the first row's seconds that is", ",.1f", None),
)


@dataclass(frozen=True)
class System:
    """Rationales from one source, and how good they are.

    Attributes:
        report: Agreement with people, sufficiency and comprehensiveness.
        seconds: Mean time per text; None where nothing was run.
        budget: What was spent on a text.
    """

    report: EvaluationReport
    seconds: float | None = None
    budget: str | None = None


@dataclass(frozen=True)
class Comparison:
    """Sources of rationales side by side, the classifier itself first.

    Attributes:
        systems: By name.
        n_texts: Texts compared on.
        notes: What the reader should know.
    """

    systems: Mapping[str, System]
    n_texts: int
    notes: Sequence[str]

    def figures(self) -> dict[str, dict[str, float]]:
        """The figures of `COLUMNS` for each system, without those that it has not."""
        return {name: self._figures(system) for name, system in self.systems.items()}

    def to_dict(self) -> dict[str, Any]:
        """All there is, as values that JSON can hold."""
        systems = {
            name: {
                "budget": system.budget,
                "seconds_per_text": system.seconds,
                "times_slower": self._times_slower(system),
                **system.report.to_dict(),
            }
            for name, system in self.systems.items()
        }
        return {"texts": self.n_texts, "systems": systems, "notes": list(self.notes)}

    def _figures(self, system: System) -> dict[str, float]:
        faithfulness = system.report.faithfulness
        assert faithfulness is not None
        figures = system.report.figures()
        figures |= {name: getattr(faithfulness, name) for name in ("sufficiency", "comprehensiveness")}
        slower = self._times_slower(system)
        if system.seconds is not None and slower is not None:
            figures |= {"seconds": system.seconds, "times_slower": slower}
        return figures

    def _times_slower(self, system: System) -> float | None:
        own = next(iter(self.systems.values())).seconds
        return None if system.seconds is None or own is None else system.seconds / own
