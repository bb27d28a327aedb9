"""One ONNX file of a trained classifier, which gets its name only after it has answered as torch does."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file
from transformers.utils import SAFE_WEIGHTS_NAME

from plmr.data import Example, make_reviews
from plmr.data.encoding import word_flags
from plmr.errors import PlmrError
from plmr.explain.classifier import RationaleClassifier
from plmr.explain.long_texts import predict_documents
from plmr.explain.onnx import FILES, OnnxModel, needed
from plmr.explain.onnx_graph import quantize, write_graph
from plmr.explain.windows import Document, split_all
from plmr.inference import Prediction
from plmr.io import atomic_folder
from plmr.metrics import token_scores
from plmr.modeling import RationaleModel
from plmr.ranges import COUNT

TOLERANCE = 1e-3
"""How far a keep or a class probability may be from torch's."""
REPORT = "export.json"
_TIMED_TEXTS, _ROUNDS = 64, 3


@dataclass(frozen=True)
class Run:
    """The answers of one way to run a classifier.

    Attributes:
        name: Of the file, or `torch`.
        labels_alike: Share of the texts with torch's label.
        words_alike: Share of the words that are in the rationale as with torch, or not in it as with torch.
        keep_difference: Largest difference of a token's keep probability from torch's.
        class_difference: Largest difference of a class probability from torch's.
        word_f1: Agreement of the rationales with the marked words (micro F1); None where no text has any marked.
        texts_per_second: Of all runs on the same texts with as many threads, in turns.
    """

    name: str
    labels_alike: float
    words_alike: float
    keep_difference: float
    class_difference: float
    word_f1: float | None
    texts_per_second: float


@dataclass(frozen=True)
class ExportReport:
    """What was exported, and how it compares.

    Attributes:
        n_texts: Texts that were compared.
        megabytes: Size of each file.
        runs: torch, the float32 file and, where it was asked for, the int8 file.
        versions: Of the packages involved.
    """

    n_texts: int
    megabytes: dict[str, float]
    runs: tuple[Run, ...]
    versions: dict[str, str]

    def to_dict(self) -> dict[str, Any]:
        """The report as values that JSON can hold."""
        return asdict(self)


def export_onnx(
    classifier: RationaleClassifier,
    folder: str | Path,
    examples: Sequence[Example] | None = None,
    int8: bool = False,
    batch_size: int = 32,
) -> ExportReport:
    """Write `model.onnx`, with `int8` also `model.int8.onnx`, and `export.json` into a saved classifier's folder.

    Args:
        classifier: A trained one on a transformer, as it is saved in the folder.
        folder: Where it is saved.
        examples: Texts on which onnxruntime has to answer as torch does; default, a few generated ones.
        int8: Also quantize the weights to 8 bits. Those answers may differ: the report says how much.
        batch_size: Texts in a batch of the comparison.

    Raises:
        PlmrError: A package is missing, the classifier in the folder is another one, the encoder cannot be exported,
            or the answers differ. The folder then stays as it was.
    """
    packages = needed("onnx", "onnxscript", "onnxruntime")
    COUNT.check("batch_size", batch_size)
    model = classifier._trained()
    _check_saved(model, Path(folder))
    texts = generated_texts() if examples is None else examples
    documents = split_all(classifier._tokenization().examples(texts, [None] * len(texts)), model.config)
    with atomic_folder(folder) as aside:
        floats, integers = (aside / FILES[backend] for backend in ("onnx", "onnx-int8"))
        write_graph(model, floats, Path(folder))
        if int8:
            quantize(floats, integers)
        files = [floats, integers] if int8 else [floats]
        runs = {"torch": model} | {file.name: OnnxModel(model.config, file) for file in files}
        answers = {name: predict_documents(run, documents, batch_size) for name, run in runs.items()}
        check(answers["torch"], answers[floats.name])
        report = ExportReport(
            n_texts=len(documents),
            megabytes={file.name: file.stat().st_size / 1e6 for file in files},
            runs=measured(documents, answers, examples, _speeds(runs, documents[:_TIMED_TEXTS], batch_size)),
            versions={package.__name__: package.__version__ for package in (torch, *packages)},
        )
        (aside / REPORT).write_text(json.dumps(report.to_dict(), indent=2) + "\n", encoding="utf-8")
    return report


def check(expected: Sequence[Prediction], answers: Sequence[Prediction]) -> None:
    """Compare answers with torch's.

    Raises:
        PlmrError: A label differs, or a keep or class probability does by more than `TOLERANCE`.
    """
    labels = _labels_apart(expected, answers)
    keep, classes = (_difference(expected, answers, name) for name in ("keep", "probabilities"))
    if labels or not (keep <= TOLERANCE and classes <= TOLERANCE):
        raise PlmrError(
            f"The ONNX file does not answer as torch does and was not kept: {labels} of {len(expected)} labels differ, "
            f"a keep probability by {keep:.2g} and a class probability by {classes:.2g}, where {TOLERANCE} is allowed. "
            "Try the versions in constraints.txt."
        )


def generated_texts() -> list[Example]:
    """Reviews, and texts with nothing, a word, and more than most encoders read at once."""
    reviews = make_reviews(30, seed=0)
    others = ("", "lovely", " ".join(review.text for review in reviews[:12]))
    return [*reviews, *(Example.from_row({"text": text}, labelled=False) for text in others)]


def _check_saved(model: RationaleModel, folder: Path) -> None:
    """The file is tied to the weights in the folder, so these must be the ones it is made from."""
    weights = model.method.state_dict(prefix=f"{model.base_model_prefix}.")
    file = folder / SAFE_WEIGHTS_NAME
    saved = load_file(file) if file.is_file() else {}
    if saved.keys() != weights.keys() or any(not torch.equal(saved[name], weights[name].cpu()) for name in saved):
        raise PlmrError(
            f"{folder} does not hold this classifier; save it there first: save_pretrained({str(folder)!r})"
        )


def measured(
    documents: Sequence[Document],
    answers: Mapping[str, Sequence[Prediction]],
    examples: Sequence[Example] | None,
    speeds: Mapping[str, float],
) -> tuple[Run, ...]:
    """Compare the answers of every run with torch's and, in examples that have them, with the marked words."""
    expected = answers["torch"]
    flags = {name: [_flags(*pair) for pair in zip(documents, each, strict=True)] for name, each in answers.items()}
    # What the generated texts have marked says nothing of a model that was trained on something else.
    gold = [example.rationale for example in examples or ()]
    annotated = any(marked is not None for marked in gold)
    return tuple(
        Run(
            name,
            labels_alike=1 - _labels_apart(expected, each) / len(expected),
            words_alike=float(np.mean(np.concatenate(flags[name]) == np.concatenate(flags["torch"]))),
            keep_difference=_difference(expected, each, "keep"),
            class_difference=_difference(expected, each, "probabilities"),
            word_f1=token_scores(flags[name], gold).micro_f1 if annotated else None,
            texts_per_second=speeds[name],
        )
        for name, each in answers.items()
    )


def _flags(document: Document, answer: Prediction) -> list[float]:
    return word_flags(document.encoded.word_ids, answer.mask.tolist(), document.encoded.n_words)


def _labels_apart(expected: Sequence[Prediction], answers: Sequence[Prediction]) -> int:
    labels = ([int(answer.probabilities.argmax()) for answer in each] for each in (expected, answers))
    return sum(one != other for one, other in zip(*labels, strict=True))


def _difference(expected: Sequence[Prediction], answers: Sequence[Prediction], name: str) -> float:
    pairs = zip(expected, answers, strict=True)
    differences = (np.abs(getattr(one, name) - getattr(other, name)) for one, other in pairs)
    return float(np.concatenate(list(differences)).max(initial=0.0))


def _speeds(runs: Mapping[str, RationaleModel], documents: Sequence[Document], batch_size: int) -> dict[str, float]:
    """Texts per second: the best of several rounds in turns, because other work slows a round down."""
    seconds = dict.fromkeys(runs, float("inf"))
    for _ in range(_ROUNDS):
        for name, run in runs.items():
            started = time.perf_counter()
            predict_documents(run, documents, batch_size)
            seconds[name] = min(seconds[name], time.perf_counter() - started)
    return {name: len(documents) / best for name, best in seconds.items()}
