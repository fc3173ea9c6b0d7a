"""`explain`: what a setting means."""

from __future__ import annotations

from typing import Annotated

import typer


def explain(
    path: Annotated[
        str, typer.Argument(help="Dotted path, such as failover.max_lag or roles.pgbouncer.pool_mode.")
    ] = "",
) -> None:
    """Show a setting's description, type, default and range."""
    from massive_deploy.roles import catalogue
    from massive_deploy.topology.explain import explain as text

    typer.echo(text(path, {name: role.Settings for name, role in catalogue().items()}))
