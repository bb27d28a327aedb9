"""Calibration: thresholds on the keep probability, so that the share selected is the share asked for."""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from plmr.data.encoding import Encoded
from plmr.errors import PlmrError
from plmr.inference import by_length, collate, evaluating
from plmr.methods import Selection
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
    model.config.thresholds = None
    argmax_share = float(_collect(model, texts, batch_size, operator.attrgetter("mask")).mean())
    thresholds, shares = [0.5] * len(targets), []
    model.config.thresholds = thresholds
    for step, target in enumerate(targets):
        scores = _collect(model, texts, batch_size, operator.methodcaller("score_at", step))
        thresholds[step] = threshold_for(scores, target)
        shares.append(float((scores > thresholds[step]).mean()))
    return Calibration(list(thresholds), shares, argmax_share, targets[-1])


def threshold_for(scores: np.ndarray, share: float) -> float:
    """The threshold that the wanted share of the scores exceeds, halfway between two scores.

    Args:
        scores: In [0, 1]; 0 for what can no longer be kept. *Shape:* (n,)
        share: In (0, 1).

    Returns:
        A value in [0, 1) that keeps as near to the share as ties allow.
    """
    ordered = np.sort(scores)[::-1]
    wanted = round(share * len(ordered))
    # Between two different scores only: a threshold inside a tie would keep all of it or none.
    cuts = np.flatnonzero(np.diff(ordered)) + 1
    cuts = np.concatenate([cuts, [int((ordered > 0).sum())]])
    cut = int(cuts[np.argmin(np.abs(cuts - wanted))])
    above = ordered[cut - 1] if cut else 1.0
    below = ordered[cut] if cut < len(ordered) else 0.0
    return float((above + below) / 2)


@torch.inference_mode()
def _collect(
    model: RationaleModel, texts: Sequence[Encoded], batch_size: int, pick: Callable[[Selection], Tensor]
) -> np.ndarray:
    """One value of the selection for every unit of the texts, in no particular order."""
    collected = []
    with evaluating(model):
        for numbers in by_length(texts, batch_size):
            batch = model.batch(**collate(model, [texts[i] for i in numbers]))
            collected.append(pick(model.method.select(batch))[batch.units.valid].float().cpu().numpy())
    values = np.concatenate(collected) if collected else np.empty(0)
    if not len(values):
        raise PlmrError("Calibration needs validation texts with at least one word; all of them are empty.")
    return values
