"""A suite's figures in the layout of papers, with what a reader needs to judge them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from plmr.render.sheets import Group, Page, Sheet, SheetRow
from plmr.render.table import Cell as Shown
from plmr.studies.bench.notes import (
    Footnotes,
    finding,
    made_with,
    notes_of_figures,
    notes_of_runs,
    scored,
    share,
    share_missed,
)
from plmr.studies.bench.summary import Cell, Figure, Result, best_two, cells
from plmr.studies.published import Published, published_beside

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


def suite_page(results: Sequence[Result], suite: Mapping[str, Any]) -> Page:
    """The page of a suite.

    Args:
        results: Lines of `results.jsonl`.
        suite: The content of `suite.json`; empty where it is not there.
    """
    everything = cells(results)
    footnotes = Footnotes()
    blocks = _blocks(everything)
    sheets = _main_sheets(blocks, footnotes)
    sheets += [_more_sheet(title, group) for title, group in blocks]
    compared = [(title, best) for title, group in blocks if (best := best_two(group))]
    name = suite.get("name") or (results[0].get("suite") if results else None) or "bench"
    note = suite.get("note") or (results[0].get("suite_note") if results else None)
    return Page(
        title=f"Suite {name}",
        intro=[*([f"{note}"] if note else []), *_encoder(everything), scored(results, everything)],
        sheets=sheets,
        findings=[
            *(finding(title, best) for title, best in compared),
            *(share_missed(title, cell) for title, group in blocks for cell in group if cell.far_off),
        ],
        notes=[
            *notes_of_figures(everything, footnotes, [best for _, best in compared]),
            *notes_of_runs(results, suite),
        ],
        made_with=made_with(results),
    )


def _encoder(everything: Sequence[Cell]) -> list[str]:
    """The encoder, where there is one for all, which no table names then."""
    encoders = {cell.encoder for cell in everything}
    return [f"All runs are on the encoder {encoder}." for encoder in encoders if len(encoders) == 1]


def _blocks(everything: Sequence[Cell]) -> list[tuple[str, list[Cell]]]:
    """The cells of each dataset and sparsity, in the order of the suite."""
    blocks: dict[tuple[str, float], list[Cell]] = {}
    for cell in everything:
        blocks.setdefault((cell.dataset, cell.sparsity), []).append(cell)
    return [(f"{dataset}, asked for S {share(sparsity)}", group) for (dataset, sparsity), group in blocks.items()]


def _main_sheets(blocks: Sequence[tuple[str, list[Cell]]], footnotes: Footnotes) -> list[Sheet]:
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


def _main_sheet(blocks: Sequence[tuple[str, list[Cell]]], footnotes: Footnotes) -> Sheet:
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
            marks = tuple(
                str(footnotes.number(row, _family(column[place]))) if row else ""
                for row, column in zip(beside, columns, strict=True)
            )
            figures = tuple(_quoted(row) if row else empty for row in beside)
            rows.append(SheetRow("  published", figures, quoted=True, marks=marks))
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
    columns = ("seeds", *MORE, *_cost_titles(group))
    return Sheet(f"{title}: more figures (%)", (Group("", columns),), tuple(rows))


def _cost_titles(group: Sequence[Cell]) -> tuple[str, str]:
    """Of the columns of time and memory; plain ones where runs of several kinds of devices stand in one table."""
    devices = {result["device"] for cell in group for result in cell.results}
    if len(devices) > 1:
        return "minutes", "MiB"
    return "CPU minutes" if devices == {"cpu"} else "minutes", "GPU MiB" if devices == {"cuda"} else "RAM MiB"


def _column_cells(group: Sequence[Cell], columns: Mapping[str, str]) -> dict[tuple[str, str], tuple[Shown, ...]]:
    """The figures of every cell as written; the best of a column marked, unless all read the same.

    None that missed the share asked for is the best.
    """
    written: list[list[Shown]] = [[] for _ in group]
    held = [not cell.far_off for cell in group]
    for key in columns.values():
        figures = [cell.figure(key) for cell in group]
        means = [
            f"{100 * figure.mean:.1f}" if figure and fits else None for figure, fits in zip(figures, held, strict=True)
        ]
        told = {reads for reads in means if reads is not None}
        best = max(told, key=float) if key in _BEST and len(told) > 1 else None
        for row, figure, reads in zip(written, figures, means, strict=True):
            row.append(Shown(_write(figure, key in _SPREAD), best is not None and reads == best))
    return {(cell.method, cell.encoder): tuple(row) for cell, row in zip(group, written, strict=True)}


def _write(figure: Figure | None, spread: bool) -> str:
    if figure is None:
        return _MISSING
    around = f" ± {100 * figure.spread:.1f}" if spread and figure.spread is not None else ""
    return f"{100 * figure.mean:.1f}{around}"


def _published(cell: Cell) -> Published | None:
    """The published row to stand beside a cell; all of them are of test texts, so none beside validation figures."""
    if cell.part != "test":
        return None
    result = cell.results[0]
    source, encoder = result["data"]["source"], result["config"]["encoder"]
    return published_beside(
        cell.method, encoder, source.get("dataset", ""), cell.sparsity, source.get("aspect"), source.get("max_words")
    )


def _family(cell: Cell) -> str | None:
    """Which of a dataset's files a cell's texts are from."""
    source = cell.results[0]["data"]["source"]
    default = "decorrelated" if source.get("dataset") == "beer" else None  # that of `load_beer`
    return source.get("family", default)


def _quoted(row: Published) -> tuple[Shown, ...]:
    values = (getattr(row, title) for title in MAIN)
    return tuple(Shown(_MISSING if value is None else f"{value:.1f}", False) for value in values)
