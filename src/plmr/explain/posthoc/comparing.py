"""Running a comparison: the same texts, as many words from everyone, the same metrics, each one's time."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import numpy as np

from plmr.data import Example, load_examples
from plmr.data.encoding import Encoded, RationaleTokenizer, word_flags
from plmr.errors import PlmrError
from plmr.explain.classifier import RationaleClassifier
from plmr.explain.long_texts import read_documents
from plmr.explain.posthoc.comparison import Comparison, System
from plmr.explain.posthoc.explainers import EXPLAINERS, check_explainers, word_scores
from plmr.explain.posthoc.external import ExternalRationale
from plmr.explain.posthoc.text_function import TextFunction
from plmr.explain.rationales import Length, rationale_length
from plmr.explain.rows import Rows
from plmr.explain.windows import split_all
from plmr.inference import predict
from plmr.metrics import EvaluationReport, evaluation_report, faithfulness_scores
from plmr.modeling import RationaleModel
from plmr.ranges import COUNT

Item = TypeVar("Item")
Result = TypeVar("Result")
Track = Callable[[Sequence[Any], str], Iterable[Any]]
"""Passes on the items of a sequence, showing under a name how far it has come."""


def compare(
    classifier: RationaleClassifier,
    data: Rows,
    explainers: Iterable[str] | None = None,
    external: Mapping[str, Sequence[ExternalRationale]] | None = None,
    *,
    limit: int | None = None,
    sparsity: float | None = None,
    max_words: int | None = None,
    batch_size: int = 32,
    seed: int = 0,
    track: Track | None = None,
) -> Comparison:
    """Score a classifier's rationales and those of other explainers on the same texts.

    A text's rationale has as many words as the classifier's own, whoever chose them. Only an external rationale
    without scores, which cannot be cut to a length, keeps its own. A text longer than the encoder is compared on its
    beginning. All that the classifier computes, the explainers' variants too, is in the precision it predicts in.

    Args:
        classifier: A trained one; the explainers explain its full-text path.
        data: Rows or examples. Gold rationales, where there are any, are what is agreed with.
        explainers: Keys of `EXPLAINERS`; default, all that the encoder allows.
        external: Name to rationales, one per text of `data`, from `read_external`.
        limit: How many of the texts to take, drawn with the seed; default, all.
        sparsity, max_words: How long the classifier's rationales are to be; default, as calibrated in training.
        batch_size: Variants of a text read at once.
        seed: Of the sample and of the explainers that draw.
        track: Shows the progress.

    Raises:
        PlmrError: The classifier is not trained, an explainer cannot run, a name is used twice, or a number is out of
            range.
    """
    length = rationale_length(sparsity, max_words)
    COUNT.check("batch_size", batch_size)
    COUNT._replace(optional=True).check("limit", limit)
    if classifier.model is None:
        raise PlmrError("This classifier has not been trained; call fit(rows) first, or load a saved one.")
    names, notes = check_explainers(explainers, classifier.model)
    given = dict(external or {})
    own_name = classifier.config.method
    _check_names(given, {own_name, *EXPLAINERS})
    examples = load_examples(data)
    numbers = draw_sample(len(examples), limit, seed)
    bench = _Bench.of(classifier, [examples[i] for i in numbers], batch_size, seed, track or (lambda items, _: items))
    own, counts = bench.own(length, own_name)
    systems = {own_name: own}
    for name in names:
        systems[name] = bench.explained(name, counts)
    for name, rationales in given.items():
        systems[name] = bench.external([rationales[i] for i in numbers], counts)
        if free := sum(rationales[i].scores is None for i in numbers):
            notes.append(f"{name}: {free} rationales have no scores to cut them by, and keep their own length")
    return Comparison(systems, len(numbers), [*bench.notes, *notes])


def top_words(scores: np.ndarray, count: int) -> np.ndarray:
    """Flags of so many words with the highest scores; of equals the first goes first."""
    flags = np.zeros(len(scores), dtype=bool)
    flags[np.argsort(-scores, kind="stable")[:count]] = True
    return flags


@dataclass(frozen=True)
class _Bench:
    """The texts, and what everyone is measured with.

    Attributes:
        model: Whose rationales, and whose predictor reads everyone's.
        examples: The texts, as far as the encoder reads them.
        encoded: The same, encoded.
        functions: The same, as the explainers see them.
        trial: Two words: what is done once, such as compiling, is done on them.
        batch_size, seed, track: As in `compare`.
        precision: Makes a context in which the model computes as the classifier predicts. Every use has its own:
            weights that were converted without gradients are of no use to an explainer that needs some.
        notes: What the reader should know.
    """

    model: RationaleModel
    examples: list[Example]
    encoded: list[Encoded]
    functions: list[TextFunction]
    trial: tuple[Encoded, TextFunction]
    batch_size: int
    seed: int
    track: Track
    precision: Callable[[], AbstractContextManager[Any]]
    notes: list[str]

    @classmethod
    def of(
        cls, classifier: RationaleClassifier, examples: Sequence[Example], batch_size: int, seed: int, track: Track
    ) -> _Bench:
        model, tokenizer = classifier.model, classifier.tokenizer
        assert model is not None and tokenizer is not None
        tokenize = RationaleTokenizer(tokenizer, model.config.max_tokens)

        def explained(text: Encoded, example: Example) -> TextFunction:
            return TextFunction(model, text, example.text, example.words, batch_size)

        two_words = Example.from_text("a b")
        (trial,) = tokenize.examples([two_words], [None])
        whole = tokenize.examples(examples, [None] * len(examples))
        pairs = [_beginning(*pair, tokenize.max_tokens) for pair in zip(examples, whole, strict=True)]
        encoded = [text for _, text in pairs]
        cut = sum(text.n_words < full.n_words for text, full in zip(encoded, whole, strict=True))
        with classifier._precision():
            functions = [explained(text, example) for example, text in pairs]
            trial_function = explained(trial, two_words)
        said = f"{cut} of {len(whole)} texts are longer than {tokenize.max_tokens} tokens: their beginnings count"
        return cls(
            model=model,
            examples=[example for example, _ in pairs],
            encoded=encoded,
            functions=functions,
            trial=(trial, trial_function),
            batch_size=batch_size,
            seed=seed,
            track=track,
            precision=classifier._precision,
            notes=[said] if cut else [],
        )

    def own(self, length: Length | None, name: str) -> tuple[System, list[int]]:
        """The classifier's own rationales, one text at a time as the explainers work, and how many words they have."""

        def answer(text: Encoded) -> tuple[np.ndarray, np.ndarray]:
            n_words = None if length is None else [length(text.n_words)]
            (prediction,) = predict(self.model, [text], 1, n_words=n_words)
            values = (word_flags(text.word_ids, v.tolist(), text.n_words) for v in (prediction.mask, prediction.keep))
            mask, keep = map(np.array, values)
            return mask.astype(bool), keep

        with self.precision():
            answer(self.trial[0])
            answers, seconds = _timed(answer, self.track(self.encoded, name))
        selected = [flags for flags, _ in answers]
        report = self._report(selected, [keep for _, keep in answers])
        return System(report, seconds, "one pass"), [int(flags.sum()) for flags in selected]

    def explained(self, name: str, counts: Sequence[int]) -> System:
        """The words that an explainer scores highest."""

        def scores(pair: tuple[int, TextFunction]) -> np.ndarray:
            return word_scores(name, pair[1], self.seed + pair[0])

        with self.precision():
            scores((0, self.trial[1]))
            rows, seconds = _timed(scores, self.track(list(enumerate(self.functions)), name))
        selected = [top_words(row, count) for row, count in zip(rows, counts, strict=True)]
        return System(self._report(selected, rows), seconds, EXPLAINERS[name].budget)

    def external(self, rationales: Sequence[ExternalRationale], counts: Sequence[int]) -> System:
        """Rationales that are there already."""
        selected, scores = [], []
        for rationale, count, text in zip(rationales, counts, self.encoded, strict=True):
            flags, row = rationale.selected, rationale.scores
            if row is not None:
                row = row[: text.n_words]
                flags = top_words(row, count)
            assert flags is not None
            selected.append(flags[: text.n_words])
            scores.append(row)
        ranked = [row for row in scores if row is not None]
        return System(self._report(selected, ranked if len(ranked) == len(scores) else None))

    def _report(self, selected: Sequence[np.ndarray], scores: Sequence[np.ndarray] | None) -> EvaluationReport:
        documents = split_all(self.encoded, self.model.config)
        with self.precision():
            faithfulness = faithfulness_scores(
                lambda flags: read_documents(self.model, documents, flags, self.batch_size),
                selected,
                selected if scores is None else scores,
            )
        if scores is None:  # what no score ranks has no best one, five or ten per cent
            faithfulness = replace(faithfulness, aopc_sufficiency=np.nan, aopc_comprehensiveness=np.nan, bins=())
        gold = [example.rationale for example in self.examples]
        return evaluation_report(selected, gold, keep_scores=scores, faithfulness=faithfulness)


def _timed(work: Callable[[Item], Result], items: Iterable[Item]) -> tuple[list[Result], float]:
    """Results, and the mean wall time of one; what passes between two items is not counted.

    Results are arrays on the processor, so nothing of the work is left in a GPU's queue.
    """
    results, seconds = [], 0.0
    for item in items:
        started = time.perf_counter()
        results.append(work(item))
        seconds += time.perf_counter() - started
    return results, seconds / max(len(results), 1)


def draw_sample(count: int, limit: int | None, seed: int) -> list[int]:
    """Numbers of the texts a comparison takes, in order; all of them where there is no limit."""
    if limit is None or limit >= count:
        return list(range(count))
    return sorted(random.Random(seed).sample(range(count), limit))


def _beginning(example: Example, encoded: Encoded, max_tokens: int | None) -> tuple[Example, Encoded]:
    """A text without the words that were cut off."""
    if not encoded.n_unseen(max_tokens):
        return example, encoded
    n_words = encoded.n_reached
    gold = None if example.rationale is None else example.rationale[:n_words]
    return replace(example, words=example.words[:n_words], rationale=gold), replace(encoded, n_words=n_words)


def _check_names(external: Mapping[str, object], taken: set[str]) -> None:
    twice = [name for name in external if name in taken]
    if twice:
        raise PlmrError(f"external rationales cannot be called {twice[0]!r}, a name of the table; choose another.")
