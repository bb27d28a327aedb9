"""`plmr bench`: a suite of runs, and the report of its figures."""

from __future__ import annotations

import re
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

from plmr.cli.options import Command
from plmr.errors import PlmrError
from plmr.io import atomic_path

if TYPE_CHECKING:
    from plmr.render.sheets import Page
    from plmr.studies.bench import Outcome

RESULTS = Path("bench-results")
_HELP = ("-h", "--help")


class _Bench(TyperGroup):
    """Takes `plmr bench SUITE` for `plmr bench run SUITE`."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        if args and args[0] not in self.commands and args[0] not in _HELP:
            args = ["run", *args]
        return super().parse_args(ctx, args)


class Form(str, Enum):
    """The forms of a report."""

    terminal = "terminal"
    markdown = "markdown"
    latex = "latex"
    html = "html"


bench = typer.Typer(cls=_Bench, no_args_is_help=True, rich_markup_mode="markdown")


@bench.callback()
def _about() -> None:
    """Train methods side by side, as a file says, and report their figures.

    A suite is a YAML file: methods × encoders × datasets × sparsities × seeds. `plmr bench SUITE` does every run that
    is not done yet; `plmr bench report` prints what was found.

    Examples:

    `plmr bench suite.yaml`

    `plmr bench report`
    """


@bench.command(cls=Command)
def run(
    suite: Annotated[Path, typer.Argument(metavar="SUITE", help="The YAML file.")],
    output: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Folder of the results. Default: bench-results/ and the name of the suite."),
    ] = None,
    data_dir: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Folder of the published files of datasets for which the suite names none."),
    ] = None,
    workers: Annotated[
        int | None, typer.Option(metavar="N", min=1, help="Runs at once. Default: one for each GPU, or for each core.")
    ] = None,
    device: Annotated[
        str | None, typer.Option(metavar="NAME", help="cpu, cuda, cuda:1, … or mps. Default: all GPUs, else cpu.")
    ] = None,
    threads: Annotated[int, typer.Option(metavar="N", min=1, help="Threads of each run on the CPU.")] = 1,
    only: Annotated[
        list[str] | None,
        typer.Option(
            metavar="AXIS=VALUE",
            help="Only the runs of this method, encoder, dataset, sparsity or seed, as encoder=gru. May be repeated.",
        ),
    ] = None,
) -> None:
    """Do every run of a suite that is not done yet.

    Each run is a process of its own. One that fails stops no other: it is told at the end, with its log. A suite that
    was interrupted goes on with the same command; a run is done again only when what its figures depend on has changed.

    Ends with exit code 1 when a run has failed.

    Examples:

    `plmr bench run suite.yaml`

    `plmr bench run suite.yaml --output results --workers 2 --data-dir beer`

    `plmr bench run suite.yaml --only encoder=gru --only seed=0`
    """
    from plmr.studies.bench import load_suite, run_suite

    planned = load_suite(suite, data_dir)
    folder = output or RESULTS / re.sub(r"[^\w.-]+", "-", planned.name)
    _tell(run_suite(planned, folder, workers=workers, device=device, threads=threads, only=only or ()))


@bench.command(cls=Command)
def report(
    folder: Annotated[
        Path | None,
        typer.Argument(metavar="[DIR]", help="Folder of results. Default: the last one written to bench-results/."),
    ] = None,
    form: Annotated[Form, typer.Option("--format", help="Of the report.")] = Form.terminal,
    output: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write it to this file, instead of showing it.")
    ] = None,
) -> None:
    """Report the figures of a suite, with published ones beside them.

    Mean and spread over seeds; F1 over all words and per text, its ceiling and that of random words; a paired bootstrap
    of the best two methods of each dataset. The LaTeX needs the package booktabs.

    Examples:

    `plmr bench report`

    `plmr bench report bench-results/suite --format html --output report.html`
    """
    from plmr.studies.bench import Folder, read_results
    from plmr.studies.bench.report import suite_page

    folder = folder or _last()
    results, suite = read_results(Folder(folder))
    if not results:
        raise PlmrError(f"{folder}: no run of this suite is done yet; run it, or see the logs in {folder / 'runs'}.")
    page = suite_page(results, suite)
    if output is None and form is Form.terminal:
        _show(page)
        return
    text = _written(page, form)
    if output is None:
        typer.echo(text, nl=False)
        return
    with atomic_path(output) as aside:
        aside.write_text(text, encoding="utf-8")
    typer.echo(f"The report is {output}.", err=True)


def _tell(outcome: Outcome) -> None:
    counts = [
        (outcome.done, "done now"),
        (outcome.there, "done before"),
        (outcome.left, "left for later"),
        (len(outcome.failed), "failed"),
    ]
    typer.echo(f"Runs: {', '.join(f'{count} {what}' for count, what in counts if count) or 'none'}.")
    for failure in outcome.failed:
        typer.echo(f"failed: {failure.name}: {failure.reason} The log is {failure.log}.")
    typer.echo(f"The results are in {outcome.folder}. Try: plmr bench report {outcome.folder}")
    if outcome.failed:
        raise typer.Exit(1)


def _last() -> Path:
    """The folder of results that was written last."""
    found = list(RESULTS.glob("*/results.jsonl"))
    if not found:
        raise PlmrError(f"There are no results in {RESULTS}; run a suite by plmr bench SUITE, or name the folder.")
    return max(found, key=lambda path: path.stat().st_mtime).parent


def _written(page: Page, form: Form) -> str:
    from plmr.render.sheets import page_html, page_latex, page_markdown, page_text

    writers = {Form.markdown: page_markdown, Form.latex: page_latex, Form.html: page_html}
    return page_text(page).plain if form is Form.terminal else writers[form](page)


def _show(page: Page) -> None:
    from rich.console import Console

    from plmr.render.sheets import page_text

    Console(highlight=False, markup=False).print(page_text(page), soft_wrap=True, end="")
