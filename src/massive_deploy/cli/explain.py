"""`explain`: what a setting means."""

from __future__ import annotations

from typing import Annotated

import typer


def explain(
    path: Annotated[
        str, typer.Argument(help="Dotted path, such as failover.max_lag or roles.pgbouncer.pool_mode.")
    ] = "",
    *,
    markdown: Annotated[bool, typer.Option("--markdown", help="The reference of all settings.")] = False,
) -> None:
    """Show a setting's description, type, default and range, and what of the talk it comes from."""
    from massive_deploy.roles import settings as settings_of_roles

    settings = settings_of_roles()
    if markdown:
        from massive_deploy.topology.reference import reference

        typer.echo(reference(settings), nl=False)
        return
    from massive_deploy.topology.explain import explain as look_up

    found = look_up(path, settings)
    typer.echo(f"{found.path or 'topology.yaml'}: {found.description}")
    said = (("type", found.type), ("range", found.range), ("default", found.default), ("the talk:", found.talk))
    for name, text in said:
        if text:
            typer.echo(f"  {name:<8} {text}")
    for name, text in found.fields.items():
        typer.echo(f"  {name}: {' '.join(text.split())}")
