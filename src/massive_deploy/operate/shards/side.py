"""One database cluster as a move sees it: whoever leads it now is asked, and again if another one leads meanwhile."""

from __future__ import annotations

import shlex
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from massive_deploy.errors import HostFailure, HostsFailed
from massive_deploy.operate.psql import psql

if TYPE_CHECKING:
    from massive_deploy.engine.transport import Fleet
    from massive_deploy.topology.layout import Cluster

_LEADS = psql("SELECT NOT pg_is_in_recovery()")
PATIENCE = 90
"""Seconds a cluster may be without a leader; longer than a failover takes."""


@dataclass(slots=True)
class Side:
    """A cluster's leader, by the SQL it is sent as superuser in the project's database."""

    fleet: Fleet
    cluster: Cluster
    database: str
    reach: frozenset[str]
    leader: str = field(default="", init=False)

    def find(self) -> str:
        """The host that leads.

        Raises:
            HostsFailed: none does for longer than a failover takes.
        """
        end = time.monotonic() + PATIENCE
        hosts = [host.name for host in self.cluster.hosts if host.name in self.reach]
        while True:
            outputs = self.fleet.run_all(dict.fromkeys(hosts, _LEADS), timeout=15)
            for name, output in outputs.items():
                if output.ok and output.stdout.strip() == "t":
                    self.leader = name
                    return name
            if time.monotonic() > end:
                hint = "see: massive-deploy status"
                raise HostsFailed([HostFailure(self.cluster.name, "shard", "find its leader", "nobody leads", hint)])
            time.sleep(1)

    def run(self, sql: str, *, step: str, seconds: int = 60) -> str:
        """What it prints: rows as lines, columns parted by `|`. One statement after the other, each in the
        transaction it says; the first that fails ends it.

        Raises:
            HostsFailed: a statement failed, or the leader could not be asked.
        """
        host = self.leader or self.find()
        output = self.fleet.run(host, self._psql(seconds), stdin=sql, timeout=seconds + 10)
        if not output.ok:
            self.leader = ""
            raise HostsFailed([HostFailure(host, self.cluster.name, step, output.cause, "")])
        return output.stdout.strip()

    def ask(self, sql: str, *, step: str, seconds: int = 60) -> list[list[str]]:
        """The same as rows of columns. Asked once more of whoever leads then, if it failed."""
        try:
            said = self.run(sql, step=step, seconds=seconds)
        except HostsFailed:
            self.find()
            said = self.run(sql, step=step, seconds=seconds)
        return [line.split("|") for line in said.splitlines()]

    def dump(self, schema: str) -> str:
        """The schema's definition as SQL, without rows.

        Raises:
            HostsFailed: pg_dump failed.
        """
        host = self.find()
        words = ["pg_dump", "--schema-only", "--no-publications", "--no-subscriptions", "-n", schema, self.database]
        output = self.fleet.run(host, f"cd / && runuser -u postgres -- {shlex.join(words)}", timeout=300)
        if not output.ok:
            raise HostsFailed([HostFailure(host, self.cluster.name, "dump", output.cause, "")])
        return output.stdout

    def _psql(self, seconds: int) -> str:
        asks = f"psql -XAtq -v ON_ERROR_STOP=1 -d {shlex.quote(self.database)} -f -"
        return f"cd / && PGCONNECT_TIMEOUT=3 timeout {seconds} runuser -u postgres -- {asks}"
