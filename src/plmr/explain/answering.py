"""What a classifier does once it has a model: it answers, is measured, and is saved."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, closing, nullcontext
from pathlib import Path
from typing import Any, overload

import torch
from transformers import PreTrainedTokenizerBase

from plmr.config import RationaleConfig
from plmr.data import Example, class_index, environment_of, load_examples
from plmr.data.encoding import Encoded, RationaleTokenizer
from plmr.errors import PlmrError
from plmr.explain.card import model_card
from plmr.explain.evaluation import evaluate_model
from plmr.explain.rationales import Length, explain_texts, rationale_length
from plmr.explain.reading import Reading, check_stream, read_texts
from plmr.explain.rows import Rows, tokenless
from plmr.explain.storage import save_model
from plmr.inference import ahead, chunked
from plmr.metrics import EvaluationReport
from plmr.modeling import RationaleModel
from plmr.output import Rationale
from plmr.ranges import COUNT
from plmr.training import FitSummary


class Answering:
    """The part of `RationaleClassifier` that asks its model and changes nothing about it."""

    config: RationaleConfig
    model: RationaleModel | None
    tokenizer: PreTrainedTokenizerBase | None
    bf16: bool
    summary: FitSummary | None = None
    """What the last `fit` did."""

    @property
    def labels(self) -> list[str]:
        """Names of the classes, in the order of their indices."""
        return [self.config.id2label[i] for i in range(self.config.num_labels)]

    @property
    def device(self) -> torch.device | None:
        """Where the model is; None before there is one."""
        return None if self.model is None else self.model.device

    @overload
    def __call__(  # type: ignore[overload-overlap]
        self, texts: str, batch_size: int = ..., sparsity: float | None = ..., max_words: int | None = ...
    ) -> Rationale: ...
    @overload
    def __call__(
        self, texts: Sequence[str], batch_size: int = ..., sparsity: float | None = ..., max_words: int | None = ...
    ) -> list[Rationale]: ...

    def __call__(
        self,
        texts: str | Sequence[str],
        batch_size: int = 64,
        sparsity: float | None = None,
        max_words: int | None = None,
    ) -> Rationale | list[Rationale]:
        """Classify a text, or a list of texts, of any length.

        Texts longer than `max_tokens` are read in windows, `docs/long-texts.md`, and say so in their note.

        Args:
            texts: One string, or a sequence of strings; a string is never taken for a sequence.
            batch_size: Texts, or windows of them, in a batch.
            sparsity: Share of each text's words that its rationale is to hold, at least one word: those of the
                highest keep probability. The label is predicted anew from them. Default, as calibrated in training.
            max_words: The same as a number of words.

        Returns:
            One `Rationale`, or a list of them in the order of the texts.

        Raises:
            PlmrError: There are no texts in what is given, or an argument is out of range.
        """
        if isinstance(texts, str):
            return next(self.iter_predict([texts], batch_size, sparsity, max_words))
        return list(self.iter_predict(texts, batch_size, sparsity, max_words))

    def iter_predict(
        self,
        texts: Iterable[str],
        batch_size: int = 64,
        sparsity: float | None = None,
        max_words: int | None = None,
    ) -> Iterator[Rationale]:
        """Classify a stream of texts in its order; see `__call__`.

        It holds no more than sixteen batches of the stream, and sixteen more that a second thread tokenizes
        meanwhile; fewer where the texts are long.

        Raises:
            PlmrError: There is no model yet or an argument is out of range, at once; or a text cannot be
                read, when it is that text's turn.
        """
        self._trained()
        check_stream(texts)
        COUNT.check("batch_size", batch_size)
        return self._answers(texts, batch_size, rationale_length(sparsity, max_words))

    def _answers(self, texts: Iterable[str], batch_size: int, length: Length | None) -> Iterator[Rationale]:
        most = 16 * batch_size
        # A token has four or five characters in most languages: texts that fit the model are counted, not weighed.
        chunks = chunked(texts, most, most * self.config.max_tokens * 8)
        model, cut = self._trained(), self._tokenization().max_tokens
        with closing(ahead(self._read, chunks)) as ready:
            for chunk in ready:
                with self._precision():
                    answers = explain_texts(model, chunk, self.labels, batch_size, length, cut)
                yield from answers

    def evaluate(
        self,
        data: Rows,
        batch_size: int = 64,
        faithfulness: bool = False,
        sparsity: float | None = None,
        max_words: int | None = None,
    ) -> EvaluationReport:
        """Score the classifier on labelled rows.

        Args:
            data: See `Rows`; rows with gold rationales count for plausibility.
            batch_size: Texts in a batch.
            faithfulness: Also measure sufficiency, comprehensiveness and AOPC; takes some ten times as long.
            sparsity, max_words: How long the rationales are to be, as in `__call__`; labels are predicted from them.

        Raises:
            PlmrError: The rows cannot be used, none of the texts has words, or an argument is out of range.
        """
        COUNT.check("batch_size", batch_size)
        length = rationale_length(sparsity, max_words)
        model = self._trained()
        examples = load_examples(data)
        texts = self._encode_labelled(examples)
        tokenless(examples, texts, "given")
        with self._precision():
            return evaluate_model(model, examples, texts, self.labels, batch_size, faithfulness, length)

    def save_pretrained(self, folder: str | Path) -> None:
        """Save model, tokenizer, labels and thresholds into a folder, all or nothing."""
        model = self._trained()
        assert self.tokenizer is not None
        card = model_card(self.config, self.summary, model.method.dense_note)
        save_model(model, self.tokenizer, folder, card)

    def push_to_hub(self, repo_id: str, **options: Any) -> None:
        """Upload the classifier to the hub; options as for `PreTrainedModel.push_to_hub`."""
        model = self._trained()
        assert self.tokenizer is not None
        model.push_to_hub(repo_id, **options)
        self.tokenizer.push_to_hub(repo_id, **options)

    def _trained(self) -> RationaleModel:
        if self.model is None:
            raise PlmrError(
                "This classifier has not been trained; call fit(rows) first, or load a saved one with "
                "RationaleClassifier.from_pretrained(folder)."
            )
        return self.model

    def _precision(self) -> AbstractContextManager[Any]:
        return torch.autocast(self._trained().device.type, torch.bfloat16) if self.bf16 else nullcontext()

    def _encode_labelled(self, examples: Sequence[Example], training: bool = False) -> list[Encoded]:
        labels = [class_index(e, self.labels) for e in examples]
        read = training and self._trained().method.n_environments
        environments = [environment_of(e) for e in examples] if read else None
        return self._tokenization(training).examples(examples, labels, environments)

    def _tokenization(self, training: bool = False) -> RationaleTokenizer:
        assert self.tokenizer is not None
        cut = training or self.config.long_texts == "cut"
        return RationaleTokenizer(self.tokenizer, self.config.max_tokens if cut else None)

    def _read(self, texts: Sequence[str]) -> list[Reading]:
        return read_texts(texts, self._tokenization(), self.config)
