"""`plmr demo`: RNP and PLMR side by side, in minutes."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from plmr.cli.options import hide_loading_bars


def demo(
    output: Annotated[
        Path, typer.Option(metavar="DIR", help="Folder for the report, the figures and PLMR's model.")
    ] = Path("demo-report"),
) -> None:
    """Train select-then-predict (RNP) and PLMR side by side, and compare what they select.

    Both start from the same small encoder and learn the same generated beer reviews, in which what is said
    of the other aspects mostly agrees with the label. After a few minutes on two cores there is a table, and
    a page that shows both methods' highlights beside the true ones.

    Example:

    `plmr demo --output demo-report`
    """
    from rich.console import Console

    from plmr.studies.demo import run_demo

    hide_loading_bars()
    console = Console(highlight=False, markup=False)
    result = run_demo(output, console=console)
    console.print(f"The report is {result.report}; open it in a browser.", soft_wrap=True)
    sentence = "i tried it at home, and the aroma on this one is lovely"
    console.print(f'The PLMR model is in {result.model}. Try: plmr explain {result.model} "{sentence}"', soft_wrap=True)
