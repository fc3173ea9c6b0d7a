"""What happens to data the user gave up by name: it is moved aside on its host, never deleted."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING

from massive_deploy.engine.probe import STATE
from massive_deploy.errors import HostFailure, HostsFailed
from massive_deploy.operate.guards import endangered
from massive_deploy.shell import assignments

if TYPE_CHECKING:
    from massive_deploy.engine.narrow import Selection
    from massive_deploy.engine.observed import Observed
    from massive_deploy.operate.observe import Session
    from massive_deploy.operate.prepare import Prepared
    from massive_deploy.targets import Say

FORGET = """
command -v etcdctl >/dev/null || exit 0
IFS= read -r ETCDCTL_PASSWORD
export ETCDCTL_PASSWORD ETCDCTL_USER=patroni ETCDCTL_API=3
etcdctl --endpoints="http://127.0.0.1:$port" del --prefix "$prefix" || :
"""


def set_aside(
    opened: Session, prepared: Prepared, observed: Mapping[str, Observed], selection: Selection, say: Say
) -> bool:
    """Move aside what guards found (all of it was given up by name); whether there was anything.

    A database cluster that loses every copy is also forgotten by etcd, so that it can begin anew, and migrated anew.

    Raises:
        HostsFailed: something could not be moved; the rest was.
    """
    scripts: dict[str, str] = {}
    for host, guard, _ in endangered(prepared.rendered, observed, selection):
        if guard.set_aside:
            scripts.setdefault(host, guard.set_aside)
    if not scripts:
        return False
    outputs = opened.fleet.run_all(dict.fromkeys(scripts, "sh -s"), scripts, timeout=600)
    failed = [HostFailure(host, "set aside", "data", out.cause) for host, out in outputs.items() if not out.ok]
    for host, output in outputs.items():
        say(f"{host}: set aside: {output.stdout.strip()}")
    if failed:
        raise HostsFailed(failed)
    _forget(opened, prepared, scripts)
    return True


def _forget(opened: Session, prepared: Prepared, hosts: Collection[str]) -> None:
    layout = prepared.inventory.layout
    keepers = [host.name for host in layout.running("etcd") if host.name in opened.reach]
    for cluster in layout.clusters:
        if keepers and all(host.name in hosts for host in cluster.hosts):
            words = {"port": str(layout.port("etcd", "client")), "prefix": f"{layout.namespace}{cluster.name}/"}
            builders = [host.name for host in layout.running("release") if host.name in opened.reach]
            opened.fleet.run_all(dict.fromkeys(builders, f"rm -f {STATE}/migrated"))
            opened.fleet.run(keepers[0], assignments(words) + FORGET, stdin=f"{prepared.secrets('etcd/patroni')}\n")
