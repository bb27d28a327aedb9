"""A suite's figures in the layout of papers, with what a reader needs to judge them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from plmr.render.sheets import Group, Page, Sheet, SheetRow
from plmr.render.table import Cell as Shown
from plmr.studies.bench.summary import Cell, Figure, Result, best_two, cells, part_of
from plmr.studies.published import Published, citation, published_beside

MAIN = {"S": "sparsity", "ACC": "accuracy", "P": "precision", "R": "recall", "F1": "f1"}
MORE = {
    "F1": "f1",
    "macro F1": "macro_f1",
    "F1 ceiling": "ceiling",
    "random F1": "random",
    "bal. ACC": "balanced_accuracy",
    "majority": "majority_accuracy",
}
_BEST = {"accuracy", "precision", "recall", "f1", "macro_f1", "balanced_accuracy"}
_SPREAD = {*MAIN.values(), "macro_f1", "balanced_accuracy"}
"""Figures whose spread is shown; that of the others says nothing of a method."""
_BESIDE = 3
"""Datasets that stand side by side in a table."""
_MISSING = "–"


class _Footnotes:
    """Where published figures are from, each named once and numbered."""

    def __init__(self) -> None:
        self.origins: list[str] = []

    def number(self, row: Published) -> int:
        if row.origin not in self.origins:
            self.origins.append(row.origin)
        return self.origins.index(row.origin) + 1


def suite_page(results: Sequence[Result], suite: Mapping[str, Any]) -> Page:
    """The page of a suite.

    Args:
        results: Lines of `results.jsonl`.
        suite: The content of `suite.json`; empty where it is not there.
    """
    everything = cells(results)
    footnotes = _Footnotes()
    blocks = _blocks(everything)
    sheets = _main_sheets(blocks, footnotes)
    sheets += [_more_sheet(title, group) for title, group in blocks]
    findings = [sentence for title, group in blocks if (sentence := _finding(title, group))]
    name = suite.get("name") or (results[0].get("suite") if results else None) or "bench"
    note = suite.get("note") or (results[0].get("suite_note") if results else None)
    return Page(
        title=f"Suite {name}",
        intro=[*([f"{note}"] if note else []), _scored(results, everything)],
        sheets=sheets,
        findings=findings,
        notes=[*_notes(everything, footnotes, bool(findings)), *_notes_of_runs(results, suite)],
        made_with=_made_with(results),
    )


def _blocks(everything: Sequence[Cell]) -> list[tuple[str, list[Cell]]]:
    """The cells of each dataset and sparsity, in the order of the suite."""
    blocks: dict[tuple[str, float], list[Cell]] = {}
    for cell in everything:
        blocks.setdefault((cell.dataset, cell.sparsity), []).append(cell)
    return [(f"{dataset}, asked for S {_share(sparsity)}", group) for (dataset, sparsity), group in blocks.items()]


def _main_sheets(blocks: Sequence[tuple[str, list[Cell]]], footnotes: _Footnotes) -> list[Sheet]:
    """Datasets side by side, one table for their first sparsities, one for their second, …"""
    ranks: dict[int, list[tuple[str, list[Cell]]]] = {}
    seen: dict[str, int] = {}
    for title, group in blocks:
        dataset = group[0].dataset
        ranks.setdefault(seen.get(dataset, 0), []).append((title, group))
        seen[dataset] = seen.get(dataset, 0) + 1
    return [
        _main_sheet(row[start : start + _BESIDE], footnotes)
        for row in ranks.values()
        for start in range(0, len(row), _BESIDE)
    ]


def _main_sheet(blocks: Sequence[tuple[str, list[Cell]]], footnotes: _Footnotes) -> Sheet:
    groups = [group for _, group in blocks]
    several = len({cell.encoder for group in groups for cell in group}) > 1
    places = list(dict.fromkeys((cell.method, cell.encoder) for group in groups for cell in group))
    columns = [{(cell.method, cell.encoder): cell for cell in group} for group in groups]
    shown = [_column_cells(group, MAIN) for group in groups]
    empty = tuple(Shown(_MISSING, False) for _ in MAIN)
    rows = []
    for place in places:
        name = " · ".join(place) if several else place[0]
        rows.append(SheetRow(name, tuple(block.get(place, empty) for block in shown)))
        beside = [_published(column[place]) if place in column else None for column in columns]
        if any(beside):
            numbers = sorted({footnotes.number(row) for row in beside if row})
            title = f"  published [{', '.join(map(str, numbers))}]"
            rows.append(SheetRow(title, tuple(_quoted(row) if row else empty for row in beside), quoted=True))
    heads = [title for title, _ in blocks]
    alone = len(heads) == 1
    title = heads[0] if alone else "Rationales and labels"
    groups_shown = [Group("" if alone else head, tuple(MAIN)) for head in heads]
    return Sheet(f"{title} (%)", tuple(groups_shown), tuple(rows))


def _more_sheet(title: str, group: Sequence[Cell]) -> Sheet:
    several = len({cell.encoder for cell in group}) > 1
    shown = _column_cells(group, MORE)
    rows = []
    for cell in group:
        seeds, minutes, memory = Shown(str(len(cell.results)), False), cell.figure("minutes"), cell.figure("memory")
        cost = [f"{minutes.mean:.1f}" if minutes else _MISSING, f"{memory.mean:,.0f}" if memory else _MISSING]
        name = f"{cell.method} · {cell.encoder}" if several else cell.method
        place = (cell.method, cell.encoder)
        rows.append(SheetRow(name, ((seeds, *shown[place], *(Shown(text, False) for text in cost)),)))
    columns = ("seeds", *MORE, "minutes", "MiB")
    return Sheet(f"{title}: more figures (%)", (Group("", columns),), tuple(rows))


def _column_cells(group: Sequence[Cell], columns: Mapping[str, str]) -> dict[tuple[str, str], tuple[Shown, ...]]:
    """The figures of every cell as written; the best of a column marked, unless all read the same."""
    written: list[list[Shown]] = [[] for _ in group]
    for key in columns.values():
        figures = [cell.figure(key) for cell in group]
        means = [f"{100 * figure.mean:.1f}" for figure in figures if figure]
        best = max(means, key=float) if key in _BEST and len(set(means)) > 1 else None
        for row, figure in zip(written, figures, strict=True):
            row.append(Shown(_write(figure, key in _SPREAD), figure is not None and f"{100 * figure.mean:.1f}" == best))
    return {(cell.method, cell.encoder): tuple(row) for cell, row in zip(group, written, strict=True)}


def _write(figure: Figure | None, spread: bool) -> str:
    if figure is None:
        return _MISSING
    around = f" ± {100 * figure.spread:.1f}" if spread and figure.spread is not None else ""
    return f"{100 * figure.mean:.1f}{around}"


def _published(cell: Cell) -> Published | None:
    result = cell.results[0]
    source, encoder = result["data"]["source"], result["config"]["encoder"]
    return published_beside(
        cell.method, encoder, source.get("dataset", ""), cell.sparsity, source.get("aspect"), source.get("max_words")
    )


def _quoted(row: Published) -> tuple[Shown, ...]:
    values = (getattr(row, title) for title in MAIN)
    return tuple(Shown(_MISSING if value is None else f"{value:.1f}", False) for value in values)


def _scored(results: Sequence[Result], everything: Sequence[Cell]) -> str:
    part = part_of(results)
    which = (
        "Figures are of the test texts."
        if part == "test"
        else "Figures are of the validation texts; `test: true` in the suite adds those of the test texts."
    )
    spread = any(len(cell.results) > 1 for cell in everything)
    return which + (" ± is the standard deviation over seeds." if spread else "")


def _finding(title: str, group: Sequence[Cell]) -> str:
    compared = best_two(group)
    if compared is None:
        return ""
    best, second, difference = compared
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


def _place(cell: Cell) -> str:
    return f"{cell.method} on {cell.encoder}"


def _notes(everything: Sequence[Cell], footnotes: _Footnotes, compared: bool) -> list[str]:
    """How the figures are to be read."""
    notes = [
        "S is the share of words selected, ACC the accuracy of labels from rationales alone; P, R and F1 pool the "
        "words of all texts (micro), macro F1 is the mean over texts. F1 ceiling is the best F1 that S allows, random "
        "F1 that of as many words drawn at random, majority the accuracy of always giving the commonest label."
    ]
    if compared:
        notes.append(
            "Intervals and p of the two best methods are from a paired bootstrap over texts, with the counts of all "
            "seeds together: they say what other texts would change, not what other seeds would."
        )
    if any(cell.figure("f1") is None for cell in everything):
        notes.append("A dash in P, R and F1: nobody marked rationales in these texts.")
    if footnotes.origins:
        notes.append(f"Published figures, not measured here, are from {citation()}")
        notes += [f"[{number}] {origin}." for number, origin in enumerate(footnotes.origins, start=1)]
    counts = sorted({len(cell.results) for cell in everything})
    if len(counts) > 1:
        notes.append(f"Methods have between {counts[0]} and {counts[-1]} seeds: their means and spreads are not alike.")
    return notes


def _notes_of_runs(results: Sequence[Result], suite: Mapping[str, Any]) -> list[str]:
    """What the runs have told, and which are not done."""
    notes = []
    there = {result["key"] for result in results}
    missing = [run for run in suite.get("runs", ()) if run["key"] not in there]
    if missing:
        names = [f"{run['method']} on {run['encoder']} and {run['dataset']}, seed {run['seed']}" for run in missing]
        notes.append(f"Not done are {len(missing)} of the {len(suite['runs'])} runs: {_who(names)}.")
    said: dict[str, list[str]] = {}
    for result in results:
        for note in result.get("notes") or ():
            said.setdefault(note, []).append(f"{result['method']} on {result['dataset']}, seed {result['seed']}")
    notes += [f"{'All runs' if len(who) == len(results) else _who(who)}: {note}" for note, who in said.items()]
    told = {(result["method"], result["note"]) for result in results if result.get("note")}
    return [*notes, *(f"{method}: {note}" for method, note in sorted(told))]


def _who(who: Sequence[str]) -> str:
    return "; ".join(who[:3]) + (f" and {len(who) - 3} more" if len(who) > 3 else "")


def _made_with(results: Sequence[Result]) -> str:
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


def _share(share: float) -> str:
    return f"{100 * share:g} %"
