"""`secrets`: make, look at, change and share the inventory's secrets. No host is contacted."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from massive_deploy.cli import recipients
from massive_deploy.cli.common import InventoryPath, matching
from massive_deploy.errors import InvalidInput, MassiveDeployError, Refused

if TYPE_CHECKING:
    from massive_deploy.inventory import Inventory
    from massive_deploy.secrets import Secrets

app = typer.Typer(no_args_is_help=True, help="Make, show, change and share the inventory's secrets.")
app.add_typer(recipients.app, name="recipients")

Names = Annotated[list[str], typer.Argument(help="Names or globs, such as redis/password or 'postgresql/*'.")]


def _open(inventory: InventoryPath) -> tuple[Inventory, Secrets]:
    from massive_deploy.inventory import open_inventory
    from massive_deploy.secrets import Secrets

    opened = open_inventory(inventory)
    secrets = Secrets(opened.folder)
    if not secrets.file.exists():
        raise MassiveDeployError(f"{opened.name} has no secrets yet", f"massive-deploy secrets init {opened.folder}")
    return opened, secrets


def _say(*lines: str) -> None:
    from massive_deploy.console import terminal

    out = terminal()
    for line in lines:
        out.print(line, markup=False)


def _then(opened: Inventory) -> str:
    folder = opened.folder
    return f"next: massive-deploy plan {folder} (shows what will restart), then: massive-deploy up {folder}"


@app.command("init")
def init(inventory: InventoryPath) -> None:
    """Make this user's key, recipients.txt, and every secret the inventory needs. Keeps what is there."""
    from massive_deploy import age_keys
    from massive_deploy.inventory import open_inventory
    from massive_deploy.operate.prepare import prepare
    from massive_deploy.secrets import MissingSecret, Secrets

    opened = open_inventory(inventory)
    if age_keys.require_identity():
        _say(f"wrote {age_keys.identity_file()}: this user's private key; keep a copy in a safe place")
    missing = ""
    try:
        secrets = prepare(opened).secrets
    except MissingSecret as error:
        secrets, missing = Secrets(opened.folder), f"{error.what}; next: {error.fix}"
        secrets("app/secret-key")
    changed = secrets.save()
    count = len(secrets.values())
    _say(f"{'wrote' if changed else 'nothing to add to'} {secrets.file}: {count} secrets")
    if missing:
        _say(missing)
    if changed:
        _say(f"next: keep {secrets.file.name} and {secrets.recipients.file.name} in version control")


@app.command("show")
def show(
    inventory: InventoryPath,
    names: Annotated[list[str] | None, typer.Argument(help="Names or globs; all when there is none.")] = None,
    *,
    reveal: Annotated[bool, typer.Option("--reveal", help="Print the values, too.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Reveal into a pipe or file, too.")] = False,
) -> None:
    """List the secrets by name."""
    _, secrets = _open(inventory)
    values = secrets.values()
    chosen = matching(names or [], values, "secret")
    if reveal and not yes and not sys.stdout.isatty():
        raise Refused("standard output is no terminal, so the values would go into a file or pipe", "add --yes")
    for name in chosen:
        typer.echo(f"{name}: {values[name]}" if reveal else name)


@app.command("edit")
def edit(inventory: InventoryPath) -> None:
    """Change secrets in $EDITOR, in a private file that is gone afterwards."""
    from massive_deploy.console import show_error
    from massive_deploy.secrets_edit import edit as in_editor

    def again(error: InvalidInput) -> bool:
        if not sys.stdin.isatty():
            return False
        show_error(error)
        return typer.confirm("Open the editor again?", default=True, err=True)

    opened, secrets = _open(inventory)
    changed, removed = in_editor(secrets, again)
    if not changed and not removed:
        _say("nothing was changed")
        return
    for what, listed in (("set", changed), ("removed", removed)):
        if listed:
            _say(f"{what}: {', '.join(listed)}")
    _say(_then(opened))


@app.command("certificate")
def certificate(
    inventory: InventoryPath,
    chain: Annotated[Path, typer.Argument(help="PEM file: the certificate first, then those that lead to its issuer.")],
    key: Annotated[Path, typer.Argument(help="PEM file with its private key, without a passphrase.")],
) -> None:
    """Keep a certificate that others issued, with its key, for `roles: nginx: tls: given`."""
    from massive_deploy.authority import ends, given, names_of, to_word
    from massive_deploy.certificates import SITE
    from massive_deploy.inventory import open_inventory
    from massive_deploy.secrets import Secrets

    opened = open_inventory(inventory)
    try:
        pair = given(*(path.read_text(encoding="ascii") for path in (chain, key)))
    except OSError as error:
        raise MassiveDeployError(f"{error.filename}: {error.strerror}", "give two PEM files") from error
    except ValueError as error:
        what = "it is no text" if isinstance(error, UnicodeDecodeError) else str(error)
        raise MassiveDeployError(f"{chain}, {key}: {what}", "give two PEM files: certificate (chain), key") from None
    secrets = Secrets(opened.folder)
    secrets.update({SITE: to_word(pair)})
    secrets.save()
    _say(f"kept as {SITE}: for {', '.join(names_of(pair)) or 'no name'}, until {ends(pair):%Y-%m-%d}", _then(opened))


@app.command("rotate")
def rotate(inventory: InventoryPath, names: Names) -> None:
    """Generate new values for these secrets; `up` brings them to the hosts."""
    opened, secrets = _open(inventory)
    chosen = matching(names, secrets.values(), "secret")
    secrets.rotate(chosen)
    secrets.save()
    _say(f"new values for {', '.join(chosen)}", _then(opened))
