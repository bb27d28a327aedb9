"""PLMR: early blocks select and prune, late blocks predict from what is left.

"Boosting Explainability through Selective Rationalization in Pre-trained Language Models", KDD 2025.

    embeddings ─► blocks 0..k-1 ─► blocks k..l-1 ─►  M
                  plain             Dim-Reduction       │
    embeddings ⊙ M ───────────────► blocks l..L-1 ─► pool ─► class head ─► ŷ

    L = L_r + w_x L_x + λ h(L_r − L_x) + L_s                                                   (eq. 17)

Late blocks were pre-trained to read what others have written, and read embeddings here. Two switches, neither of the
paper, mend that: with predictor_start="early" they start from the weights of the first blocks, with
predictor_blocks="all" blocks 0..l-1 read embeddings ⊙ M before them: they select, and serve the predictor too.

A third one is for the generator, which has nothing to choose while whole texts are read. With
generator_start="emphasis" another reading of the text takes the place of L_x then, which keep probabilities weigh:

    L = CE(head(mean h_i), y) + w_x CE(head(Σ p_i h_i / Σ p_i), y),   Σ p_i = α n

h the predictor's states of the whole text, so that p is already high where the label shows when pruning begins.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping

import torch
from torch import Tensor, nn

from plmr.config import RationaleConfig
from plmr.encoders import SplitEncoder
from plmr.errors import PlmrError
from plmr.masking import expected_budget, keep_probability, run_masked, sparsity_targets
from plmr.methods.base import Method
from plmr.methods.game import Batch, Losses, Play, Selection
from plmr.methods.losses import cross_entropy
from plmr.methods.parts import ClassHead, MaskHead, pool


def default_depth(n_blocks: int, rule: str = "paper") -> tuple[int, int]:
    """Generator depth l and Dim-Reduction blocks m for an encoder of L blocks.

    Args:
        n_blocks: L.
        rule: `paper`, l and m are 7 and 2 of 12, 13 and 3 of 24; of three blocks, as `gru-3` has, two select.
            `released`, the paper's l is the number of the last Dim-Reduction block, counted from 0, as in the published
            code: one block more than by the paper, 8 of 12, as long as one is left to predict.

    Below 12 blocks one prunes, by measurement: what the first of two drops has been read by few blocks, and is lost.
    """
    depth = n_blocks // 2 + (n_blocks >= 12 or n_blocks == 3)
    if rule == "released":
        depth = min(depth + 1, n_blocks - 1)
    return depth, 1 + (n_blocks >= 12) + (n_blocks >= 24)


class PLMR(Method):
    """One encoder cut in two, pruned on the way (KDD 2025)."""

    summary = "one pre-trained encoder: early blocks prune tokens, late blocks predict from the rest (KDD 2025)"
    reads = frozenset(
        "generator_depth depth_rule dim_reduction_blocks shared_mask_head sparsity_schedule predictor_input "
        "predictor_blocks predictor_start generator_start full_text_path full_text_weight match_weight "
        "match_function match_base".split()
    )

    def __init__(self, config: RationaleConfig, encoder: SplitEncoder):
        super().__init__(config)
        depth, m = default_depth(encoder.n_blocks, config.depth_rule)
        depth = depth if config.generator_depth is None else config.generator_depth
        m = min(m, depth) if config.dim_reduction_blocks is None else config.dim_reduction_blocks
        if not 1 <= m <= depth < encoder.n_blocks:
            raise PlmrError(
                f"PLMR cuts an encoder in two: generator_depth={depth} with dim_reduction_blocks={m} does not fit "
                f"{config.encoder!r}, which has {encoder.n_blocks} block(s). It needs 1 <= dim_reduction_blocks <= "
                f"generator_depth < blocks; for a GRU use 'gru-3'."
            )
        # A saved model is the same under a later rule.
        config.generator_depth, config.dim_reduction_blocks = depth, m
        self.plain = range(depth - m)
        self.dim_reduction = range(depth - m, depth)
        self.late = range(depth, encoder.n_blocks)
        once_more = config.predictor_blocks == "all" and config.predictor_input == "embeddings"
        self.predicting = range(0 if once_more else depth, encoder.n_blocks)
        self.behind_plain = range(self.plain.stop if once_more else depth, encoder.n_blocks)
        self.encoder = encoder
        heads = 1 if config.shared_mask_head else m
        self.mask_heads = nn.ModuleList(
            MaskHead(encoder.width, config.mask_head_dropout, config.keep_bias) for _ in range(heads)
        )
        self.class_head = ClassHead(encoder.width, config.num_labels, config.class_head_dropout)
        cancels = config.full_text_weight == config.match_weight > 0 and config.match_function == "identity"
        if cancels and config.full_text_path != "none":
            warnings.warn(
                f"full_text_weight = match_weight = {config.match_weight} with the identity cancels the full-text "
                f"loss (L = {1 + config.match_weight:g} L_r + L_s); raise full_text_weight or set "
                "match_function='exponential'.",
                stacklevel=2,
            )

    @property
    def n_steps(self) -> int:
        return len(self.dim_reduction)

    def start_from(self, weights: Mapping[str, Tensor]) -> None:
        """The predictor reads embeddings: its blocks start from those that were pre-trained to (`predictor_start`)."""
        super().start_from(weights)
        reads_embeddings = self.config.predictor_input == "embeddings" and self.predicting == self.late
        if self.config.predictor_start == "early" and reads_embeddings and self.encoder.any_block_first:
            blocks = self.encoder.blocks
            # From behind, so that a late block that others start from is read before it is overwritten.
            for late in reversed(self.late):
                blocks[late].load_state_dict(blocks[late - self.late.start].state_dict())

    def modules_of(self) -> dict[str, list[nn.Module]]:
        early = [self.encoder.blocks[i] for i in range(self.late.start)]
        return {
            "generator": [*self.encoder.entry_modules, *early, self.mask_heads],
            "predictor": [*(self.encoder.blocks[i] for i in self.late), *self.encoder.exit_modules, self.class_head],
        }

    def targets(self) -> list[float]:
        return sparsity_targets(self.config.sparsity, self.n_steps, self.config.sparsity_schedule)

    def select(self, batch: Batch) -> Selection:
        """Equations 9 to 12; the hidden states are masked where the next block reads them."""
        embedded = self.encoder.embed(batch.input_ids)
        hidden = plain = self.encoder.run(embedded, self.plain, batch.attention_mask)
        mask = batch.everything
        masks, probabilities = [], []
        for step, block in enumerate(self.dim_reduction):
            if step == 0:
                hidden = self.encoder.run(hidden, range(block, block + 1), batch.attention_mask)
            else:
                visible = batch.units.to_tokens(mask, other=1.0) * batch.attention_mask
                hidden = run_masked(
                    self.encoder, hidden, range(block, block + 1), batch.attention_mask, visible, self.config.masking
                )
            mask, probability = self.choose(self._mask_head(step)(hidden), batch.units, step, before=mask)
            masks.append(mask)
            probabilities.append(probability)
        return Selection(masks, probabilities, embedded, plain, hidden)

    def given(self, batch: Batch, mask: Tensor) -> Selection:
        if self.config.predictor_input == "hidden":
            return super().given(batch, mask)
        return Selection([mask], embedded=self.encoder.embed(batch.input_ids))

    def whole(self, batch: Batch) -> Selection:
        embedded = self.encoder.embed(batch.input_ids)
        reads_plain = self.config.full_text_path in ("predictor", "first_token")
        plain = self.encoder.run(embedded, self.plain, batch.attention_mask) if reads_plain else None
        return Selection([batch.everything], embedded=embedded, plain=plain)

    def predict(self, batch: Batch, selection: Selection) -> Tensor:
        """Equation 14: the predictor's input is the masked embedding output, not the generator's states."""
        mask = batch.units.to_tokens(selection.mask)
        return self.class_head(pool(self.read_rationale(batch, selection, mask), mask, self.config.pooling))

    def read_rationale(self, batch: Batch, selection: Selection, mask: Tensor) -> Tensor:
        """The predictor's states.

        Args:
            batch: The texts.
            selection: What the generator chose, and its states.
            mask: The same on tokens. *Shape:* (B, T)

        Returns:
            *Shape:* (B, T, H)
        """
        states = selection.embedded if self.config.predictor_input == "embeddings" else selection.hidden
        assert states is not None
        if self.config.special_tokens == "released":
            # The published code zeroes the first token on entry and lets it take part from the next block on.
            entry, rest = self.predicting[:1], self.predicting[1:]
            states = run_masked(self.encoder, states, entry, batch.attention_mask, mask, self.config.masking)
        else:
            rest = self.predicting
        visible = mask + batch.anchor
        return run_masked(self.encoder, states, rest, batch.attention_mask, visible, self.config.masking)

    def predict_full_text(self, batch: Batch, selection: Selection) -> Tensor:
        """Equation 15, by the path that `full_text_path` names."""
        everything = batch.units.to_tokens(batch.everything)
        if self.config.full_text_path == "first_token":
            assert selection.plain is not None
            return self.class_head(selection.plain[:, 0])
        if self.config.full_text_path == "predictor":
            assert selection.plain is not None
            hidden = self.encoder.run(selection.plain, self.behind_plain, batch.attention_mask)
        else:
            assert selection.embedded is not None
            visible = everything + batch.anchor
            hidden = run_masked(
                self.encoder, selection.embedded, self.predicting, batch.attention_mask, visible, self.config.masking
            )
        return self.class_head(pool(hidden, everything, self.config.pooling))

    def plays(self) -> list[Play]:
        return [Play(("generator", "predictor"), self.losses)]

    def losses(self, batch: Batch) -> Losses:
        """Equation 17, term by term."""
        config = self.config
        if self.keeps_everything and config.predictor_input == "embeddings":
            return self.full_text_losses(batch)
        selection = self.select(batch)
        rationale_loss = cross_entropy(self.predict(batch, selection), batch)
        losses = {"rationale": rationale_loss}
        if config.full_text_path != "none":
            full_text_loss = cross_entropy(self.predict_full_text(batch, selection), batch)
            losses["full_text"] = config.full_text_weight * full_text_loss
            losses["match"] = config.match_weight * self.match(rationale_loss - full_text_loss)
        return losses | self.constraint_losses(selection, batch)

    def full_text_losses(self, batch: Batch) -> Losses:
        """Equation 17 while everything is kept: the rationale is the text, and there is nothing to choose."""
        config, everything = self.config, self.whole(batch)
        mask = batch.units.to_tokens(batch.everything)
        states = self.read_rationale(batch, everything, mask)
        loss = cross_entropy(self.class_head(pool(states, mask, config.pooling)), batch)
        if config.full_text_path == "none":
            return {"rationale": loss}
        if config.generator_start == "emphasis":
            return {"rationale": loss, "emphasis": config.full_text_weight * self.emphasis(batch, everything, states)}
        full_text_loss = loss
        if config.full_text_path != "embeddings":
            full_text_loss = cross_entropy(self.predict_full_text(batch, everything), batch)
        return {
            "rationale": loss,
            "full_text": config.full_text_weight * full_text_loss,
            "match": config.match_weight * self.match(loss - full_text_loss),
        }

    def emphasis(self, batch: Batch, selection: Selection, states: Tensor) -> Tensor:
        """Cross-entropy where keep probabilities weigh what is pooled, each Dim-Reduction block's in turn.

        Args:
            batch: The texts.
            selection: Their embeddings, and the plain blocks' output where that is known.
            states: The predictor's, of the whole text. *Shape:* (B, T, H)
        """
        assert selection.embedded is not None
        units, hidden = batch.units, selection.plain
        if hidden is None:
            hidden = self.encoder.run(selection.embedded, self.plain, batch.attention_mask)
        losses = []
        for step, (block, share) in enumerate(zip(self.dim_reduction, self.targets(), strict=True)):
            hidden = self.encoder.run(hidden, range(block, block + 1), batch.attention_mask)
            scores = self.scored(self._mask_head(step)(hidden), units, units.valid)
            weights = expected_budget(keep_probability(scores), units.valid, share * units.count())
            losses.append(cross_entropy(self.class_head(pool(states, units.to_tokens(weights), "mean")), batch))
        return torch.stack(losses).mean()

    def match(self, difference: Tensor) -> Tensor:
        """h of equation 16, monotonically increasing."""
        if self.config.match_function == "identity":
            return difference
        return torch.pow(torch.as_tensor(self.config.match_base, device=difference.device), difference)

    def _mask_head(self, step: int) -> nn.Module:
        return self.mask_heads[min(step, len(self.mask_heads) - 1)]
