"""`plmr demo`: the paper's claim, seen in minutes."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def demo(
    output: Annotated[Path, typer.Option(metavar="DIR", help="Folder for the report and both models.")] = Path(
        "demo-report"
    ),
) -> None:
    """Train plain select-then-predict (RNP) and PLMR side by side, and compare what they select.

    Both start from the same small encoder and learn the same generated beer reviews, in which what is said
    of the other aspects mostly agrees with the label. After a few minutes on two cores there is a table, and
    a page that shows both methods' highlights beside the true ones.

    Example:

    `plmr demo --output demo-report`
    """
    from plmr.studies.demo import run_demo

    typer.echo(f"The report is {run_demo(output)}.")
