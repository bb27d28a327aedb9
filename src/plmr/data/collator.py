"""Batches padded to their longest text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor


@dataclass(frozen=True)
class RationaleCollator:
    """Pads a list of encoded texts into tensors.

    Args:
        pad_token_id: What pads `input_ids`.
    """

    pad_token_id: int

    def __call__(self, features: Sequence[Mapping[str, Any]]) -> dict[str, Tensor]:
        """`input_ids`, `attention_mask` and `word_ids`, *Shape:* (B, T); `labels`, *Shape:* (B,), where known."""
        lengths = [len(f["input_ids"]) for f in features]
        width = max(lengths)
        batch = {
            "input_ids": _padded([f["input_ids"] for f in features], width, self.pad_token_id),
            "attention_mask": _padded([[1] * n for n in lengths], width, 0),
            "word_ids": _padded([f["word_ids"] for f in features], width, -1),
        }
        if all(f.get("label") is not None for f in features):
            batch["labels"] = torch.tensor([f["label"] for f in features])
        return batch


def _padded(rows: Sequence[Sequence[int]], width: int, value: int) -> Tensor:
    return torch.tensor([[*row, *[value] * (width - len(row))] for row in rows], dtype=torch.long)
