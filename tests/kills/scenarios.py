"""The three things a run is killed at: bringing up a stack from nothing, adding a replica, changing settings."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable
from pathlib import Path

from harness import ROOT, Stack
from writer import Rows

SMALL = """
name: {name}
stack: small
target: docker
docker: {{memory: 3GiB}}
app:
  source: {source}
  settings: shop.settings
  worker: shop
  health: /-/health
"""
PAIR = """
name: {name}
stack: pair
target: docker
docker: {{memory: 2GiB}}
replicas: {replicas}
roles: {roles}
app:
  source: {source}
  settings: shop.settings
  worker: shop
  health: /-/health
"""
PAIR_STACK = """
summary: One host with everything but the database, which has hosts of its own.
hosts:
  web: {parts: [edge, app, memcached, redis, monitor], count: 1}
  db: {parts: [database], count: databases}
quorum: [web]
defaults: {app_servers: 1}
"""
# Restarts (memcached, redis, varnish, app, etcd, prometheus), reloads (haproxy, pgbouncer, nginx, prometheus) and
# Patroni's live configuration.
OTHERS = (
    "{memcached: {memory: 70}, redis: {memory: 80}, varnish: {grace: 7200, memory: 90}, haproxy: {connect_ms: 1500}, "
    "pgbouncer: {query_wait_seconds: 45}, nginx: {read_timeout: 80}, app: {timeout: 50}, etcd: {retention_hours: 2}, "
    "monitoring: {scrape_seconds: 20, keep_days: 20, disk_full_hours: 12}, "
    "postgresql: {slow_query_ms: 900, work_memory: 3}}"
)
SETTINGS = ("{}", OTHERS)


def inventory(folder: Path, name: str) -> Stack:
    """An empty inventory with state, configuration and cache of its own; what an earlier run left there stays."""
    place = folder / "inventories" / name
    place.mkdir(parents=True, exist_ok=True)
    private = {f"XDG_{kind}_HOME": str(folder / kind.lower()) for kind in ("STATE", "CONFIG", "CACHE")}
    for path in private.values():
        Path(path).mkdir(exist_ok=True)
    return Stack(place, name, {**os.environ, **private, "PYTHONWARNINGS": "default"})


def nothing_there(stack: Stack) -> None:
    """Only the topology and the secrets: no machine, no placement, no cache. Secrets and identity are kept, so that
    the next run makes the same bytes."""
    folder = stack.folder
    if not (folder / "secrets.age").exists():
        stack.command("secrets", "init", str(folder))
    stack.destroy()
    (folder / "placement.yaml").unlink(missing_ok=True)
    shutil.rmtree(Path(stack.environment["XDG_CACHE_HOME"]) / "massive-deploy", ignore_errors=True)


class Fresh:
    """`up` from nothing, one host."""

    name = "fresh"

    def __init__(self, stack: Stack) -> None:
        self.stack = stack

    def variant(self, seed: int) -> str:  # noqa: ARG002 - what the reference of a seed is called
        return self.name

    def reset(self, seed: int) -> None:  # noqa: ARG002
        self.stack.write(SMALL.format(name=self.stack.name, source=ROOT / "examples/shop"))
        nothing_there(self.stack)

    def before(self, seed: int) -> None:
        """Nothing was committed before."""

    def after(self) -> list[str]:
        """The site answers."""
        return site(self.stack, "all-1")


def site(stack: Stack, host: str) -> list[str]:
    """A problem when the site does not answer."""
    status = stack.http("/", host=host).status
    return [] if status == 200 else [f"the site answers {status}"]


class Pair:
    """Two hosts, or three with the replica; shared by the scenarios that change a stack which is up."""

    name = "pair"
    hosts: Iterable[str] = ("db-1",)

    def __init__(self, stack: Stack) -> None:
        self.stack = stack
        self.rows = Rows(stack, "web-1")

    def topology(self, replicas: int, settings: int) -> None:
        """Write the topology, and the stack it names."""
        stacks = self.stack.folder.parents[1] / "stacks"
        stacks.mkdir(exist_ok=True)
        (stacks / "pair.yaml").write_text(PAIR_STACK, encoding="utf-8")
        text = PAIR.format(
            name=self.stack.name, replicas=replicas, roles=SETTINGS[settings], source=ROOT / "examples/shop"
        )
        self.stack.write(text)

    def base(self, settings: int = 0) -> None:
        """No replica, these settings; then no plan may be left."""
        self.topology(0, settings)
        placed = self.stack.folder / "placement.yaml"
        if placed.exists() and "db-2" in placed.read_text(encoding="utf-8"):
            self.stack.command("up", str(self.stack.folder), "--lose", "db-2")
            self.stack.command("retire", str(self.stack.folder), "db-2", "--confirm", "db-2")
        if " 0 operations" not in self.stack.up():  # whose own plan was empty, then
            self.stack.command("plan", str(self.stack.folder))

    def before(self, seed: int) -> None:
        """Commit rows, and go on committing until `after`."""
        self.rows.start(seed)

    def after(self) -> list[str]:
        """Every row that was acknowledged is on every database host."""
        return [*self.rows.stop(), *(problem for host in self.hosts for problem in self.rows.missing(host))]


class Replica(Pair):
    """A second database host is added: a new machine, a base backup, and new files on all others."""

    name = "replica"
    hosts = ("db-1", "db-2")

    def variant(self, seed: int) -> str:  # noqa: ARG002
        return self.name

    def reset(self, seed: int) -> None:  # noqa: ARG002
        self.base()
        self.topology(1, 0)


class Config(Pair):
    """Settings of ten roles change; even seeds go there, odd seeds go back."""

    name = "config"

    def variant(self, seed: int) -> str:
        return f"{self.name}-{'back' if seed % 2 else 'there'}"

    def reset(self, seed: int) -> None:
        self.base(seed % 2)
        self.topology(0, 1 - seed % 2)


SCENARIOS = {kind.name: kind for kind in (Fresh, Replica, Config)}
