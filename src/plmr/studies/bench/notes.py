"""What a reader needs to judge a suite's figures: findings, footnotes, what the runs have told."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from plmr.studies.bench.summary import Cell, Comparison, Result, part_of
from plmr.studies.published import Published, citation


class Footnotes:
    """Where published figures are from and what tells them from ours, each said once and numbered."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def number(self, row: Published, family: str | None) -> int:
        """The number of the footnote to a published row.

        Args:
            row: The row.
            family: Of the files that it stands beside.
        """
        said = row.origin + row.difference(family)
        if said not in self.said:
            self.said.append(said)
        return self.said.index(said) + 1


def scored(results: Sequence[Result], everything: Sequence[Cell]) -> str:
    """Which texts are scored."""
    part = part_of(results)
    which = (
        "Figures are of the test texts."
        if part == "test"
        else "Figures are of the validation texts; `test: true` in the suite adds those of the test texts, and the "
        "published ones, which are of test texts."
    )
    spread = any(len(cell.results) > 1 for cell in everything)
    return which + (" ± is the standard deviation over seeds." if spread else "")


def finding(title: str, compared: Comparison) -> str:
    """What the comparison of the two best methods says, and what speaks against it."""
    best, second, difference, _ = compared
    names = [cell.method if best.encoder == second.encoder else _place(cell) for cell in (best, second)]
    spreads = (figure.spread for cell in (best, second) if (figure := cell.figure("f1")) and figure.spread is not None)
    doubts = ["Other texts could turn the order."] if difference.p_value >= 0.05 else []
    doubts += ["Seeds spread by more than that."] if max(spreads, default=0.0) > difference.difference else []
    told = (
        f"{title}: {names[0]} is {100 * difference.difference:.1f} points of F1 above {names[1]} (95% interval "
        f"{100 * difference.low:.1f} to {100 * difference.high:.1f}, p = {difference.p_value:.1g}, "
        f"{difference.n_texts:,} texts)."
    )
    return " ".join([told, *doubts])


def share_missed(title: str, cell: Cell) -> str:
    """That runs of a cell selected far more or far less than was asked for."""
    shares = ", ".join(f"{100 * found:.1f} % with seed {seed}" for seed, found in cell.far_off.items())
    return f"{title}: {_place(cell)} selects {shares}. Its figures say nothing of the method at the share asked for."


def _place(cell: Cell) -> str:
    return f"{cell.method} on {cell.encoder}"


def notes_of_figures(everything: Sequence[Cell], footnotes: Footnotes, compared: Sequence[Comparison]) -> list[str]:
    """How the figures are to be read."""
    notes = [
        "S is the share of words selected, ACC the accuracy of labels from rationales alone; P, R and F1 pool the "
        "words of all texts (micro), macro F1 is the mean over texts. F1 ceiling is the best F1 that S allows, random "
        "F1 that of as many words drawn at random, majority the accuracy of always giving the commonest label."
    ]
    if compared:
        notes.append(
            "Intervals and p of the two best methods are from a paired bootstrap over texts, with the counts of all "
            "seeds together: they say what other texts would change, not what other seeds would. F1 of these counts "
            "can differ a little from the mean over seeds in the tables."
        )
        notes += _chosen(compared)
    notes.append(_costs(everything))
    if any(cell.figure("f1") is None for cell in everything):
        notes.append("A dash in P, R and F1: nobody marked rationales in these texts.")
    if footnotes.said:
        notes.append(f"Published figures, not measured here, are from {citation()}")
        notes += [f"[{number}] {said}." for number, said in enumerate(footnotes.said, start=1)]
    counts = sorted({len(cell.results) for cell in everything})
    if len(counts) > 1:
        notes.append(f"Methods have between {counts[0]} and {counts[-1]} seeds: their means and spreads are not alike.")
    return notes


def _chosen(compared: Sequence[Comparison]) -> list[str]:
    """That the best of several were chosen by the figures that then judge them."""
    counts = sorted({each.chosen_from for each in compared})
    if counts[-1] == 2:
        return []
    several = " to ".join(map(str, dict.fromkeys((counts[0], counts[-1]))))
    return [
        f"The two were chosen by these same figures as the best of {several}, which makes the interval too narrow and "
        "p too small."
    ]


def _costs(everything: Sequence[Cell]) -> str:
    """What minutes and MiB are of."""
    devices = {result["device"] for cell in everything for result in cell.results}
    told = {
        "cpu": "CPU time of the training and the peak memory of the process for runs on a CPU",
        "cuda": "time on the clock of the training and the GPU's peak memory for runs on a GPU",
        "mps": "time on the clock of the training and the peak memory of the process for runs on mps",
    }
    return f"Minutes and MiB are {'; '.join(told[device] for device in told if device in devices)}."


def notes_of_runs(results: Sequence[Result], suite: Mapping[str, Any]) -> list[str]:
    """What the runs have told, and which are not done."""
    notes = []
    there = {result["key"] for result in results}
    missing = [run for run in suite.get("runs", ()) if run["key"] not in there]
    if missing:
        names = _who([_name(run) for run in missing])
        notes.append(f"Not done are {len(missing)} of the {len(suite['runs'])} runs: {names}.")
    said: dict[str, list[str]] = {}
    for result in results:
        for note in result.get("notes") or ():
            said.setdefault(note, []).append(_name(result))
    notes += [f"{'All runs' if len(who) == len(results) else _who(who)}: {note}" for note, who in said.items()]
    told = {
        (result[axis], result[key])
        for axis, key in (("method", "note"), ("encoder", "encoder_note"))
        for result in results
        if result.get(key)
    }
    return [*notes, *(f"{label}: {note}" for label, note in sorted(told))]


def _name(run: Mapping[str, Any]) -> str:
    """The run and no other."""
    place = f"{run['method']} on {run['encoder']} and {run['dataset']}"
    return f"{place}, asked for S {share(run['sparsity'])}, seed {run['seed']}"


def _who(who: Sequence[str]) -> str:
    return "; ".join(who[:3]) + (f" and {len(who) - 3} more" if len(who) > 3 else "")


def made_with(results: Sequence[Result]) -> str:
    """Code, machines and time that the figures are from."""
    if not results:
        return ""
    codes = {_code(result["code"]) for result in results}
    places = {
        f"{result['machine']['gpu'] if result['device'] == 'cuda' else result['machine']['cpu']}, "
        f"{result['threads']} thread{'s' * (result['threads'] > 1)}"
        for result in results
    }
    seconds, cpu = (sum(result[key] for result in results) for key in ("seconds", "cpu_seconds"))
    return (
        f"{len(results)} runs, {timedelta(seconds=round(seconds))} of training, {timedelta(seconds=round(cpu))} of CPU "
        f"time. {'; '.join(sorted(codes))}. {'; '.join(sorted(places))}."
    )


def _code(code: Mapping[str, Any]) -> str:
    versions = ", ".join(f"{name} {version}" for name, version in code["versions"].items())
    commit = code.get("commit")
    if not commit:
        return versions
    return f"{versions}, commit {commit['id'][:10]}{' with changes' if commit['changed'] else ''}"


def share(value: float) -> str:
    """A share in percent."""
    return f"{100 * value:g} %"
