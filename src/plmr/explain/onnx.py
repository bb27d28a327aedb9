"""A saved classifier run by onnxruntime: the same answers, without the weights in torch."""

from __future__ import annotations

import hashlib
import json
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

import torch
import torch.nn.functional as F
from torch import Tensor
from transformers import AutoConfig, PreTrainedModel, PreTrainedTokenizerBase
from transformers.utils import SAFE_WEIGHTS_NAME

from plmr.config import RationaleConfig
from plmr.encoders import quiet
from plmr.errors import PlmrError, nearest, reason
from plmr.explain.vocabulary import load_tokenizer
from plmr.masking import Units, top_units
from plmr.modeling import RationaleModel
from plmr.output import RationaleOutput

FILES = {"onnx": "model.onnx", "onnx-int8": "model.int8.onnx"}
"""The file of each backend, inside a saved classifier's folder."""
STATE = "plmr_state"
"""Name of the metadata that ties a file to a state of its classifier."""
INPUTS = ("input_ids", "attention_mask", "word_ids", "rationale")
OUTPUTS = ("logits", "mask", "keep_probability", "ranking")
OWN_CHOICE = -1.0
"""In `rationale`: the model is to choose. It is that input's default."""


class OnnxModel(RationaleModel):
    """A rationale model that runs from an ONNX file, for prediction only.

    Args:
        config: Of the classifier the file was exported from.
        file: What `plmr.explain.export` wrote.

    Raises:
        PlmrError: onnxruntime is not installed, or the file cannot be used.
    """

    def __init__(self, config: RationaleConfig, file: str | Path):
        # The parent's constructor would build the weights that the file holds.
        PreTrainedModel.__init__(self, config)
        self._session = _session(file)
        self._check_state(file)
        self.eval()

    @property
    def device(self) -> torch.device:
        return torch.device("cpu")

    def forward(
        self,
        input_ids: Tensor,
        attention_mask: Tensor | None = None,
        word_ids: Tensor | None = None,
        labels: Tensor | None = None,
        return_full_text: bool = False,
        n_words: Tensor | None = None,
        play: int | None = None,
        environments: Tensor | None = None,
        **_: Any,
    ) -> RationaleOutput:
        """Select and predict; see `RationaleModel.forward`, without what only training needs."""
        if labels is not None or return_full_text or play is not None:
            _refuse("losses and full-text predictions")
        answer = self._run(input_ids, attention_mask, word_ids)
        if n_words is not None:
            assert word_ids is not None
            words = Units.from_index(word_ids)
            chosen = words.to_tokens(top_units(words, answer.ranking, n_words))
            answer = self._run(input_ids, attention_mask, word_ids, chosen)
        return RationaleOutput(
            logits=answer.logits, mask=answer.mask, keep_probability=answer.keep_probability, ranking=answer.ranking
        )

    def predict_from(
        self,
        mask: Tensor,
        input_ids: Tensor,
        attention_mask: Tensor | None = None,
        word_ids: Tensor | None = None,
    ) -> Tensor:
        return self._run(input_ids, attention_mask, word_ids, mask.float()).logits

    def to(self, *_: Any, **__: Any) -> NoReturn:
        """Refused: it runs on the CPU."""
        _refuse("moving to another device")

    def save_pretrained(self, *_: Any, **__: Any) -> NoReturn:
        """Refused: there are no weights to write."""
        _refuse("saving")

    def push_to_hub(self, *_: Any, **__: Any) -> NoReturn:
        """Refused: there are no weights to upload."""
        _refuse("uploading")

    def __getattr__(self, name: str) -> Any:
        # Everything that is not prediction starts here: training, calibration, attributions.
        if name == "method":
            _refuse("anything but prediction")
        return super().__getattr__(name)

    def _run(
        self,
        input_ids: Tensor,
        attention_mask: Tensor | None,
        word_ids: Tensor | None,
        rationale: Tensor | None = None,
    ) -> _Answer:
        if word_ids is None:
            raise PlmrError("The model needs word_ids, the number of each token's word.")
        if attention_mask is None:
            attention_mask = torch.ones_like(input_ids)
        length = input_ids.shape[1]
        # The graph was traced for texts with special tokens around them, so for two tokens or more.
        padding = (0, max(0, 2 - length))
        given = {
            "input_ids": F.pad(input_ids, padding, value=self.config.pad_token_id or 0),
            "attention_mask": F.pad(attention_mask.long(), padding),
            "word_ids": F.pad(word_ids, padding, value=-1),
        }
        if rationale is not None:
            given["rationale"] = F.pad(rationale, padding)
        logits, *of_tokens = self._session.run(OUTPUTS, {name: tensor.numpy() for name, tensor in given.items()})
        return _Answer(torch.from_numpy(logits), *(torch.from_numpy(values)[:, :length] for values in of_tokens))

    def _check_state(self, file: str | Path) -> None:
        exported = json.loads(self._session.get_modelmeta().custom_metadata_map.get(STATE, "{}"))
        folder = Path(file).parent
        others = [name for name, value in state_of(self.config, folder).items() if exported.get(name) != value]
        if others:
            raise PlmrError(
                f"{file} was exported from another state of this model, with other {' and '.join(others)}. "
                f"Export it again: plmr export {folder} --to onnx"
            )


class _Answer(NamedTuple):
    logits: Tensor
    mask: Tensor
    keep_probability: Tensor
    ranking: Tensor


def load_exported(folder: str, backend: str) -> tuple[OnnxModel, PreTrainedTokenizerBase]:
    """Load what `plmr export` wrote into a saved classifier's folder, and its tokenizer.

    Args:
        folder: The saved classifier; its weights are not needed, but those of another training are refused.
        backend: `onnx` or `onnx-int8`.

    Raises:
        PlmrError: There is no such backend, or no usable file for it in the folder.
    """
    if backend not in FILES:
        known = ("torch", *FILES)
        raise PlmrError(f"There is no backend {backend!r}; choose one of {', '.join(known)}.{nearest(backend, known)}")
    file = Path(folder) / FILES[backend]
    if not file.is_file():
        option = " --int8" if backend == "onnx-int8" else ""
        if not Path(folder).is_dir():
            raise PlmrError(
                f"backend={backend!r} runs what is in a local folder, and {folder!r} is none; make one: "
                f"RationaleClassifier.from_pretrained({folder!r}).save_pretrained('FOLDER'), then "
                f"plmr export FOLDER --to onnx{option}, and load that folder."
            )
        raise PlmrError(f"{folder} holds no {file.name}; write it: plmr export {folder} --to onnx{option}")
    with quiet():
        config = AutoConfig.from_pretrained(folder)
    return OnnxModel(config, file), load_tokenizer(folder)


def needed(*packages: str) -> list[Any]:
    """Import packages of the extra `onnx`.

    Raises:
        PlmrError: One of them is not installed.
    """
    try:
        return [import_module(package) for package in packages]
    except ImportError as error:
        missing = (error.name or packages[0]).partition(".")[0]
        raise PlmrError(
            f'ONNX needs the package {missing}, which is not installed: pip install "plmr[onnx]"'
        ) from error


def state_of(config: RationaleConfig, folder: Path | None = None) -> dict[str, Any]:
    """What the metadata of a file says of the classifier it came from.

    Args:
        config: What the selection rests on beside the weights.
        folder: Where the classifier is saved. The weights are left out where it holds none.
    """
    state: dict[str, Any] = {"thresholds": config.thresholds, "sparsity": config.sparsity}
    if folder is not None and (folder / SAFE_WEIGHTS_NAME).is_file():
        digest = hashlib.sha256()
        with (folder / SAFE_WEIGHTS_NAME).open("rb") as stream:
            while block := stream.read(1 << 20):
                digest.update(block)
        state["weights"] = digest.hexdigest()
    return state


def _session(file: str | Path) -> Any:
    (onnxruntime,) = needed("onnxruntime")
    options = onnxruntime.SessionOptions()
    # As many as torch would use, so that OMP_NUM_THREADS and torch.set_num_threads count here too.
    options.intra_op_num_threads = torch.get_num_threads()
    options.log_severity_level = 3
    try:
        return onnxruntime.InferenceSession(str(file), options, providers=["CPUExecutionProvider"])
    except Exception as error:
        raise PlmrError(f"{file} cannot be loaded: {reason(error)} Export it again with plmr export.") from error


def _refuse(what: str) -> NoReturn:
    raise PlmrError(f"A classifier that onnxruntime serves cannot do {what}; load it with backend='torch'.")
