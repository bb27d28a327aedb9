"""The command line: one thin file per command."""

from __future__ import annotations

import logging
import os
import warnings
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from plmr.__about__ import __version__
from plmr.cli.bench import bench
from plmr.cli.compare import compare
from plmr.cli.demo import demo
from plmr.cli.evaluate import evaluate
from plmr.cli.explain import explain
from plmr.cli.export import export
from plmr.cli.methods import methods
from plmr.cli.options import Command
from plmr.cli.predict import predict
from plmr.cli.train import train
from plmr.errors import PlmrError, io_error

_AFTER_INTERRUPT = {
    "train": " The same command with --resume goes on from the last checkpoint.",
    "demo": " Nothing was kept; the same command starts again.",
    "bench": " What is done is kept; the same command goes on from there.",
    "predict": " No output was written; the same command starts again.",
}


class _Commands(TyperGroup):
    """Turns whatever the user can mend into one line and an exit code."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except PlmrError as error:
            message, code = f"error: {error}", 2
        except BrokenPipeError:
            raise  # the reader of a pipe has seen enough; Typer ends quietly
        except OSError as error:
            message, code = f"error: {io_error(error.filename or 'the operating system', error)}", 2
        except KeyboardInterrupt:
            message, code = f"Interrupted.{_AFTER_INTERRUPT.get(ctx.invoked_subcommand, '')}", 130
        typer.echo(message, err=True)
        raise typer.Exit(code)


app = typer.Typer(
    name="plmr",
    cls=_Commands,
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="markdown",
    pretty_exceptions_show_locals=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command(cls=Command)(train)
app.command(cls=Command)(evaluate)
app.command(cls=Command)(predict)
app.command(cls=Command)(explain)
app.command(cls=Command)(compare)
app.command(cls=Command)(export)
app.add_typer(bench, name="bench")
app.command(cls=Command)(methods)
app.command(cls=Command)(demo)


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"plmr {__version__}")
        raise typer.Exit


@app.callback()
def _start(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Classify texts and show the words each label rests on.

    A typical first session, from training to a look at the result:

    `plmr train --data train.jsonl --output my-model`

    `plmr evaluate my-model --data test.jsonl`

    `plmr explain my-model "the hop smell was excellent"`

    No data at hand? `plmr demo` compares two methods on reviews it generates.
    """


def _calm_down_others() -> None:
    """Leave the terminal to this package: what others log or warn their callers of is not for its users."""
    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
    os.environ.setdefault("HF_HUB_VERBOSITY", "error")
    os.environ.setdefault("DATASETS_VERBOSITY", "critical")  # its errors are raised as well as logged
    logging.getLogger("plmr").addHandler(logging.StreamHandler())
    warnings.simplefilter("ignore")
    warnings.filterwarnings("default", module=r"plmr\b")
    warnings.formatwarning = lambda message, *_, **__: f"warning: {message}\n"


def main() -> None:
    """Run the command line and leave with its exit code.

    0 done, 1 a run of a suite has failed, 2 bad input, 130 interrupted.
    """
    _calm_down_others()
    app()
