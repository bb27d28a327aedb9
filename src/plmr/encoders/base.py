"""The seam every method stands on: an encoder is embeddings and a list of blocks."""

from __future__ import annotations

from abc import ABC, abstractmethod

from torch import Tensor, nn


class SplitEncoder(nn.Module, ABC):
    """An encoder that can be run from any block to any block.

    Attributes:
        n_blocks: Number of blocks L.
        width: Width H of the hidden states.
        can_drop: Whether a token can leave the encoder altogether (`masking="drop"`); a recurrent encoder
            can only have it zeroed.
        null_token_fails: Why one null token cannot stand for any number of zeroed ones, so that `masking="zero"` has to
            compute what is pruned; None where it can.
        any_block_first: Whether every block is built like the first and pre-trained, so that it can start from the
            first one's weights.
        compact: Whether evaluation skips pruned tokens where that is exact. True unless switched off to measure what
            that saves, or to trace the model into a form that knows no lengths that depend on the data.
        dropouts: What its `config_dict` calls the dropout of its parts.
        embedding_modules: What `freeze_embeddings` freezes.
        entry_modules: All that stands in front of the first block: the embeddings and what maps them to width H.
        exit_modules: What stands behind the last block.
    """

    n_blocks: int
    width: int
    can_drop: bool
    null_token_fails: str | None = None
    any_block_first: bool = False
    compact: bool = True
    dropouts: tuple[str, ...] = ()
    embedding_modules: tuple[nn.Module, ...]
    entry_modules: tuple[nn.Module, ...]
    exit_modules: tuple[nn.Module, ...]

    @property
    @abstractmethod
    def blocks(self) -> nn.ModuleList:
        """The blocks as modules, so that players can own some of them."""

    @abstractmethod
    def embed(self, input_ids: Tensor) -> Tensor:
        """The embedding output E(X), position information included.

        Args:
            input_ids: *Shape:* (B, T)

        Returns:
            *Shape:* (B, T, H)
        """

    @abstractmethod
    def run(
        self,
        hidden: Tensor,
        blocks: range,
        attention_mask: Tensor,
        keep: Tensor | None = None,
        positions: Tensor | None = None,
    ) -> Tensor:
        """Run consecutive blocks.

        Args:
            hidden: Input of the first of them. *Shape:* (B, T, H)
            blocks: Which blocks, within 0..L-1.
            attention_mask: False = never attended to (padding, or pruned for good). *Shape:* (B, T)
            keep: How often each token counts in the attention: a mask with gradients, which renormalises it over the
                kept tokens, or whole numbers; only where `can_drop`. *Shape:* (B, T)
            positions: Where each token stood in the full text, when `hidden` holds a selection of it.
                *Shape:* (B, T)

        Returns:
            Output of the last of the blocks. *Shape:* (B, T, H)
        """

    @property
    def max_tokens(self) -> int | None:
        """The longest text that has a position for every token; None where there is no limit."""
        return None

    @property
    @abstractmethod
    def config_dict(self) -> dict[str, object]:
        """What `build_encoder` needs to build the same architecture without its weights."""
