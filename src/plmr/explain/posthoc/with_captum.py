"""Integrated Gradients (Sundararajan et al., ICML 2017) and occlusion, by captum."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from plmr.explain.posthoc.text_function import TextFunction, full_text_encoder, full_text_logits
from plmr.inference import evaluating


def integrated_gradients(text: TextFunction, seed: int = 0, steps: int = 50) -> np.ndarray:
    """Gradients of the probability at the embedding output, integrated along the line from a text of padding.

    Args:
        text: What is explained.
        seed: Not used, the method draws nothing.
        steps: Points on the line; the default is the library's.

    Returns:
        They sum to the probability of the text less that of padding in the place of its words. *Shape:* (W,)
    """
    from captum.attr import LayerIntegratedGradients

    model = text.model
    baseline = text.input_ids.masked_fill(text.word_ids >= 0, model.config.pad_token_id or 0)

    def probability(input_ids: Tensor) -> Tensor:
        visible = torch.ones_like(input_ids, dtype=torch.bool)
        logits = full_text_logits(model, input_ids, visible, text.word_ids.expand_as(input_ids))
        return logits.float().softmax(dim=-1)[:, text.label]

    explainer = LayerIntegratedGradients(probability, full_text_encoder(model.method).entry_modules[-1])
    # cuDNN has no gradients of a recurrent network that is not in training.
    with evaluating(model), torch.backends.cudnn.flags(enabled=False):
        attributions = explainer.attribute(
            text.input_ids, baselines=baseline, n_steps=steps, internal_batch_size=max(text.batch_size, 2)
        )
    return text.token_sums(attributions[0].sum(dim=-1).detach())


def occlusion(text: TextFunction, seed: int = 0) -> np.ndarray:
    """What the probability loses when one word leaves the text.

    Args:
        text: What is explained.
        seed: Not used, the method draws nothing.

    Returns:
        *Shape:* (W,)
    """
    from captum.attr import FeatureAblation

    def probability(present: Tensor) -> Tensor:
        return torch.from_numpy(text.probabilities(present.numpy() > 0)[:, text.label])

    everything = torch.ones(1, len(text.words), dtype=torch.float64)
    attributions = FeatureAblation(probability).attribute(everything, perturbations_per_eval=text.batch_size)
    return attributions[0].numpy()
