"""Homogeneity: how alike the tokens of a text have become after each block.

Source: PLMR (KDD 2025), eqs. 5-7 and Figure 4. The smaller the trace of the covariance of a text's token
states, the more alike its tokens, and the less a mask head can tell them apart.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from plmr.errors import PlmrError


@dataclass(frozen=True, slots=True)
class HomogeneityScores:
    """Spread of token states per block.

    Attributes:
        traces: L values, the mean over texts of tr(Sigma) after each block; NaN without such a text.
        n_texts: Texts in the mean.
        n_skipped: Texts of fewer than two tokens, which have no covariance.
    """

    traces: tuple[float, ...]
    n_texts: int
    n_skipped: int


def covariance_trace(states: ArrayLike) -> float:
    """tr(Sigma) of one text's token states, Sigma unbiased with 1 / (n - 1) (eqs. 5-6).

    Args:
        states: Token states of shape (n, H), n >= 2, padding and special tokens left out.

    Raises:
        PlmrError: When the shape is anything else.
    """
    tokens = np.asarray(states, dtype=np.float64)
    if tokens.ndim != 2 or len(tokens) < 2:
        raise PlmrError(f"token states have shape {tokens.shape}; expected (n, H) with at least two tokens")
    # The trace needs only the diagonal of Sigma: the variance of each of the H coordinates.
    return float(tokens.var(axis=0, ddof=1).sum())


def homogeneity(blocks: Sequence[Sequence[ArrayLike]]) -> HomogeneityScores:
    """Mean over texts of tr(Sigma), per block (eq. 7).

    Args:
        blocks: For each of L blocks, the token states of B texts, text i of shape (n_i, H).

    Raises:
        PlmrError: When blocks disagree about the texts or their lengths.
    """
    lengths = [[len(np.asarray(states)) for states in block] for block in blocks]
    for index, found in enumerate(lengths):
        if found != lengths[0]:
            raise PlmrError(f"block {index} holds other texts than block 0; pass the same texts to each")
    measured = [index for index, n in enumerate(lengths[0]) if n >= 2] if lengths else []
    traces = [
        float(np.mean([covariance_trace(block[index]) for index in measured])) if measured else np.nan
        for block in blocks
    ]
    return HomogeneityScores(
        traces=tuple(traces),
        n_texts=len(measured),
        n_skipped=len(lengths[0]) - len(measured) if lengths else 0,
    )
