"""Batches of texts of like length, in an order that depends on the seed and the epoch alone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from torch.utils.data import Sampler
from transformers.trainer_pt_utils import get_length_grouped_indices


class LengthGroupedSampler(Sampler[int]):
    """The grouping of transformers, reproducible after a resume.

    Its own sampler draws from the global generator, whose state at the start of an epoch is lost when a run is
    killed in the middle of it.

    Args:
        lengths: Length of every text.
        batch_size: Texts in a batch.
        seed: Of the order.
    """

    def __init__(self, lengths: Sequence[int], batch_size: int, seed: int):
        self.lengths = list(lengths)
        self.batch_size = batch_size
        self.seed = seed
        self.epoch = 0

    def set_epoch(self, epoch: int) -> None:
        self.epoch = epoch

    def __len__(self) -> int:
        return len(self.lengths)

    def __iter__(self) -> Iterator[int]:
        # A sum of the two would give neighbouring seeds the same orders, one epoch apart.
        mixed = int(np.random.SeedSequence([self.seed, self.epoch]).generate_state(1)[0])
        generator = torch.Generator().manual_seed(mixed)
        yield from get_length_grouped_indices(self.lengths, self.batch_size, generator=generator)
