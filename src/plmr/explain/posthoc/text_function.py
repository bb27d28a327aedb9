"""What the post-hoc explainers explain: the full-text classifier, as a function of which words are there."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from plmr.data.encoding import Encoded
from plmr.data.words import Range
from plmr.encoders import SplitEncoder
from plmr.inference import evaluating, probabilities_of
from plmr.masking.compact import Places
from plmr.methods import Method
from plmr.modeling import RationaleModel


class TextFunction:
    """Class probabilities of one text, of which some words are there and the others are not.

    A word that is not there has left the text: its tokens are gone, those behind them move up, and the special tokens
    stay. That is what LIME's and SHAP's text explainers make of a text, without the detour of tokenizing it again.

    Args:
        model: Its full-text path is the function.
        encoded: The text, short enough for the encoder.
        text: The text as given.
        ranges: Character range of every word.
        batch_size: Variants of the text read at once.

    Attributes:
        words: Numbers of the words that have a token; these W are explained.
        label: The class most probable on the whole text, the one that is explained.
    """

    def __init__(
        self, model: RationaleModel, encoded: Encoded, text: str, ranges: Sequence[Range], batch_size: int = 32
    ):
        self.model = model
        self.text = text
        self.batch_size = batch_size
        self.n_words = encoded.n_words
        self.input_ids = torch.tensor([encoded.input_ids], device=model.device)
        self.word_ids = torch.tensor([encoded.word_ids], device=model.device)
        self.words = sorted(set(encoded.word_ids) - {-1})
        self.ranges = [ranges[word] for word in self.words]
        places = {word: place for place, word in enumerate(self.words)}
        self.columns = np.array([places.get(word, -1) for word in encoded.word_ids])
        self.label = int(self.probabilities(np.ones((1, len(self.words)), dtype=bool))[0].argmax())

    @torch.inference_mode()
    def probabilities(self, present: np.ndarray) -> np.ndarray:
        """Probabilities of N variants of the text.

        Args:
            present: Which of the explained words are there. *Shape:* (N, W)

        Returns:
            *Shape:* (N, C)
        """
        # The last column stands for tokens of no word, whose place is -1.
        kept = torch.from_numpy(np.pad(present, ((0, 0), (0, 1)), constant_values=True)[:, self.columns])
        answers = np.empty((len(present), self.model.config.num_labels))
        with evaluating(self.model):
            for rows in kept.sum(dim=1).argsort(descending=True).split(self.batch_size):
                places = Places.of(kept[rows].to(self.input_ids.device))
                ids, words = (
                    values.expand(len(rows), -1).gather(1, places.index) for values in (self.input_ids, self.word_ids)
                )
                ids = ids.masked_fill(~places.real, self.model.config.pad_token_id or 0)
                words = words.masked_fill(~places.real, -1)
                answers[rows.numpy()] = probabilities_of(full_text_logits(self.model, ids, places.real, words))
        return answers

    def token_sums(self, values: Tensor) -> np.ndarray:
        """Values of the tokens, summed over each word.

        Args:
            values: *Shape:* (T,)

        Returns:
            *Shape:* (W,)
        """
        mine = self.columns >= 0
        return np.bincount(self.columns[mine], values.cpu().double().numpy()[mine], minlength=len(self.words))


def full_text_logits(model: RationaleModel, input_ids: Tensor, attention_mask: Tensor, word_ids: Tensor) -> Tensor:
    """Class logits from whole texts, without choosing a rationale first.

    Args:
        model: In evaluation mode.
        input_ids, attention_mask, word_ids: As in `RationaleModel.forward`. *Shape:* (B, T)

    Returns:
        *Shape:* (B, C)
    """
    batch = model.batch(input_ids, attention_mask, word_ids)
    return model.method.predict_full_text(batch, model.method.whole(batch))


def full_text_encoder(method: Method) -> SplitEncoder:
    """The encoder on the full-text path: the predictor's, where generator and predictor have one each."""
    return [module for module in method.children() if isinstance(module, SplitEncoder)][-1]
