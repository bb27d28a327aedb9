"""RNP, in the form that later papers compare with: two encoders and a Gumbel mask between them.

Lei, Barzilay and Jaakkola, "Rationalizing Neural Predictions", EMNLP 2016; the Gumbel-softmax
re-implementation replaces their REINFORCE.

    M = Gumbel(MLP(generator(X))),   ŷ = head(pool(predictor(E(X) ⊙ M))),   L = CE(ŷ, y) + L_s
"""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from plmr.config import RationaleConfig
from plmr.encoders import SplitEncoder
from plmr.masking import constraint, run_masked
from plmr.methods.base import Batch, Losses, Method, Play, Selection, freeze, masking_of
from plmr.methods.parts import ClassHead, MaskHead, pool


class RNP(Method):
    """Select, then predict, with an encoder each."""

    summary = "plain select-then-predict, one encoder each, Gumbel masks (EMNLP 2016, as re-implemented since)"
    n_encoders = 2

    def __init__(self, config: RationaleConfig, generator: SplitEncoder, predictor: SplitEncoder):
        super().__init__(config)
        self.masking = masking_of(config, predictor)
        self.generator = generator
        self.mask_head = MaskHead(generator.width, config.mask_head_dropout, config.keep_bias)
        self.predictor = predictor
        self.class_head = ClassHead(predictor.width, config.num_labels, config.class_head_dropout)
        if config.freeze_embeddings:
            freeze(generator)
            freeze(predictor)

    def modules_of(self) -> dict[str, list[nn.Module]]:
        return {
            "generator": [self.generator, self.mask_head],
            "predictor": [self.predictor, self.class_head],
        }

    def select(self, batch: Batch) -> Selection:
        embedded = self.generator.embed(batch.input_ids)
        hidden = self.generator.run(embedded, range(self.generator.n_blocks), batch.attention_mask)
        mask, probability = self.choose(self.mask_head(hidden), batch.units)
        return Selection([mask], [probability], hidden=hidden)

    def given(self, batch: Batch, mask: Tensor) -> Selection:
        return Selection([mask])

    def predict(self, batch: Batch, selection: Selection) -> Tensor:
        return self._read(batch, batch.units.to_tokens(selection.mask))

    def predict_full_text(self, batch: Batch, selection: Selection) -> Tensor:
        return self._read(batch, batch.units.to_tokens(batch.units.valid.float()))

    def plays(self) -> list[Play]:
        return [Play(("generator", "predictor"), self.losses)]

    def losses(self, batch: Batch) -> Losses:
        """The prediction's loss and the constraint of PLMR's equation 3."""
        if self.keeps_everything:
            return {"rationale": F.cross_entropy(self.predict(batch, self.whole(batch)).float(), batch.targets)}
        selection = self.select(batch)
        terms = constraint(
            selection.masks,
            batch.units,
            self.sparsity_now(),
            *self.constraint_weights(),
            self.config.constraint_form,
        )
        return {
            "rationale": F.cross_entropy(self.predict(batch, selection).float(), batch.targets),
            "sparsity": terms.sparsity,
            "continuity": terms.continuity,
        }

    def _read(self, batch: Batch, mask: Tensor) -> Tensor:
        states = self.predictor.embed(batch.input_ids)
        hidden = run_masked(
            self.predictor,
            states,
            range(self.predictor.n_blocks),
            batch.attention_mask,
            mask + batch.anchor,
            self.masking,
        )
        return self.class_head(pool(hidden, mask, self.config.pooling))
