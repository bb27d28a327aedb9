"""`plmr explain`: one text in the terminal with its rationale highlighted."""

from __future__ import annotations

from typing import Annotated

import typer

from plmr.cli.options import DeviceOption, MaxWordsOption, ModelArgument, SparsityDialOption, load_model


def explain(
    model: ModelArgument,
    text: Annotated[str, typer.Argument(metavar="TEXT", help="The text, in quotes.")],
    sparsity: SparsityDialOption = None,
    max_words: MaxWordsOption = None,
    device: DeviceOption = None,
) -> None:
    """Show a text with the words its label rests on.

    The highlighted words are all the model used for the label and its probability. Where the terminal has no
    colour they stand in [[double brackets]].

    Example:

    `plmr explain my-model "the hop smell was excellent" --max-words 2`
    """
    from rich.console import Console

    from plmr.render.terminal import show

    show(load_model(model, device)(text, sparsity=sparsity, max_words=max_words), Console())
