"""Pages that are the same for everybody, made by the project once and put on every edge host as files."""

from __future__ import annotations

import shlex
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from massive_deploy.engine.step import Step
from massive_deploy.environment import PACKED, PRERENDERED
from massive_deploy.errors import HostsFailed, Refused

if TYPE_CHECKING:
    from collections.abc import Sequence

    from massive_deploy.engine.transport import OnStep
    from massive_deploy.inventory import Inventory
    from massive_deploy.operate.observe import Session
    from massive_deploy.topology.layout import Layout

ARCHIVE = f"{PACKED}/prerender.tar.gz"
_MAKE = """
set -eu
umask 022
made=$(mktemp -d)
trap 'rm -rf "$made"' EXIT
chown app: "$made"
manage prerender --root "$made" "$@"
umask 077
tar --create --gzip --directory="$made" --file="$archive" .
"""
# Each file takes its place as a whole; whoever asks meanwhile gets the old page or the new one. nginx compresses none:
# what it sends to those who take gzip lies beside each.
_PUT = """
set -eu
umask 022
new=$(mktemp -d "$folder.XXXXXX")
trap 'rm -rf "$new"' EXIT
tar --extract --gzip --no-same-owner --no-same-permissions --directory="$new" --file="$ARTIFACT"
cd "$new"
find . -type f -name index.html | while read -r file; do
    mkdir -p "$folder/${file%/*}"
    cp "$file" "$folder/${file%/*}/.new"
    gzip -9 -n -c "$file" >"$folder/${file%/*}/.new.gz"
    mv -f "$folder/${file%/*}/.new" "$folder/$file"
    mv -f "$folder/${file%/*}/.new.gz" "$folder/$file.gz"
done
[ "$prune" = yes ] || exit 0
cd "$folder"
find . -type f -name index.html | while read -r file; do [ -e "$new/$file" ] || rm -f "$file" "$file.gz"; done
find . -mindepth 1 -type d -empty -delete
"""


def hosts(layout: Layout) -> tuple[str, ...]:
    """Names the site is asked by: its domains, or the edge hosts' addresses where it has none.

    Raises:
        Refused: there are only domains with a wildcard, of which no page can be kept.
    """
    domains = layout.topology.app.domains
    if not domains:
        return tuple(host.address for host in layout.running("nginx"))
    names = tuple(domain for domain in domains if not domain.startswith("*"))
    if not names:
        raise Refused("all of app.domains are wildcards: pages are kept by whole host names", "add one to app.domains")
    return names


def prerender(opened: Session, inventory: Inventory, paths: Sequence[str], on_step: OnStep) -> tuple[str, ...]:
    """Make the pages on the first app host and put them on every edge host; the edge hosts' names.

    With no paths: those the project lists, and files of others are removed from the edge.

    Raises:
        HostsFailed: a page was refused or an edge host failed. Before all pages are made no edge host is touched.
    """
    layout = inventory.layout
    words = [word for name in hosts(layout) for word in ("--host", name)]
    words += ["--scheme", "https" if layout.https else "http", "--", *paths]
    builder = layout.running("app")[0].name
    edges = tuple(host.name for host in layout.running("nginx"))
    make = f"archive={ARCHIVE}\nset -- {shlex.join(words)}\n{_MAKE}"
    put = f"folder={PRERENDERED}\nprune={'no' if paths else 'yes'}\n{_PUT}"
    with TemporaryDirectory() as scratch:
        archive = Path(scratch) / "prerender.tar.gz"
        made = Step("app", "pages made", make, timeout=600, download=(ARCHIVE, archive))
        _perform(opened, {builder: [made]}, on_step)
        _perform(opened, {host: [Step("nginx", "pages put in place", put, upload=archive)] for host in edges}, on_step)
    return edges


def _perform(opened: Session, steps: dict[str, list[Step]], on_step: OnStep) -> None:
    if failures := opened.fleet.perform(steps, on_step):
        raise HostsFailed(failures)
