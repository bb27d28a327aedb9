"""Saving a classifier all or nothing, and loading it with errors that say what is wrong with a folder."""

from __future__ import annotations

import shutil
from pathlib import Path

from transformers import AutoConfig, PreTrainedTokenizerBase
from transformers.utils import CONFIG_NAME

from plmr.config import RationaleConfig
from plmr.devices import find_device, warn_of_slow_bfloat16
from plmr.encoders import encoder_path, gru_layers, quiet
from plmr.errors import PlmrError, reason
from plmr.explain.card import CARD, MARK
from plmr.explain.onnx import load_exported
from plmr.explain.vocabulary import load_tokenizer
from plmr.io import atomic_folder
from plmr.modeling import RationaleModel

_AGAIN = "Copy the folder again, or train again."


def is_saved_model(source: str) -> bool:
    """Whether a folder or hub id holds a saved classifier rather than an encoder.

    Raises:
        PlmrError: It is an existing folder that holds neither.
    """
    if gru_layers(source) is not None or source == "minilm":
        return False
    folder = Path(source)
    if folder.is_dir() and not (folder / CONFIG_NAME).is_file():
        raise PlmrError(
            f"The folder {source!r} holds no model: there is no config.json in it. Give the folder that "
            "`plmr train --output` or save_pretrained wrote."
        )
    if folder.is_file():
        raise PlmrError(f"{source!r} is a file; give the folder that holds the model.")
    try:
        with quiet():
            config = AutoConfig.from_pretrained(encoder_path(source))
    except Exception as error:
        raise PlmrError(
            f"Cannot load {source!r}: {reason(error)} Give a folder with a saved model, a hub id, 'minilm', 'gru' "
            "or 'gru-3'."
        ) from error
    return isinstance(config, RationaleConfig)


def load_saved(
    source: str, backend: str = "torch", device: str | None = None, bf16: bool = False
) -> tuple[RationaleModel, PreTrainedTokenizerBase]:
    """Load a saved classifier's model and tokenizer, to be run by a backend.

    Args:
        source: Folder or hub id of a saved classifier.
        backend, device, bf16: As in `RationaleClassifier.from_pretrained`.

    Raises:
        PlmrError: A file is missing, cut off or belongs to another model, or the backend or the device cannot be had.
    """
    if backend == "torch":
        place = find_device(device)
        if bf16:
            warn_of_slow_bfloat16(place)
        model, tokenizer = _load_weights(source)
        return model.to(place).eval(), tokenizer
    if bf16:
        raise PlmrError(f"bf16=True is for backend='torch'; {backend!r} has the precision it was exported with.")
    if device is not None:
        raise PlmrError(f"device={device!r} is for backend='torch'; {backend!r} runs on the CPU. Leave device out.")
    return load_exported(source, backend)


def _load_weights(source: str) -> tuple[RationaleModel, PreTrainedTokenizerBase]:
    try:
        with quiet():
            # What does not fit is told below, in a line.
            model, info = RationaleModel.from_pretrained(source, output_loading_info=True, ignore_mismatched_sizes=True)
            tokenizer = load_tokenizer(source, _AGAIN)
    except PlmrError:
        raise
    except Exception as error:
        raise PlmrError(
            f"The model in {source!r} cannot be loaded, a file is missing or damaged: {reason(error)} {_AGAIN}"
        ) from error
    wrong = sorted({*info["missing_keys"], *map(str, info["mismatched_keys"])})
    if wrong:
        raise PlmrError(
            f"The weights in {source!r} do not fit its config.json: {len(wrong)} are missing or of another size, "
            f"such as {wrong[0]!r}. {_AGAIN}"
        )
    return model, tokenizer


def save_model(model: RationaleModel, tokenizer: PreTrainedTokenizerBase, folder: str | Path, card: str) -> None:
    """Write a model, its tokenizer and its card aside, then put the folder in place.

    A README.md that is there and no model card of plmr stays, and the card is not written. A kill while the folder
    takes the place of another model leaves the old one, the new one, or a folder without config.json.

    Raises:
        PlmrError: The place cannot be written, or the disk is full; what was there before is still there.
    """
    with atomic_folder(folder, key=CONFIG_NAME) as aside:
        with quiet():
            model.save_pretrained(aside)
        for weights in aside.glob("*.safetensors"):
            # safetensors lets nobody but their owner read them, whatever the umask says.
            shutil.copymode(aside / CONFIG_NAME, weights)
        tokenizer.save_pretrained(aside)
        if _may_be_replaced(Path(folder) / CARD):
            (aside / CARD).write_text(card, encoding="utf-8")


def _may_be_replaced(card: Path) -> bool:
    return not card.exists() or MARK in card.read_text(encoding="utf-8", errors="replace")
