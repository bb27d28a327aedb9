"""Calibration: thresholds on the keep probability, so that the share selected is the share asked for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from plmr.data.encoding import Encoded
from plmr.errors import PlmrError
from plmr.inference import by_length, collate, evaluating
from plmr.modeling import RationaleModel


@dataclass(frozen=True)
class Calibration:
    """What calibration found.

    Attributes:
        thresholds: Keep probability above which each pruning step keeps a unit.
        shares: Share of all units left after each step, at these thresholds.
        argmax_share: Share that the argmax would have left in the end.
        target: The share asked for.
    """

    thresholds: list[float]
    shares: list[float]
    argmax_share: float
    target: float

    @property
    def share(self) -> float:
        return self.shares[-1]


def calibrate(model: RationaleModel, texts: Sequence[Encoded], batch_size: int = 64) -> Calibration:
    """Find a threshold for each pruning step and store them in the model's configuration.

    The steps are set one after the other, because what one step prunes changes what the next one sees.

    Args:
        model: Its `config.thresholds` are replaced.
        texts: Validation texts; their labels and rationales are not looked at.
        batch_size: Texts in a batch.

    Raises:
        PlmrError: There is nothing to select in the texts.
    """
    targets = model.method.targets()
    model.config.thresholds = thresholds = [0.5] * len(targets)
    shares, argmax_share = [], 0.0
    for step, target in enumerate(targets):
        scores, selected = _collect(model, texts, batch_size, step)
        if step == 0:
            argmax_share = float(selected.mean())
        thresholds[step] = threshold_for(scores, target)
        shares.append(float((scores > thresholds[step]).mean()))
    return Calibration(list(thresholds), shares, argmax_share, targets[-1])


def threshold_for(scores: np.ndarray, share: float) -> float:
    """The threshold that the wanted share of the scores exceeds, halfway between two scores.

    Args:
        scores: In [0, 1]; 0 for what can no longer be kept. *Shape:* (n,)
        share: In (0, 1).

    Returns:
        A value in [0, 1) that keeps as near to the share as ties allow, exact in the precision of the scores.
    """
    ordered = np.sort(scores)[::-1]
    wanted = round(share * len(ordered))
    # Between two different scores only: a threshold inside a tie would keep all of it or none.
    cuts = np.flatnonzero(np.diff(ordered)) + 1
    cuts = np.concatenate([cuts, [int((ordered > 0).sum())]])
    cut = int(cuts[np.argmin(np.abs(cuts - wanted))])
    above = ordered[cut - 1] if cut else 1.0
    below = ordered[cut] if cut < len(ordered) else 0.0
    # Between neighbouring numbers there is none, and halfway is rounded to one of them, which may be the upper.
    middle = (above + below) / 2
    return float(middle if middle < above else below)


@torch.inference_mode()
def _collect(
    model: RationaleModel, texts: Sequence[Encoded], batch_size: int, step: int
) -> tuple[np.ndarray, np.ndarray]:
    """The score of every unit at a step, in no particular order, and whether it is selected in the end."""
    scores, selected = [], []
    with evaluating(model):
        for numbers in by_length(texts, batch_size):
            batch = model.batch(**collate(model, [texts[i] for i in numbers]))
            selection, valid = model.method.select(batch), batch.units.valid
            scores.append(selection.score_at(step)[valid].float().cpu().numpy())
            selected.append(selection.mask[valid].float().cpu().numpy())
    values = np.concatenate(scores) if scores else np.empty(0)
    if not len(values):
        raise PlmrError("Calibration needs validation texts with at least one word; all of them are empty.")
    return values, np.concatenate(selected)
