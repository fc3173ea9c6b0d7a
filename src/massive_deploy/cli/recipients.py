"""`secrets recipients`: whose keys open the inventory's secrets. No host is contacted."""

from __future__ import annotations

from typing import Annotated

import typer

from massive_deploy.cli.common import InventoryPath

app = typer.Typer(no_args_is_help=True, help="Whose keys open the secrets.")

Key = Annotated[str, typer.Argument(help="An age public key: age1…", metavar="KEY")]


@app.command("list")
def list_keys(inventory: InventoryPath) -> None:
    """List the public keys that open the secrets, and this user's."""
    from massive_deploy.inventory import open_inventory
    from massive_deploy.secrets import Secrets

    recipients, own = Secrets(open_inventory(inventory).folder).recipients, Secrets.own_key()
    for key in recipients.read():
        typer.echo(f"{key}  you" if key == own else key)
    if own not in recipients.read():
        typer.echo(f"your key, not among them: {own}", err=True)


@app.command("add")
def add(inventory: InventoryPath, key: Key) -> None:
    """Let a key open the secrets: encrypts them anew."""
    from massive_deploy.inventory import open_inventory
    from massive_deploy.secrets import Secrets

    secrets = Secrets(open_inventory(inventory).folder)
    typer.echo(f"added {key}" if secrets.admit(key) else f"{key} is there already")


@app.command("remove")
def remove(inventory: InventoryPath, key: Key) -> None:
    """Encrypt the secrets for everyone but this key."""
    from massive_deploy.inventory import open_inventory
    from massive_deploy.secrets import Secrets

    folder = open_inventory(inventory).folder
    Secrets(folder).expel(key)
    typer.echo(f"removed {key}; it may have read what there is, so next: massive-deploy secrets rotate {folder} '*'")
