"""Running a model over many texts, whatever their order and length."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from plmr.data.collator import RationaleCollator
from plmr.data.encoding import Encoded
from plmr.modeling import RationaleModel


@dataclass(frozen=True)
class Prediction:
    """A model's answer for one encoded text.

    Attributes:
        probabilities: *Shape:* (C,)
        mask: 1 for selected tokens. *Shape:* (T,)
        keep: Keep probability of each token. *Shape:* (T,)
        full_text_probabilities: From the whole text, where asked for. *Shape:* (C,)
    """

    probabilities: np.ndarray
    mask: np.ndarray
    keep: np.ndarray
    full_text_probabilities: np.ndarray | None = None


def by_length(texts: Sequence[Encoded], batch_size: int) -> Iterator[list[int]]:
    """Numbers of the texts, in batches of like length, the longest first: too large a batch fails at once."""
    order = sorted(range(len(texts)), key=lambda i: -len(texts[i].input_ids))
    for start in range(0, len(order), batch_size):
        yield order[start : start + batch_size]


def collate(model: RationaleModel, texts: Sequence[Encoded]) -> dict[str, Tensor]:
    """A padded batch on the model's device, without labels."""
    collator = RationaleCollator(model.config.pad_token_id or 0)
    batch = collator([text.features() for text in texts])
    return {name: tensor.to(model.device) for name, tensor in batch.items() if name != "labels"}


@torch.inference_mode()
def predict(
    model: RationaleModel,
    texts: Sequence[Encoded],
    batch_size: int = 64,
    full_text: bool = False,
    n_words: Sequence[int] | None = None,
) -> list[Prediction]:
    """Predict every text, deterministically.

    Args:
        model: Put into evaluation mode for the call.
        texts: Encoded texts.
        batch_size: Texts in a batch.
        full_text: Also predict from the whole texts.
        n_words: How many words each rationale is to hold; default, as the thresholds say.

    Returns:
        One prediction per text, in the order of the texts.
    """
    answers: dict[int, Prediction] = {}
    with evaluating(model):
        for numbers in by_length(texts, batch_size):
            batch = collate(model, [texts[i] for i in numbers])
            if n_words is not None:
                batch["n_words"] = torch.tensor([n_words[i] for i in numbers], device=model.device)
            output = model(**batch, return_full_text=full_text)
            probabilities = probabilities_of(output.logits)
            mask, keep = output.mask.bool().cpu().numpy(), output.keep_probability.float().cpu().numpy()
            whole = probabilities_of(output.full_text_logits) if full_text else None
            for row, number in enumerate(numbers):
                length = len(texts[number].input_ids)
                answers[number] = Prediction(
                    probabilities[row],
                    mask[row, :length],
                    keep[row, :length],
                    None if whole is None else whole[row],
                )
    return [answers[i] for i in range(len(texts))]


def probabilities_of(logits: Tensor) -> np.ndarray:
    """Softmax of logits. *Shape:* (B, C)"""
    return logits.float().softmax(dim=-1).cpu().numpy()


@contextmanager
def evaluating(model: torch.nn.Module) -> Iterator[None]:
    """Evaluation mode inside a `with`, the former mode after it."""
    was_training = model.training
    model.eval()
    try:
        yield
    finally:
        model.train(was_training)
