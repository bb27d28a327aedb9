"""Environments for methods that read them: those given, or a guess made before anything is learnt."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch

from plmr.data.encoding import Encoded
from plmr.errors import PlmrError
from plmr.inference import by_length, collate, evaluating
from plmr.masking import masked_mean
from plmr.modeling import RationaleModel


def with_environments(
    model: RationaleModel, texts: Sequence[Encoded], seed: int, batch_size: int
) -> tuple[Sequence[Encoded], list[str]]:
    """Training texts as the method reads them: where it tells environments apart, each with the number of its own.

    Args:
        model: As it stands before the training.
        texts: All with environments, or none; of none they are the clusters of `clustered`.
        seed: Of the clusters.
        batch_size: Texts in a batch.

    Returns:
        The texts, and what the user should know.

    Raises:
        PlmrError: Only some texts have an environment, or there are more environments than the method has
            or texts to make them of.
    """
    n = model.method.n_environments
    numbers = [text.environment for text in texts if text.environment is not None]
    if n == 0:
        return texts, []
    if not numbers:
        if len(texts) < n:
            raise PlmrError(
                f"{len(texts)} training texts cannot be grouped into {n} environments; give more texts, or "
                "the method's option environments fewer."
            )
        found = clustered(model, texts, n, seed, batch_size)
        sizes = ", ".join(str(found.count(number)) for number in range(n))
        note = (
            f"the data has no environments: the texts were grouped by {n}-means on their mean embeddings ({sizes} "
            "texts), a guess; give the column 'environment' where you know them"
        )
        return [replace(text, environment=number) for text, number in zip(texts, found, strict=True)], [note]
    if len(numbers) < len(texts):
        raise PlmrError(
            f"{len(texts) - len(numbers)} of {len(texts)} training texts have no environment; give it for all or none."
        )
    if max(numbers) >= n:
        raise PlmrError(
            f"environment {max(numbers)} is out of range: they are numbered from 0, and the method has {n}; set its "
            f"option environments={max(numbers) + 1}."
        )
    return texts, []


def clustered(model: RationaleModel, texts: Sequence[Encoded], n: int, seed: int, batch_size: int) -> list[int]:
    """The cluster of each text, by k-means on the mean of its embeddings, positions and special tokens included.

    Args:
        model: Its encoders are alike, before the training.
        texts: N texts.
        n: How many clusters.
        seed: Of their centres.
        batch_size: Texts in a batch.
    """
    from sklearn.cluster import KMeans

    encoder = model.method.encoders()[0]
    features = np.empty((len(texts), encoder.width), dtype=np.float32)
    with evaluating(model), torch.inference_mode():
        for numbers in by_length(texts, batch_size):
            batch = collate(model, [texts[i] for i in numbers])
            pooled = masked_mean(encoder.embed(batch["input_ids"]), batch["attention_mask"])
            features[numbers] = pooled.float().cpu().numpy()
    return [int(number) for number in KMeans(n, n_init=10, random_state=seed).fit_predict(features)]
