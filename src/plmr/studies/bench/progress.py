"""How far a suite has come: a line that keeps up to date in a terminal, and one for every run that ends."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from types import TracebackType
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn


class SuiteProgress:
    """Tells every run that ends, how many are left, and the time these will take if they are like those before.

    Args:
        total: Runs to do.
        workers: Runs at once.
        console: Where to.
    """

    def __init__(self, total: int, workers: int, console: Console):
        self.workers = workers
        self.console = console
        self._took: list[float] = []
        self._left = total
        self._line = Progress(
            TextColumn("runs"),
            BarColumn(20),
            MofNCompleteColumn(),
            TextColumn("{task.fields[said]}", markup=False),
            console=console,
            disable=not console.is_terminal or not total,
            refresh_per_second=2,
        )
        self._task = self._line.add_task("runs", total=total, said="")

    def __enter__(self) -> SuiteProgress:
        self._line.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._line.stop()

    def update(self, running: Sequence[float], waiting: int) -> None:
        """Keep the line up to date.

        Args:
            running: Seconds since each of the runs that are at work has started.
            waiting: Runs not started.
        """
        self._left = waiting + len(running)
        said = f"{len(running)} at work"
        if self._took and self._left:
            usual = sum(self._took) / len(self._took)
            rest = usual * waiting + sum(max(0.0, usual - seconds) for seconds in running)
            said += f" · about {_clock(rest / min(self.workers, self._left))} left"
        self._line.update(self._task, said=said)

    def done(self, name: str, seconds: float, result: Mapping[str, Any]) -> None:
        """Tell a run that is done, with its validation figures."""
        self._took.append(seconds)
        report = result["validation"]
        figures = [("F1", (report["word"] or {}).get("micro_f1")), ("accuracy", report["classification"]["accuracy"])]
        told = ", ".join(f"{title} {value:.1%}" for title, value in figures if value is not None)
        self._tell(f"done    {name}: {told} on validation texts, {_clock(seconds)}")

    def failed(self, name: str, reason: str) -> None:
        """Tell a run that has failed."""
        self._tell(f"failed  {name}: {reason}")

    def _tell(self, text: str) -> None:
        self._line.advance(self._task)
        self.console.print(text, soft_wrap=True)


def _clock(seconds: float) -> str:
    return str(timedelta(seconds=round(seconds)))
