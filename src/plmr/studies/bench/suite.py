"""A suite: methods × encoders × datasets × sparsities × seeds, as a YAML file says it."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from functools import cache
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any

from plmr.errors import PlmrError, nearest
from plmr.settings import check_keys, check_settings, in_one_line, read_yaml
from plmr.studies.bench.entries import (
    Entry,
    read_common,
    read_datasets,
    read_encoders,
    read_methods,
    read_numbers,
    read_texts,
)
from plmr.studies.bench.imports import import_files, read_imports

if TYPE_CHECKING:
    from plmr.config import RationaleConfig
    from plmr.encoders import SplitEncoder
    from plmr.methods import Options
    from plmr.training import RationaleTrainingArguments

AXES = ("method", "encoder", "dataset", "sparsity", "seed")
NOTES = ("note", "encoder_note")
_KINDS: dict[str, Any] = {"name": str, "note": str, "data_seed": int, "test": bool, "faithfulness": bool}
_SECTIONS = ("methods", "encoders", "datasets", "sparsities", "seeds", "model", "training", "limit", "exclude")
_KEYS = (*_KINDS, *_SECTIONS, "shared_texts", "imports")


@dataclass(frozen=True)
class Run:
    """One training and its figures. It goes to another process as JSON.

    Attributes:
        method, encoder, dataset: Their labels in the suite.
        sparsity: The share asked for.
        seed: Of the training.
        model: Settings of `RationaleConfig`, method, encoder and sparsity among them.
        training: Training options, in their full names, the seed among them.
        data: What `plmr.studies.bench.data.load_parts` takes.
        test: Whether the test texts are scored too.
        faithfulness: Whether faithfulness is measured too.
        note, encoder_note: What the suite says of the method and of the encoder.
        imports: Python files with methods of one's own.
    """

    method: str
    encoder: str
    dataset: str
    sparsity: float
    seed: int
    model: dict[str, Any]
    training: dict[str, Any]
    data: dict[str, Any]
    test: bool = False
    faithfulness: bool = False
    note: str | None = None
    encoder_note: str | None = None
    imports: list[str] = field(default_factory=list)

    @property
    def name(self) -> str:
        return f"{self.method} · {self.encoder} · {self.dataset} · S {100 * self.sparsity:g} % · seed {self.seed}"

    @property
    def labels(self) -> dict[str, Any]:
        """Where in the suite it stands."""
        notes = {key: getattr(self, key) for key in NOTES}
        return {axis: getattr(self, axis) for axis in AXES} | {key: note for key, note in notes.items() if note}

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True)
class Suite:
    """What is compared.

    Attributes:
        name: Of the suite.
        note: How the settings were come by, for the reader of its figures.
        runs: Every run, seeds outermost: a table with few seeds comes before a full one.
    """

    name: str
    note: str | None
    runs: list[Run]

    def choose(self, only: Sequence[str]) -> list[Run]:
        """The runs that conditions like `encoder=gru` ask for: one of those of each axis that is named.

        Raises:
            PlmrError: A condition names no axis, or a value that the suite has not.
        """
        asked: dict[str, set[str]] = {}
        for condition in only:
            axis, _, value = condition.partition("=")
            known = {str(getattr(run, axis)) for run in self.runs} if axis in AXES else set()
            if not known:
                raise PlmrError(
                    f"{condition!r} is not one of {', '.join(f'{axis}=…' for axis in AXES)}.{nearest(axis, AXES)}"
                )
            _check_known(value, known, f"{condition!r}: {axis}")
            asked.setdefault(axis, set()).add(value)
        return [run for run in self.runs if all(str(getattr(run, axis)) in asked[axis] for axis in asked)]


def load_suite(path: str | Path, data_dir: str | Path | None = None) -> Suite:
    """Read a suite; `docs/bench.md` says what it may hold.

    Args:
        path: The YAML file.
        data_dir: Folder of the files of published datasets for which the suite names none.

    Raises:
        PlmrError: The file cannot be read, something in it cannot be meant, or a method refuses an encoder.
    """
    path = Path(path)
    written = read_yaml(path, _KEYS)
    check_settings({key: value for key, value in written.items() if key in _KINDS}, _KINDS, str(path))
    for key in ("methods", "datasets"):
        if not written.get(key):
            raise PlmrError(f"{path}: {key} is missing; name at least one.")
    seeds = written.get("seeds", [0])
    if not isinstance(seeds, list):
        raise PlmrError(f"{path}: seeds should be a list, such as [0, 1, 2], not {seeds!r}.")
    imports = read_imports(written.get("imports"), path)
    import_files(imports)  # first: they may bring methods that the suite names
    common, texts = read_common(written, path), read_texts(written, path)
    methods = read_methods(written["methods"], path)
    encoders = read_encoders(written.get("encoders", "minilm"), path)
    usual = read_numbers(written.get("sparsities", 0.2), "sparsities", float, path)
    datasets = read_datasets(written["datasets"], path, usual, data_dir)
    runs = [
        Run(
            method=method.label,
            encoder=encoder.label,
            dataset=label,
            sparsity=sparsity,
            seed=seed,
            model=_model(common, encoder, method, sparsity),
            training=common.training | encoder.training | method.training | {"seed": seed},
            data=data | texts,
            test=written.get("test", False),
            faithfulness=written.get("faithfulness", False),
            note=method.note,
            encoder_note=encoder.note,
            imports=imports,
        )
        for seed, (label, data, sparsities), encoder in product(
            read_numbers(seeds, "seeds", int, path), datasets, encoders
        )
        for sparsity, method in product(sparsities, methods)
    ]
    runs = _without(runs, written.get("exclude"), path)
    for run in runs:
        _check(run, path)
    _check_fit(runs, path)
    return Suite(written.get("name", path.stem), written.get("note"), runs)


def _model(common: Entry, encoder: Entry, method: Entry, sparsity: float) -> dict[str, Any]:
    settings = common.model | encoder.model | method.model
    settings |= {"encoder": encoder.name, "method": method.name, "sparsity": sparsity}
    return settings | ({"method_options": method.options} if method.options else {})


def _without(runs: list[Run], rules: Any, path: Path) -> list[Run]:
    """The runs that no rule excludes."""
    known = {axis: {getattr(run, axis) for run in runs} for axis in AXES}
    for rule in rules if isinstance(rules, list) else [] if rules is None else [rules]:
        if not isinstance(rule, dict) or not rule:
            raise PlmrError(f"{path}: exclude should hold lines like - {{method: plmr, encoder: gru}}, not {rule!r}.")
        check_keys(rule, AXES, f"{path}, exclude")
        for axis, value in rule.items():
            _check_known(value, known[axis], f"{path}, exclude: {axis}")
        runs = [run for run in runs if any(getattr(run, axis) != value for axis, value in rule.items())]
    if not runs:
        raise PlmrError(f"{path}: exclude leaves no run.")
    return runs


def _check_known(value: Any, values: Iterable[Any], place: str) -> None:
    values = sorted(values, key=str)
    if value not in values:
        hint = nearest(str(value), map(str, values))
        raise PlmrError(f"{place} {value!r} is not in the suite, which has {', '.join(map(str, values))}.{hint}")


@cache
def _outline(encoder: str) -> SplitEncoder:
    from plmr.encoders import outline_encoder

    return outline_encoder(encoder)


def resolve(run: Run, on_cpu: bool = False) -> tuple[RationaleConfig, Options, RationaleTrainingArguments]:
    """The settings of a run with everything it does not say: of the model, of the method alone, of the training.

    Args:
        run: What is to run.
        on_cpu: Whether it trains on the CPU also where there is a GPU; what `bf16: auto` means depends on it.

    Raises:
        PlmrError: There is no such setting, or a value is out of its range.
    """
    from plmr.config import RationaleConfig
    from plmr.methods import method_of
    from plmr.training import suggested_learning_rate, training_arguments

    config = RationaleConfig.from_preset(**run.model)
    _, options = method_of(config)
    usual_rate = suggested_learning_rate(_outline(config.encoder).config_dict)
    said = {"learning_rate": usual_rate} | run.training | ({"use_cpu": True} if on_cpu else {})
    return config, options, training_arguments("unused", **said)


def resolved_training(run: Run, arguments: RationaleTrainingArguments) -> dict[str, Any]:
    """The training options of a run: those that this library sets for itself, and what the suite says.

    Args:
        run: What is run.
        arguments: As `resolve` has them.
    """
    ours = (name for name in type(arguments).__annotations__ if name not in ("use_cpu", "disable_tqdm"))
    return {name: getattr(arguments, name) for name in ours} | run.training


def _check(run: Run, path: Path) -> None:
    """Refuse now what would be refused when the run starts."""
    try:
        resolve(run)
    except PlmrError as error:
        raise PlmrError(f"{path}, {run.method} on {run.dataset} with {run.encoder}: {error}") from error


def _check_fit(runs: Sequence[Run], path: Path) -> None:
    """Build each method on each of its encoders, without weights, and refuse at once whatever does not fit."""
    import torch

    from plmr.modeling import RationaleModel

    combinations = {(run.method, run.encoder): run for run in runs}
    refused: dict[str, list[tuple[str, str]]] = {}
    for combination, run in combinations.items():
        config, *_ = resolve(run)
        try:
            with torch.device("meta"), warnings.catch_warnings():
                warnings.simplefilter("ignore")  # what is to be said of a run is said when it is done
                RationaleModel.from_encoder(config, _outline(config.encoder))
        except PlmrError as error:
            refused.setdefault(str(error), []).append(combination)
        except Exception:  # a method of one's own that cannot be built without weights; its run will tell
            continue
    if not refused:
        return
    rules = [{"method": method, "encoder": encoder} for each in refused.values() for method, encoder in each]
    reasons = [
        f"{', '.join(f'{method} with {encoder}' for method, encoder in each)}: {reason}"
        for reason, each in refused.items()
    ]
    raise PlmrError(
        f"{path}: {len(rules)} of {len(combinations)} combinations of method and encoder cannot be trained. "
        f"{' '.join(reasons)} Leave them out by exclude: {in_one_line(rules)}"
    )
