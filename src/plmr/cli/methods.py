"""`plmr methods`: the frameworks there are."""

from __future__ import annotations

from typing import Annotated

import typer


def methods(
    name: Annotated[str | None, typer.Argument(metavar="[NAME]", help="A method, to see its options.")] = None,
) -> None:
    """List every method that `plmr train --method` takes, or the options of one.

    Options are set like any setting, by `plmr train --set`. What all methods share, such as the sampler and the
    weights of sparsity and continuity, is in RationaleConfig.

    Examples:

    `plmr methods`

    `plmr methods mcd`
    """
    from dataclasses import fields

    from plmr.methods import find_method, summaries
    from plmr.presets import VARIANTS

    if name is None:
        lines = list(summaries().items())
        # In two columns of their own: with names as long as those of variants in front, lines would not fit.
        _print([line for line in lines if line[0] not in VARIANTS])
        _print([line for line in lines if line[0] in VARIANTS])
        return
    method = find_method(name)
    typer.echo(summaries()[name])
    if name in VARIANTS:
        fixed = VARIANTS[name].settings
        _print(
            [(f"{key}={value}", f"Fixed; else a setting of {VARIANTS[name].method}.") for key, value in fixed.items()]
        )
    _print([(f"{o.name}={o.default}", o.metadata["explanation"]) for o in fields(method.options_class)])


def _print(rows: list[tuple[str, str]]) -> None:
    width = max((len(name) for name, _ in rows), default=0)
    for name, meaning in rows:
        typer.echo(f"{name:<{width}}  {meaning}")
