"""Pre-trained encoders behind the seam: one small entry per architecture, saying only where things are."""

from __future__ import annotations

from dataclasses import dataclass
from operator import attrgetter
from typing import Any

import torch
import transformers
from packaging.version import Version
from torch import Tensor, nn
from transformers import PretrainedConfig, PreTrainedModel

from plmr.encoders.attention import ATTENTION
from plmr.encoders.base import SplitEncoder
from plmr.encoders.feed_forward import join_activation
from plmr.errors import PlmrError


@dataclass(frozen=True)
class Layout:
    """Where an architecture keeps its parts.

    Attributes:
        blocks: Path of the list of blocks.
        projection: Path of a linear map behind the embeddings, if the architecture has one.
        final_norm: Path of a norm behind the last block, if the architecture has one.
        activated: Paths, in a block, of an activation and of the linear map that directly follows it, if there is one.
        dropouts: What its configuration calls the dropout of embeddings, attention and feed-forward layers.
        pooler: Whether the architecture comes with a pooler, which is then left out.
        rotary: Whether positions enter in each block's attention instead of at the embeddings.
        skips_padding: Whether the embeddings number positions from behind the padding id, and around it.
        since: The first transformers whose blocks take masks and angles as they are given here.
    """

    blocks: str = "encoder.layer"
    projection: str | None = None
    final_norm: str | None = None
    activated: tuple[str, str] | None = ("intermediate.intermediate_act_fn", "output.dense")
    dropouts: tuple[str, ...] = ("hidden_dropout_prob", "attention_probs_dropout_prob")
    pooler: bool = True
    rotary: bool = False
    skips_padding: bool = False
    since: str = "5.0"


LAYOUTS: dict[str, Layout] = {
    "bert": Layout(),
    "roberta": Layout(skips_padding=True),
    "xlm-roberta": Layout(skips_padding=True),
    "camembert": Layout(skips_padding=True),
    "electra": Layout(projection="embeddings_project", pooler=False),
    "distilbert": Layout(
        blocks="transformer.layer",
        activated=("ffn.activation", "ffn.lin2"),
        dropouts=("dropout", "attention_dropout"),
        pooler=False,
    ),
    "modernbert": Layout(
        blocks="layers",
        final_norm="final_norm",
        activated=None,
        dropouts=("embedding_dropout", "attention_dropout", "mlp_dropout"),
        pooler=False,
        rotary=True,
        since="5.1",
    ),
}


def layout_of(config: PretrainedConfig, name: str) -> Layout:
    """The layout of an architecture.

    Raises:
        PlmrError: The architecture cannot be split, and the message names those that can; or not with the transformers
            that is installed.
    """
    try:
        layout = LAYOUTS[config.model_type]
    except KeyError:
        raise PlmrError(
            f"Encoder {name!r} is of type {config.model_type!r}, which cannot be split into blocks here; "
            f"choose one of these types: {', '.join(LAYOUTS)}, or 'gru' or 'gru-3'."
        ) from None
    if Version(transformers.__version__) < Version(layout.since):
        raise PlmrError(
            f"Encoder {name!r} is of type {config.model_type!r}, which takes transformers {layout.since} or newer; "
            f"found {transformers.__version__}. pip install --upgrade transformers"
        )
    return layout


class TransformerEncoder(SplitEncoder):
    """A BERT-like model of transformers, split into embeddings and blocks."""

    can_drop = True

    def __init__(self, model: PreTrainedModel, layout: Layout):
        super().__init__()
        # Set on the configuration, not through the model: the model's own forward pass is never used.
        model.config._attn_implementation = ATTENTION
        self.model = model
        self.layout = layout
        self.dropouts = layout.dropouts
        if layout.activated is not None:
            for block in self.blocks:
                join_activation(block, *layout.activated)
        self.n_blocks = len(self.blocks)
        self.width = model.config.hidden_size
        # Rotary blocks see near tokens or all of them in turn, and the first has no norm before it.
        self.any_block_first = not layout.rotary
        if layout.rotary:
            self.null_token_fails = (
                "what a zeroed token sends turns with its position, and local blocks do not see all of them"
            )
        self.embedding_modules = (model.embeddings,)
        self.entry_modules = (model.embeddings, *self._parts(layout.projection))
        self.exit_modules = self._parts(layout.final_norm)

    @classmethod
    def from_config(cls, config: PretrainedConfig, name: str) -> TransformerEncoder:
        """Random weights, for a configuration."""
        layout = layout_of(config, name)
        # By its full name, so that it loads only now: what loads it imports `plmr.modeling`, which needs this module.
        return cls(transformers.AutoModel.from_config(config, **_model_options(layout)), layout)

    @classmethod
    def from_pretrained(cls, config: PretrainedConfig, name: str, path: str) -> TransformerEncoder:
        """Pre-trained weights, from a folder or hub id."""
        layout = layout_of(config, name)
        options = {"dtype": torch.float32, **_model_options(layout)}
        return cls(transformers.AutoModel.from_pretrained(path, config=config, **options), layout)

    @property
    def blocks(self) -> nn.ModuleList:
        # Looked up instead of stored: a second registration would save every weight twice.
        return attrgetter(self.layout.blocks)(self.model)

    @property
    def max_tokens(self) -> int | None:
        config = self.model.config
        # Where positions count from behind the padding id, that many rows of the table are never used.
        return config.max_position_embeddings - (config.pad_token_id + 1 if self.layout.skips_padding else 0)

    @property
    def config_dict(self) -> dict[str, object]:
        return self.model.config.to_diff_dict() | {"model_type": self.model.config.model_type}

    def embed(self, input_ids: Tensor) -> Tensor:
        embedded = self.model.embeddings(input_ids=input_ids, **self._positions(input_ids))
        for projection in self._parts(self.layout.projection):
            embedded = projection(embedded)
        return embedded

    def _parts(self, path: str | None) -> tuple[nn.Module, ...]:
        # ELECTRA has its projection only where the embeddings are narrower than the blocks.
        part = getattr(self.model, path, None) if path else None
        return () if part is None else (part,)

    def _positions(self, input_ids: Tensor) -> dict[str, Tensor]:
        # Counting around padding ids, a text that says "<pad>" would move the tokens behind it: something that is
        # not selected would reach the predictor.
        if not self.layout.skips_padding:
            return {}
        first = self.model.config.pad_token_id + 1
        numbers = torch.arange(first, first + input_ids.shape[1], device=input_ids.device)
        return {"position_ids": numbers.expand_as(input_ids)}

    def run(
        self,
        hidden: Tensor,
        blocks: range,
        attention_mask: Tensor,
        keep: Tensor | None = None,
        positions: Tensor | None = None,
    ) -> Tensor:
        visible = attention_mask.bool()[:, None, None, :]
        rotary = _Rotary(self.model, hidden, positions) if self.layout.rotary else None
        for index in blocks:
            block = self.blocks[index]
            if rotary is None:
                hidden = block(hidden, visible, keep=keep)
            else:
                mask, angles = rotary.of(block, visible)
                hidden = block(hidden, attention_mask=mask, position_embeddings=angles, keep=keep)
        if self.n_blocks - 1 in blocks:
            for norm in self._parts(self.layout.final_norm):
                hidden = norm(hidden)
        return hidden


class _Rotary:
    """What a rotary block needs besides its input: angles for each token's original position, and who is
    near enough to be attended to.
    """

    def __init__(self, model: PreTrainedModel, hidden: Tensor, positions: Tensor | None):
        if positions is None:
            positions = torch.arange(hidden.shape[1], device=hidden.device)[None]
        self.window = model.config.sliding_window
        self.distance = (positions[:, None, :, None] - positions[:, None, None, :]).abs()
        self.angles = {kind: model.rotary_emb(hidden, positions, kind) for kind in set(model.config.layer_types)}

    def of(self, block: nn.Module, visible: Tensor) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        kind = block.attention_type
        mask = visible & (self.distance <= self.window) if kind == "sliding_attention" else visible
        return mask, self.angles[kind]


def _model_options(layout: Layout) -> dict[str, Any]:
    return {"add_pooling_layer": False} if layout.pooler else {}
