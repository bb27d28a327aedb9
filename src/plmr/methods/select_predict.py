"""Select, then predict: what the frameworks with one mask between two readers have in common.

    M = sample(mask head(generator(X))),   ŷ = class head(pool(predictor(E(X) ⊙ M)))

A method of this kind states its `game`; who else plays, such as a teacher, reads texts by `classify`.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from typing import ClassVar

from torch import Tensor, nn

from plmr.config import RationaleConfig
from plmr.encoders import SplitEncoder
from plmr.masking import run_masked
from plmr.methods.base import Method
from plmr.methods.game import Batch, Losses, Play, Selection
from plmr.methods.losses import cross_entropy
from plmr.methods.parts import ClassHead, MaskHead, pool


class SelectThenPredict(Method):
    """A generator with a mask head and a predictor with a class head.

    Args:
        config: Sizes, switches and weights.
        generator: Reads the whole text to select; None, the predictor's encoder does both.
        predictor: Reads the rationale.
    """

    n_encoders = 2
    soft: ClassVar[bool] = False
    """Whether masks are fractions in training; in evaluation they are 0 or 1 in every method."""
    reads_normed: ClassVar[bool] = False
    """Whether `read` normalizes the states, so that the mask head does without a LayerNorm of its own."""

    def __init__(self, config: RationaleConfig, generator: SplitEncoder | None, predictor: SplitEncoder):
        super().__init__(config)
        self.generator = generator
        self.mask_head = self.new_mask_head(predictor.width)
        self.predictor = predictor
        self.class_head = self.new_class_head(predictor)

    def new_mask_head(self, width: int) -> nn.Module:
        """The generator's head, on states of a width."""
        config = self.config
        return MaskHead(width, config.mask_head_dropout, config.keep_bias, normed=not self.reads_normed)

    def new_class_head(self, encoder: SplitEncoder) -> ClassHead:
        """A head for a classifier on an encoder, alike for every player that classifies."""
        return ClassHead(encoder.width, self.config.num_labels, self.config.class_head_dropout)

    def modules_of(self) -> dict[str, list[nn.Module]]:
        """The mask head alone is the generator where the encoder is shared, so that whole texts teach the encoder."""
        own = [] if self.generator is None else [self.generator]
        return {"generator": [*own, self.mask_head], "predictor": [self.predictor, self.class_head]}

    @abstractmethod
    def game(self) -> list[Play]:
        """The plays from the start on, when there is something to select."""

    def plays(self) -> list[Play]:
        """Before the start the predictor learns from whole texts, and there is nothing for the generator to learn."""
        return [Play(("predictor",), self.whole_text_losses)] if self.keeps_everything else self.game()

    def whole_text_losses(self, batch: Batch) -> Losses:
        """The rationale is the text."""
        return {"rationale": cross_entropy(self.predict(batch, self.whole(batch)), batch)}

    def select(self, batch: Batch) -> Selection:
        return self.select_by(self.predictor if self.generator is None else self.generator, self.scores, batch)

    def select_by(self, encoder: SplitEncoder, head: Callable[[Tensor], Tensor], batch: Batch) -> Selection:
        """The selection of any generator, by its encoder and what scores the states, as `scores` does."""
        hidden = self.read(encoder, batch)
        mask, probability = self.choose(head(hidden), batch.units)
        return Selection([mask], [probability], hidden=hidden)

    def scores(self, hidden: Tensor) -> Tensor:
        """Logits of dropping and keeping, from the generator's states: (B, T, H) to (B, T, 2)."""
        return self.mask_head(hidden)

    def given(self, batch: Batch, mask: Tensor) -> Selection:
        return Selection([mask])

    def predict(self, batch: Batch, selection: Selection) -> Tensor:
        return self.predict_from(batch, selection.mask)

    def predict_full_text(self, batch: Batch, selection: Selection) -> Tensor:
        return self.predict_from(batch, batch.everything)

    def predict_from(self, batch: Batch, mask: Tensor) -> Tensor:
        """The predictor's logits from any mask, such as the complement `batch.everything - mask`.

        Args:
            batch: The texts.
            mask: On units, 0 or 1; in the training of a method whose masks are `soft`, also between. *Shape:* (B, U)

        Returns:
            *Shape:* (B, C)
        """
        return self.classify(self.predictor, self.class_head, batch, mask)

    def classify(self, encoder: SplitEncoder, head: nn.Module, batch: Batch, mask: Tensor) -> Tensor:
        """Logits of a classifier that reads what a mask keeps, and the anchor.

        Args:
            encoder: Its encoder.
            head: Its class head.
            batch: The texts.
            mask: As in `predict_from`. *Shape:* (B, U)

        Returns:
            *Shape:* (B, C)
        """
        return head(self.pooled(encoder, batch, mask))

    def pooled(self, encoder: SplitEncoder, batch: Batch, mask: Tensor) -> Tensor:
        """What a class head reads: one state of what a mask keeps.

        Args:
            encoder, batch, mask: As in `classify`.

        Returns:
            *Shape:* (B, H)
        """
        kept = batch.units.to_tokens(mask)
        return pool(self.read(encoder, batch, kept + batch.anchor), kept, self.config.pooling)

    def read(self, encoder: SplitEncoder, batch: Batch, visible: Tensor | None = None) -> Tensor:
        """An encoder's states of the texts, as heads read them.

        Args:
            encoder: One of the method's.
            batch: The texts.
            visible: The mask on tokens; default, the whole text with its special tokens. *Shape:* (B, T)

        Returns:
            *Shape:* (B, T, H)
        """
        embedded, blocks = self.embed(encoder, batch), range(encoder.n_blocks)
        if visible is None:
            return encoder.run(embedded, blocks, batch.attention_mask)
        soft = self.soft and self.training
        return run_masked(encoder, embedded, blocks, batch.attention_mask, visible, self.config.masking, soft)

    def embed(self, encoder: SplitEncoder, batch: Batch) -> Tensor:
        """What an encoder's first block reads. *Shape:* (B, T, H)"""
        return encoder.embed(batch.input_ids)
