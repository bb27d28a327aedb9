"""Writing a rationale model as an ONNX graph.

The graph prunes as torch does: the lengths of the gathered texts are computed in it, from the data. Beside what a text
is made of it has an optional input, `rationale`, for predictions from a rationale that is given; with it the served
classifier reads long texts and turns the sparsity dial.
"""

from __future__ import annotations

import copy
import json
import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from plmr.encoders import SplitEncoder
from plmr.errors import PlmrError, reason
from plmr.explain.onnx import INPUTS, OUTPUTS, OWN_CHOICE, STATE, needed, state_of
from plmr.modeling import RationaleModel

_LARGEST = 2**31  # bytes that a protobuf file can hold


def write_graph(model: RationaleModel, path: Path, folder: Path | None = None) -> None:
    """Trace a model and write it with its weights as one file.

    Args:
        model: It is left as it is.
        path: The file.
        folder: Where the model is saved; the file will serve it only as long as the weights there stay the same.

    Raises:
        PlmrError: The model cannot be traced, or is too large for one file.
    """
    encoders = [module for module in model.method.modules() if isinstance(module, SplitEncoder)]
    if not all(encoder.can_drop for encoder in encoders):
        raise PlmrError(
            f"The encoder {model.config.encoder!r} is recurrent, and only transformers can be exported to ONNX; "
            "serve it with torch."
        )
    size = sum(weight.nbytes for weight in model.parameters())
    if size >= _LARGEST:
        raise PlmrError(f"The weights take {size / 1e9:.1f} GB, and one ONNX file holds less than 2 GB of them.")
    longest = min([model.config.max_tokens, *(e.max_tokens for e in encoders if e.max_tokens is not None)])
    axes = {0: torch.export.Dim("batch"), 1: torch.export.Dim("length", min=2, max=longest)}
    # A copy on the CPU: tracing must not move the model or leave marks on it.
    graph = _Graph(copy.deepcopy(model).cpu().eval())
    try:
        with _calm():
            program = torch.export.export(graph, _sample(), dynamic_shapes=[axes] * len(INPUTS), strict=False)
            exported = torch.onnx.export(program, dynamo=True, input_names=INPUTS, output_names=OUTPUTS, verbose=False)
            assert exported is not None
            proto = _finished(exported.model_proto, json.dumps(state_of(model.config, folder)))
    except PlmrError:
        raise
    except Exception as error:
        raise PlmrError(
            f"torch {torch.__version__} cannot export this model: {reason(error)} The versions in constraints.txt can."
        ) from error
    path.write_bytes(proto.SerializeToString())


def quantize(source: Path, target: Path) -> None:
    """Store the weights of an ONNX file in 8 bits and multiply in them; activations are scaled as they come."""
    (quantization,) = needed("onnxruntime.quantization")
    with _calm():
        # A scale for each column of a matrix halves the error. One of the eight bits is left out, because sums of
        # full ones overflow on processors without VNNI.
        quantization.quantize_dynamic(
            source, target, per_channel=True, reduce_range=True, weight_type=quantization.QuantType.QInt8
        )


class _Graph(nn.Module):
    """What is traced: `RationaleModel`'s answer, with the option to say what the rationale is."""

    def __init__(self, model: RationaleModel):
        super().__init__()
        self.model = model

    def forward(
        self, input_ids: Tensor, attention_mask: Tensor, word_ids: Tensor, rationale: Tensor
    ) -> tuple[Tensor, ...]:
        """Logits, mask, keep probability and ranking; see `RationaleOutput`.

        Args:
            rationale: The mask to predict from, or `OWN_CHOICE`. *Shape:* (B, T)
        """
        batch = self.model.batch(input_ids, attention_mask, word_ids)
        selection = self.model.method.select(batch)
        units = batch.units
        keep, ranking = units.to_tokens(selection.score), units.to_tokens(selection.ranking)
        chosen = torch.where(rationale < 0, units.to_tokens(selection.mask), rationale)
        selection.masks[-1] = units.majority(chosen)
        return self.model.method.predict(batch, selection), units.to_tokens(selection.mask), keep, ranking


def _sample() -> tuple[Tensor, ...]:
    """Texts to trace with, the inputs in their order; what they say leaves no trace."""
    input_ids = torch.ones(3, 4, dtype=torch.long)
    return input_ids, torch.ones_like(input_ids), torch.zeros_like(input_ids), torch.full((3, 4), OWN_CHOICE)


def _finished(proto: Any, state: str) -> Any:
    """Name the axes, note the state of the model, and give `rationale` its default."""
    onnx, numpy_helper = needed("onnx", "onnx.numpy_helper")
    graph = proto.graph
    axes = {dim.dim_param: axis for dim, axis in zip(_dims(graph.input[0]), ("batch", "length"), strict=True)}
    for value in (*graph.input, *graph.output, *graph.value_info):
        for dim in _dims(value):
            if dim.dim_param in axes:
                dim.dim_param = axes[dim.dim_param]
    # It says from which line of whose files each part was traced.
    for traced in (graph, *graph.input, *graph.output, *graph.value_info, *graph.node):
        traced.ClearField("metadata_props")
    for node in graph.node:
        node.input[:] = ["rationale_of_tokens" if name == "rationale" else name for name in node.input]
    # The default is one number, and it is spread over the texts first so that no shape is derived from it.
    graph.node.insert(0, onnx.helper.make_node("Shape", ["input_ids"], ["shape_of_texts"]))
    graph.node.insert(1, onnx.helper.make_node("Expand", ["rationale", "shape_of_texts"], ["rationale_of_tokens"]))
    graph.initializer.append(numpy_helper.from_array(np.full((1, 1), OWN_CHOICE, dtype=np.float32), "rationale"))
    onnx.helper.set_model_props(proto, {STATE: state})
    onnx.checker.check_model(proto)
    return proto


def _dims(value: Any) -> Any:
    return value.type.tensor_type.shape.dim


@contextmanager
def _calm() -> Iterator[None]:
    """Silence what the exporters say of themselves; what fails is raised."""
    disabled = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(disabled)
