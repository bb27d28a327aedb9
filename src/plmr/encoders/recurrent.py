"""Bidirectional GRUs behind the seam: the encoders of the older literature, each layer a block."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from plmr.encoders.base import SplitEncoder
from plmr.errors import PlmrError, io_error


class GRUEncoder(SplitEncoder):
    """Word embeddings and one to three bidirectional GRU layers.

    Args:
        vocab_size: Rows of the embedding table; row 0 is padding.
        n_blocks: Layers, 1 to 3.
        width: Width H of the states, half for each direction; even.
        embedding_width: Width of the word vectors; mapped linearly to H, so that any block can start from them.
        dropout: On the embedding output.
    """

    can_drop = False
    dropouts = ("dropout",)
    null_token_fails = "every step of a GRU moves its state, also one on zeros"

    def __init__(
        self,
        vocab_size: int,
        n_blocks: int = 1,
        width: int = 200,
        embedding_width: int = 100,
        dropout: float = 0.2,
    ):
        super().__init__()
        if not 1 <= n_blocks <= 3:
            raise PlmrError(f"A GRU encoder has 1 to 3 layers; got {n_blocks}.")
        self.n_blocks = n_blocks
        self.width = width
        self.sizes = {
            "vocab_size": vocab_size,
            "n_blocks": n_blocks,
            "width": width,
            "embedding_width": embedding_width,
            "dropout": dropout,
        }
        self.embeddings = nn.Embedding(vocab_size, embedding_width, padding_idx=0)
        self.projection = nn.Linear(embedding_width, width, bias=False)
        self.dropout = nn.Dropout(dropout)
        self.layers = nn.ModuleList(
            nn.GRU(width, width // 2, batch_first=True, bidirectional=True) for _ in range(n_blocks)
        )
        self.embedding_modules = (self.embeddings,)
        self.entry_modules = (self.embeddings, self.projection)
        self.exit_modules = ()

    @property
    def blocks(self) -> nn.ModuleList:
        return self.layers

    @property
    def config_dict(self) -> dict[str, object]:
        return {"model_type": "gru", **self.sizes}

    def embed(self, input_ids: Tensor) -> Tensor:
        return self.dropout(self.projection(self.embeddings(input_ids)))

    def run(
        self,
        hidden: Tensor,
        blocks: range,
        attention_mask: Tensor,
        keep: Tensor | None = None,
        positions: Tensor | None = None,
    ) -> Tensor:
        if keep is not None:
            raise PlmrError("A token cannot leave a recurrent encoder; use masking='zero' with GRU encoders.")
        # Packing needs lengths on the host and at least one position.
        lengths = attention_mask.sum(dim=1).clamp(min=1).cpu()
        for index in blocks:
            packed = pack_padded_sequence(hidden, lengths, batch_first=True, enforce_sorted=False)
            output, _ = self.layers[index](packed)
            hidden, _ = pad_packed_sequence(output, batch_first=True, total_length=hidden.shape[1])
        return hidden

    def load_glove(self, path: str | Path, vocabulary: dict[str, int]) -> int:
        """Copy the vectors of a GloVe text file into the embedding table.

        Args:
            path: Lines of a word and its numbers, separated by spaces.
            vocabulary: Row of each word.

        Returns:
            How many rows were found in the file.

        Raises:
            PlmrError: The file cannot be read, or its vectors have another width.
        """
        found = 0
        weight = self.embeddings.weight
        with torch.no_grad():
            for number, word, values in glove_lines(path):
                if word not in vocabulary:
                    continue
                if len(values) != weight.shape[1]:
                    raise PlmrError(
                        f"{path}:{number}: the vector has {len(values)} numbers, the encoder's have "
                        f"{weight.shape[1]}; every line of the file must have the same."
                    )
                try:
                    weight[vocabulary[word]] = torch.tensor([float(value) for value in values])
                except ValueError as error:
                    raise PlmrError(f"{path}:{number}: {error}; expected a word and its numbers.") from error
                found += 1
        return found


def glove_lines(path: str | Path) -> Iterator[tuple[int, str, list[str]]]:
    """Number, word and vector of every line of a GloVe text file.

    Some published files have words with spaces in them, such as ". . .": the last so many parts of a line as the first
    line has numbers are the vector, and the word is what stands before.

    Raises:
        PlmrError: The file cannot be read, or a line holds no vector.
    """
    try:
        with Path(path).open(encoding="utf-8") as lines:
            width = 0
            for number, line in enumerate(lines, start=1):
                parts = line.rstrip().split(" ")
                width = width or len(parts) - 1
                start = max(1, len(parts) - width)
                if start == len(parts):
                    raise PlmrError(f"{path}:{number}: expected a word and its numbers, found {line[:40]!r}.")
                yield number, " ".join(parts[:start]), parts[start:]
    except OSError as error:
        raise io_error(path, error) from error
    except UnicodeDecodeError as error:
        raise PlmrError(f"{path}: not a UTF-8 text file ({error.reason}); give a GloVe text file.") from error


def glove_width(path: str | Path) -> int:
    """Numbers in each vector of a GloVe text file, read off its first line.

    Raises:
        PlmrError: The file cannot be read or is empty.
    """
    for _, _, values in glove_lines(path):
        return len(values)
    raise PlmrError(f"{path}: the file of word vectors is empty.")
