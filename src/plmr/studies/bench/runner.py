"""Running a suite: what is not there yet, several runs at once, each in a process of its own."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from filelock import FileLock, Timeout
from rich.console import Console

from plmr.devices import devices
from plmr.errors import PlmrError
from plmr.io import explained
from plmr.studies.bench.data import load_parts
from plmr.studies.bench.progress import SuiteProgress
from plmr.studies.bench.results import (
    Folder,
    Planned,
    read_result,
    restore_results,
    run_key,
    write_results,
    write_suite,
)
from plmr.studies.bench.suite import Run, Suite

_POLL = 0.2


@dataclass(frozen=True)
class Failure:
    """A run that did not come to its end, why, and where its log is."""

    name: str
    reason: str
    log: Path


@dataclass
class Outcome:
    """What became of the runs of a suite.

    Attributes:
        folder: Where the results are.
        there: How many were there before.
        done: How many were done now.
        left: How many are for another time, not having been asked for.
        failed: Those that were not done though they were asked for.
    """

    folder: Path
    there: int = 0
    done: int = 0
    left: int = 0
    failed: list[Failure] = field(default_factory=list)


@dataclass
class _Child:
    planned: Planned
    process: subprocess.Popen[bytes]
    slot: int
    started: float = field(default_factory=time.monotonic)

    @property
    def seconds(self) -> float:
        return time.monotonic() - self.started


def run_suite(
    suite: Suite,
    output: str | Path,
    *,
    workers: int | None = None,
    device: str | None = None,
    threads: int = 1,
    only: Sequence[str] = (),
    console: Console | None = None,
) -> Outcome:
    """Do every run of a suite that is not done yet.

    A run that fails stops no other. When this is interrupted, or killed, the processes it has started end with it;
    what is done stays, and the next call goes on from there.

    Args:
        suite: What to run.
        output: Folder of the results.
        workers: Runs at once; default, one for each GPU, or for each core that `threads` leaves.
        device: `cpu`, `cuda`, `cuda:1`, …, `mps`; default, every GPU there is, else the CPU.
        threads: Threads of each run.
        only: Conditions like `encoder=gru`, of which a run has to meet one of each axis named. What is done already
            stays among the results in any case.
        console: Where progress goes; default, standard error.

    Raises:
        PlmrError: A condition cannot be met, texts cannot be loaded, a part shares texts and the suite forbids it, or
            the folder cannot be used.
    """
    console = console or Console(stderr=True, highlight=False, markup=False)
    asked = suite.choose(only)
    places = devices(device)
    n_workers = workers or default_workers(places, threads)
    planned = plan(suite, console)
    folder = Folder(Path(output))
    with explained(folder.path):
        folder.path.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(folder.path / ".lock", timeout=0):
            return _run_missing(suite, planned, asked, folder, n_workers, places, threads, console)
    except Timeout:
        raise PlmrError(f"{folder.path}: another plmr bench is at work there; wait for it or give --output.") from None


def plan(suite: Suite, console: Console) -> list[Planned]:
    """Load every dataset once, tell what should be known of its texts, and give each run its key."""
    digests: dict[str, dict[str, str]] = {}
    planned = []
    for run in suite.runs:
        if run.dataset not in digests:
            try:
                parts = load_parts(run.data, run.test)
            except PlmrError as error:
                raise PlmrError(f"{run.dataset}: {error}") from error
            digests[run.dataset] = parts.digests()
            for note in parts.notes:
                console.print(f"note: {run.dataset}: {note}", soft_wrap=True)
        planned.append(Planned(run, run_key(run, digests[run.dataset])))
    return planned


def default_workers(places: Sequence[str], threads: int) -> int:
    """One for each GPU; on the CPU as many as its cores have room for."""
    if places != ["cpu"]:
        return len(places)
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, cores // threads)


def _run_missing(
    suite: Suite,
    planned: Sequence[Planned],
    asked: Sequence[Run],
    folder: Folder,
    workers: int,
    places: Sequence[str],
    threads: int,
    console: Console,
) -> Outcome:
    for left in folder.path.glob("runs/*/scratch"):
        shutil.rmtree(left, ignore_errors=True)  # by a suite that was killed
    with explained(folder.path):
        restore_results(folder)
    outcome = Outcome(folder.path)
    keys = {each.key for each in planned}
    there = {key for key in keys if read_result(folder, key) is not None}
    waiting = {each.key: each for each in planned if each.key not in there and each.run in asked}
    outcome.there, outcome.left = len(there), len(keys - there - waiting.keys())
    write_suite(folder, suite, planned)
    write_results(folder, suite, planned)
    queue, running = list(waiting.values()), list[_Child]()
    with SuiteProgress(len(waiting), workers, console) as progress:
        try:
            while queue or running:
                while queue and len(running) < workers:
                    slot = next(number for number in range(workers) if number not in {c.slot for c in running})
                    running.append(_start(queue.pop(0), slot, folder, places[slot % len(places)], threads))
                for child in [child for child in running if child.process.poll() is not None]:
                    running.remove(child)
                    _finish(child, folder, outcome, progress)
                    write_results(folder, suite, planned)
                progress.update([child.seconds for child in running], len(queue))
                if running:
                    time.sleep(_POLL)
        finally:
            _end(running, folder)
    return outcome


def _start(planned: Planned, slot: int, folder: Folder, place: str, threads: int) -> _Child:
    """Start the process of a run, with the run on its input, which stays open for as long as it may live."""
    log, scratch = folder.log(planned.key), folder.scratch(planned.key)
    kind, _, index = place.partition(":")
    order = {
        "run": planned.run.to_dict(),
        "result": str(folder.result(planned.key)),
        "scratch": str(scratch),
        "device": kind,
        "threads": threads,
    }
    with explained(log):
        scratch.mkdir(parents=True, exist_ok=True)
        with log.open("wb") as stream:
            process = subprocess.Popen(
                [sys.executable, "-m", "plmr.studies.bench.one"],
                stdin=subprocess.PIPE,
                stdout=stream,
                stderr=stream,
                env=os.environ | _environment(kind, index, threads),
                start_new_session=True,  # an interrupt from the keyboard is for this process to pass on
            )
    assert process.stdin is not None
    with suppress(OSError):  # it has ended already; its log says why
        process.stdin.write(json.dumps(order).encode() + b"\n")
        process.stdin.flush()
    return _Child(planned, process, slot)


def _environment(kind: str, index: str, threads: int) -> dict[str, str]:
    count = str(threads)
    environment = {
        **dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "RAYON_NUM_THREADS"), count),
        "TOKENIZERS_PARALLELISM": "false",
        "TRANSFORMERS_VERBOSITY": os.environ.get("TRANSFORMERS_VERBOSITY", "error"),
    }
    if kind == "cuda":
        visible = [name for name in os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",") if name.strip()]
        environment["CUDA_VISIBLE_DEVICES"] = visible[int(index)] if visible else index
    elif kind == "cpu":
        environment["CUDA_VISIBLE_DEVICES"] = ""
    return environment


def _finish(child: _Child, folder: Folder, outcome: Outcome, progress: SuiteProgress) -> None:
    key, name = child.planned.key, child.planned.run.name
    _close(child, folder)
    result = read_result(folder, key)
    if child.process.returncode == 0 and result is not None:
        outcome.done += 1
        progress.done(name, child.seconds, result)
        return
    failure = Failure(name, _reason(child.process.returncode, folder.log(key)), folder.log(key))
    outcome.failed.append(failure)
    progress.failed(name, failure.reason)


def _reason(code: int, log: Path) -> str:
    """Why a process has failed, in one line."""
    if code < 0:
        ended = signal.Signals(-code).name if -code in set(signal.Signals) else str(-code)
        hint = ", as the system does when memory runs out" if ended == "SIGKILL" else ""
        return f"ended by {ended}{hint}"
    lines = [line.strip() for line in log.read_text(encoding="utf-8", errors="replace").splitlines() if line.strip()]
    return lines[-1].removeprefix("error: ") if lines else f"exit code {code}"


def _end(running: Sequence[_Child], folder: Folder) -> None:
    """End the processes that still run, and remove what they leave."""
    for child in running:
        child.process.kill()
    for child in running:
        child.process.wait()
        _close(child, folder)


def _close(child: _Child, folder: Folder) -> None:
    if child.process.stdin is not None:
        with suppress(OSError):  # a pipe whose other end is gone
            child.process.stdin.close()
    shutil.rmtree(folder.scratch(child.planned.key), ignore_errors=True)
