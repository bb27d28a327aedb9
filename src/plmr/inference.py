"""Running a model over many texts, whatever their order and length."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import torch
from torch import Tensor

from plmr.data.collator import RationaleCollator
from plmr.data.encoding import Encoded
from plmr.modeling import RationaleModel

Item = TypeVar("Item")
Result = TypeVar("Result")


@dataclass(frozen=True)
class Prediction:
    """A model's answer for one encoded text.

    Attributes:
        probabilities: *Shape:* (C,)
        mask: 1 for selected tokens. *Shape:* (T,)
        keep: Keep probability of each token. *Shape:* (T,)
        ranking: Of each token, what would be kept first; see `RationaleOutput`. *Shape:* (T,)
        full_text_probabilities: From the whole text, where asked for. *Shape:* (C,)
    """

    probabilities: np.ndarray
    mask: np.ndarray
    keep: np.ndarray
    ranking: np.ndarray
    full_text_probabilities: np.ndarray | None = None


def by_length(texts: Sequence[Encoded], batch_size: int) -> Iterator[list[int]]:
    """Numbers of the texts, in batches of like length, the longest first: too large a batch fails at once."""
    order = sorted(range(len(texts)), key=lambda i: -len(texts[i].input_ids))
    for start in range(0, len(order), batch_size):
        yield order[start : start + batch_size]


def collate(model: RationaleModel, texts: Sequence[Encoded]) -> dict[str, Tensor]:
    """A padded batch on the model's device, of what is read to predict."""
    collator = RationaleCollator(model.config.pad_token_id or 0)
    batch = collator([text.features() for text in texts])
    return {name: tensor.to(model.device) for name, tensor in batch.items() if name not in ("labels", "environments")}


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
            mask = output.mask.bool().cpu().numpy()
            keep, ranking = (each.float().cpu().numpy() for each in (output.keep_probability, output.ranking))
            whole = probabilities_of(output.full_text_logits) if full_text else None
            for row, number in enumerate(numbers):
                length = len(texts[number].input_ids)
                answers[number] = Prediction(
                    probabilities[row],
                    mask[row, :length],
                    keep[row, :length],
                    ranking[row, :length],
                    None if whole is None else whole[row],
                )
    return [answers[i] for i in range(len(texts))]


@torch.inference_mode()
def predict_from(
    model: RationaleModel, texts: Sequence[Encoded], masks: Sequence[np.ndarray], batch_size: int = 64
) -> np.ndarray:
    """Predict every text from a rationale that is given.

    Args:
        model: Put into evaluation mode for the call.
        texts: N encoded texts.
        masks: What the prediction may read of each. *Shape:* each (T,)
        batch_size: Texts in a batch.

    Returns:
        Class probabilities. *Shape:* (N, C)
    """
    answers = np.empty((len(texts), model.config.num_labels), dtype=np.float32)
    with evaluating(model):
        for numbers in by_length(texts, batch_size):
            batch = collate(model, [texts[i] for i in numbers])
            mask = torch.zeros(batch["input_ids"].shape)
            for row, i in enumerate(numbers):
                mask[row, : len(masks[i])] = torch.from_numpy(masks[i])
            answers[numbers] = probabilities_of(model.predict_from(mask.to(model.device), **batch))
    return answers


def chunked(texts: Iterable[str], most: int, characters: int) -> Iterator[list[str]]:
    """Texts in their order, in lists that are full with so many texts or with so many characters."""
    chunk: list[str] = []
    size = 0
    for text in texts:
        chunk.append(text)
        size += len(text) if isinstance(text, str) else 0
        if len(chunk) >= most or size >= characters:
            yield chunk
            chunk, size = [], 0
    if chunk:
        yield chunk


def ahead(work: Callable[[Item], Result], items: Iterable[Item]) -> Generator[Result, None, None]:
    """`map`, where a second thread works on the next item while the last result is in use.

    Args:
        work: What the thread does.
        items: Taken on the calling thread, one more than results are asked for. An error, of taking an item or of
            working on it, is raised when it is that item's turn.

    Yields:
        Results in order. Closing ends the thread.
    """
    source = iter(items)
    for item in source:
        # Nothing to overlap with yet; and where this is all, no thread is started.
        result = work(item)
        break
    else:
        return
    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="plmr-ahead") as thread:
        while True:
            following = _started(thread, work, source)
            yield result
            if following is None:
                return
            result = following.result()


def _started(
    thread: ThreadPoolExecutor, work: Callable[[Item], Result], source: Iterator[Item]
) -> Future[Result] | None:
    try:
        return thread.submit(work, next(source))
    except StopIteration:
        return None
    except Exception as error:
        failed: Future[Result] = Future()
        failed.set_exception(error)
        return failed


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
