"""MARE's keep scores in a select-then-predict model: a query that has read the text scores its tokens.

Jiang et al., "MARE: Multi-Aspect Rationale Extractor on Unsupervised Rationale Extraction", EMNLP 2024.

    h_q, h_1 .. h_T = generator([q; E(X)]),   q a learned token
    log-odds of keeping t   (W_q h_q) · (W_k h_t) / √d + b
    min over generator and predictor   CE(p(R), y) + L_s,   as in RNP

A linear mask head asks the same of every token in every text. A query stands in the text as a token of its own, takes
from it, block by block, what its aspect is about there, and asks for tokens like that.

The original is one encoder. Its aspect tokens read the whole text for nine blocks of BERT, see only what they keep for
the last three, and are then classified: what they took from the rest of the text is still in them, so the rationale is
not all that its prediction uses, and its published figures are no measure for models of which that holds. Here the
query stops at the mask; the predictor is an encoder of its own that reads the selected tokens and nothing else.

The original has a query for each aspect, and its tokens attend to each other where some aspect keeps both; data with
one label has one aspect, and here there is one query. It starts at b = 5, with everything kept, as a start for the
predictor; here every method starts on whole texts, by the share asked for. b starts at `keep_bias`, and matters only
where neither a budget nor `score_spread` settles the odds of a text: with those presets set `keep_bias` to 5.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from plmr.methods.game import Batch, Selection
from plmr.methods.rnp import RNP


class QueryHead(nn.Module):
    """Scores tokens by how well they go with a query token, which reads the text in front of them.

    Args:
        width: H, and d.
        dropout: On the states.
        keep_bias: Initial b.
    """

    def __init__(self, width: int, dropout: float = 0.0, keep_bias: float = 0.0):
        super().__init__()
        self.token = nn.Parameter(0.02 * torch.randn(width))
        self.norm = nn.LayerNorm(width)
        self.dropout = nn.Dropout(dropout)
        self.query = nn.Linear(width, width, bias=False)
        self.key = nn.Linear(width, width, bias=False)
        self.bias = nn.Parameter(torch.tensor(float(keep_bias)))

    def forward(self, hidden: Tensor) -> Tensor:
        """States of the query and of the text to logits of dropping and keeping: (B, 1 + T, H) to (B, T, 2)."""
        states = self.dropout(self.norm(hidden))
        query, keys = self.query(states[:, :1]), self.key(states[:, 1:])
        odds = (query * keys).sum(dim=-1) / keys.shape[-1] ** 0.5 + self.bias
        return torch.stack([-odds / 2, odds / 2], dim=-1)


class MARE(RNP):
    """RNP's game, with a query token in the generator's text that scores the others."""

    summary = "a learned query token reads the text and scores its tokens; its head, select-then-predict (EMNLP 2024)"
    mask_head: QueryHead

    def new_mask_head(self, width: int) -> QueryHead:
        return QueryHead(width, self.config.mask_head_dropout, self.config.keep_bias)

    def heads(self) -> list[nn.Module]:
        return [*super().heads(), self.mask_head]

    def select(self, batch: Batch) -> Selection:
        assert self.generator is not None
        embedded = self.generator.embed(batch.input_ids)
        query = self.mask_head.token.expand(len(embedded), 1, -1)
        present = torch.cat([torch.ones_like(batch.attention_mask[:, :1]), batch.attention_mask], dim=1)
        hidden = self.generator.run(torch.cat([query, embedded], dim=1), range(self.generator.n_blocks), present)
        mask, probability = self.choose(self.scores(hidden), batch.units)
        return Selection([mask], [probability], hidden=hidden[:, 1:])
