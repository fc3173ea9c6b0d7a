"""`graph`: the stack as a picture."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from massive_deploy.cli.common import InventoryPath
from massive_deploy.errors import MassiveDeployError


def graph(
    inventory: InventoryPath,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="File to write. Default: standard output.")
    ] = None,
    form: Annotated[str, typer.Option("--format", help="svg or mermaid.")] = "svg",
) -> None:
    """Draw the hosts, their roles and who talks to whom. Contacts no host."""
    from massive_deploy import graph as drawing
    from massive_deploy.inventory import open_inventory
    from massive_deploy.topology.edges import edges

    layout = open_inventory(inventory).layout
    draw = {"svg": drawing.svg, "mermaid": drawing.mermaid}.get(form)
    if draw is None:
        raise MassiveDeployError(f"no format '{form}'", "choose svg or mermaid")
    text = draw(layout, edges(layout))
    if output is None:
        typer.echo(text)
    else:
        output.write_text(text, encoding="utf-8")
