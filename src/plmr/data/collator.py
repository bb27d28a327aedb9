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
        multiple_of: Widths are rounded up to such multiples. The kernels that a processor's library makes for each new
            width, and keeps, are then few; in a long training on every width they come to take more memory than the
            model.
        most: A width that rounding does not exceed, such as the longest text the encoder can read.
    """

    pad_token_id: int
    multiple_of: int = 1
    most: int | None = None

    def __call__(self, features: Sequence[Mapping[str, Any]]) -> dict[str, Tensor]:
        """`input_ids`, `attention_mask` and `word_ids`, *Shape:* (B, T); `labels` and `environments`, where known,
        *Shape:* (B,).
        """
        lengths = [len(f["input_ids"]) for f in features]
        width = self._rounded(max(lengths))
        batch = {
            "input_ids": _padded([f["input_ids"] for f in features], width, self.pad_token_id),
            "attention_mask": _padded([[1] * n for n in lengths], width, 0),
            "word_ids": _padded([f["word_ids"] for f in features], width, -1),
        }
        for name in ("label", "environment"):
            if all(f.get(name) is not None for f in features):
                batch[f"{name}s"] = torch.tensor([f[name] for f in features])
        return batch

    def _rounded(self, width: int) -> int:
        rounded = -(-width // self.multiple_of) * self.multiple_of
        return rounded if self.most is None else max(width, min(rounded, self.most))


def _padded(rows: Sequence[Sequence[int]], width: int, value: int) -> Tensor:
    return torch.tensor([[*row, *[value] * (width - len(row))] for row in rows], dtype=torch.long)
