"""One seam over pre-trained and recurrent encoders: embed a batch, run a range of blocks under a mask."""

from plmr.encoders.base import SplitEncoder
from plmr.encoders.families import LAYOUTS, TransformerEncoder
from plmr.encoders.loading import (
    build_encoder,
    encoder_config,
    encoder_path,
    gru_layers,
    load_encoder,
    outline_encoder,
    packaged_minilm,
    quiet,
)
from plmr.encoders.recurrent import GRUEncoder, glove_width

__all__ = [
    "LAYOUTS",
    "GRUEncoder",
    "SplitEncoder",
    "TransformerEncoder",
    "build_encoder",
    "encoder_config",
    "encoder_path",
    "glove_width",
    "gru_layers",
    "load_encoder",
    "outline_encoder",
    "packaged_minilm",
    "quiet",
]
