"""`ca`: the certificate of the stack's own authority."""

from __future__ import annotations

import typer

from massive_deploy.cli.common import InventoryPath


def ca(inventory: InventoryPath) -> None:
    """Print the certificate (PEM) of the stack's own authority, to be imported where it must be trusted.

    Makes the authority when there is none yet. Contacts no host.
    """
    from massive_deploy.certificates import Kept
    from massive_deploy.inventory import open_inventory
    from massive_deploy.secrets import Secrets

    opened = open_inventory(inventory)
    secrets = Secrets(opened.folder)
    pem = Kept(secrets, opened.name).certificates().authority()
    secrets.save()
    typer.echo(pem, nl=False)
