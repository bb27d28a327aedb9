"""The two-line object: texts in, labels and their reasons out."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from typing import Any

from transformers import PreTrainedTokenizerBase, set_seed

from plmr.config import RationaleConfig
from plmr.data import Example, class_maps, label_names
from plmr.devices import find_device
from plmr.encoders import SplitEncoder, gru_layers
from plmr.errors import PlmrError
from plmr.explain.answering import Answering
from plmr.explain.rationales import cut_notes
from plmr.explain.rows import Rows, alike, tokenless, with_validation
from plmr.explain.storage import is_saved_model, load_saved
from plmr.explain.vocabulary import build_gru, load_tokenizer
from plmr.modeling import RationaleModel
from plmr.settings import check_model_settings
from plmr.training import FitSummary, fit_model, suggested_learning_rate, training_arguments


class RationaleClassifier(Answering):
    """A text classifier that shows its reasons.

    ```python
    clf = RationaleClassifier.from_pretrained("minilm", labels=["negative", "positive"], sparsity=0.2)
    clf.fit(train_rows, validation=val_rows)
    r = clf("the hop smell was excellent")     # r.label, r.score, r.spans, r.words
    clf.save_pretrained("my-model")
    ```

    Args:
        config: What to build.
        model: The trained model; None until `fit`.
        tokenizer: Its tokenizer; None until `fit` for GRU encoders, whose vocabulary comes from the texts.
        bf16: Whether to predict in bfloat16; see `from_pretrained`.
        device: Where it is to predict after a `fit`; see `from_pretrained`. A model that is given stays where it is.
    """

    def __init__(
        self,
        config: RationaleConfig,
        model: RationaleModel | None = None,
        tokenizer: PreTrainedTokenizerBase | None = None,
        bf16: bool = False,
        device: str | None = None,
    ):
        self.config = config
        self.model = model
        self.tokenizer = tokenizer
        self.bf16 = bf16
        self._asked_for = None if device is None else find_device(device)

    @classmethod
    def from_pretrained(
        cls,
        source: str | Path = "minilm",
        labels: Sequence[str | int] | None = None,
        sparsity: float | None = None,
        method: str | None = None,
        preset: str = "default",
        backend: str = "torch",
        bf16: bool = False,
        device: str | None = None,
        **settings: Any,
    ) -> RationaleClassifier:
        """Load a saved classifier, or start a new one from an encoder.

        Args:
            source: A folder or hub id with a saved classifier or an encoder; or `minilm`, `gru`, `gru-3`.
            labels: The classes of a new classifier, as the rows have them; default, those found in the training data.
            sparsity: Share of the words that a rationale is to hold, for a new classifier.
            method: The framework, for a new classifier.
            preset: Where a new classifier's settings start from: `default`, `paper` or `released`.
            backend: What runs a saved classifier: `torch`, or `onnx` or `onnx-int8`, which need what `plmr export`
                wrote into its folder and can only predict.
            bf16: Whether torch multiplies matrices in bfloat16 when it predicts: faster where the processor or GPU can,
                at the price of a few different words and labels (`benchmarks/results/export.json` has figures). How it
                trains is an option of `fit`.
            device: Where torch predicts: `cpu`, `cuda`, `cuda:1`, … or `mps`; default, the GPU where there is one. With
                `cpu`, `fit` trains there too; else it trains where transformers does.
            **settings: Further settings of `RationaleConfig`, for a new classifier.

        Raises:
            PlmrError: Nothing can be loaded from there, or the settings do not fit it.
        """
        source = str(source)
        chosen: dict[str, Any] = {"sparsity": sparsity, "method": method}
        chosen = {name: value for name, value in chosen.items() if value is not None} | settings
        if is_saved_model(source):
            if chosen or labels or preset != "default":
                given = ", ".join([*chosen, *(["labels"] if labels else []), *(["preset"] * (preset != "default"))])
                raise PlmrError(
                    f"{source!r} holds a trained classifier, whose settings are fixed; leave out {given}, or start "
                    "from an encoder."
                )
            model, tokenizer = load_saved(source, backend, device, bf16)
            return cls(model.config, model, tokenizer, bf16, device)
        if backend != "torch":
            raise PlmrError(f"backend={backend!r} runs saved classifiers, and {source!r} is an encoder; leave it out.")
        check_model_settings(chosen)
        if labels is not None:
            chosen |= class_maps(labels)
        config = RationaleConfig.from_preset(preset, encoder=source, **chosen)
        classifier = cls(config, bf16=bf16, device=device)
        classifier._labels_given = labels is not None
        if gru_layers(source) is None:
            classifier.tokenizer = load_tokenizer(source)
        return classifier

    _labels_given = True

    def to(self, device: str) -> RationaleClassifier:
        """Move the model to another device, and to stay there after a `fit`; see `from_pretrained`.

        Returns:
            The classifier itself.

        Raises:
            PlmrError: There is no such device, or onnxruntime serves the model.
        """
        place = find_device(device)
        if self.model is not None:
            self.model.to(place)
        self._asked_for = place
        return self

    def fit(
        self,
        train: Rows,
        validation: Rows | None = None,
        output_dir: str | Path | None = None,
        resume: bool = False,
        callbacks: Sequence[Any] = (),
        **options: Any,
    ) -> FitSummary:
        """Train, keep the best epoch, and calibrate to the sparsity asked for.

        Where there was no model yet, an error or an interrupt leaves none: the next call starts anew.

        Args:
            train: Labelled rows; see `Rows`.
            validation: Labelled rows that choose the epoch and the thresholds; default, a seeded tenth of `train`.
            output_dir: Where checkpoints go; default, a temporary folder that is removed afterwards.
            resume: Continue from the last complete checkpoint in `output_dir`.
            callbacks: Further callbacks for the trainer.
            **options: `epochs`, `batch_size`, `learning_rate`, `seed`, … of `RationaleTrainingArguments`; `bf16="auto"`
                trains in bfloat16 where the machine computes faster in it.

        Raises:
            PlmrError: The rows cannot be used, or an option is unknown.
        """
        if resume and output_dir is None:
            raise PlmrError("resume=True needs the output_dir of the run to continue.")
        if self._asked_for is not None and self._asked_for.type == "cpu":
            options = {"use_cpu": True} | options
        with tempfile.TemporaryDirectory(prefix="plmr-") as temporary, self._all_or_nothing():
            args = training_arguments(output_dir or temporary, **options)
            # The heads are drawn when the model is built, so the seed comes first.
            set_seed(args.seed)
            examples, held_out, notes = with_validation(train, validation, args.seed)
            notes += self._prepare(examples)
            assert self.model is not None
            if "learning_rate" not in options:
                args.learning_rate = suggested_learning_rate(self.config.encoder_config or {})
            encoded, held_out_encoded = (self._encode_labelled(each, training=True) for each in (examples, held_out))
            notes += tokenless(examples, encoded, "training") + tokenless(held_out, held_out_encoded, "validation")
            notes += cut_notes(encoded, self.config.max_tokens)
            summary = fit_model(self.model, encoded, held_out_encoded, args, resume, callbacks)
        self.model.to(self._asked_for or self.model.device).eval()
        self.summary = replace(summary, notes=notes + summary.notes)
        return self.summary

    @contextmanager
    def _all_or_nothing(self) -> Iterator[None]:
        """Leave no half-made model after an error: rows that are mended may bring other classes and other words."""
        before = (deepcopy(self.config), self.tokenizer) if self.model is None else None
        try:
            yield
        except BaseException:
            if before is not None:
                self.model, (self.config, self.tokenizer) = None, before
            raise

    def _prepare(self, examples: Sequence[Example]) -> list[str]:
        """Settle the classes and build the model, unless an earlier `fit` has; returns notes."""
        found = label_names(examples)
        notes = alike(found, examples)
        if self.model is not None:
            return notes
        if not self._labels_given:
            self.config.update(class_maps(found))
        encoder: SplitEncoder | None = None
        if self.tokenizer is None:
            encoder, self.tokenizer, of_vectors = build_gru(self.config, (example.text for example in examples))
            notes += of_vectors
        self.config.pad_token_id = self.tokenizer.pad_token_id
        self.model = RationaleModel.from_encoder(self.config, encoder)
        return notes
