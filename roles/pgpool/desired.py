"""What pgPool-II needs on an app host: one instance for each cluster, and a keeper beside it."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass

from massive_deploy.desired import Desired, Directory, File, Gate, Rolling, Unit
from massive_deploy.environment import (
    POOLER_ROLE,
    POOLER_SOCKET,
    SCRIPTS,
    drain_seconds,
    pgpool_port,
    pgpool_sessions,
)
from massive_deploy.topology.layout import Alias, Cluster, Layout
from massive_deploy.view import HostView

FOLDER = "/etc/pgpool2"
KEEPER = f"{SCRIPTS}/pgpool_keeper.py"
PCP_PORT = 9898
PCP_USER = "keeper"
_UNITS = "/etc/systemd/system"

# Functions that change something: a SELECT that calls one goes to the leader, whatever its alias.
WRITING = (
    "nextval",
    "setval",
    "currval",
    "lastval",
    "lo_.*",
    "pg_notify",
    "pg_advisory_.*",
    "pg_try_advisory_.*",
    "pg_current_xact_id.*",
    "txid_current.*",
)


@dataclass(frozen=True, slots=True)
class Instance:
    """pgPool of one cluster: the name of its units, its folder, its folder at run time, and its port."""

    cluster: Cluster
    unit: str
    folder: str
    run: str
    port: int
    aliases: tuple[Alias, ...]

    @property
    def keeper(self) -> str:
        """Its keeper's unit."""
        return f"pgpool-keeper@{self.cluster.number}"


def instances(layout: Layout) -> tuple[Instance, ...]:
    """One for each cluster, in order."""
    return tuple(
        Instance(
            cluster,
            f"pgpool@{cluster.number}",
            f"{FOLDER}/{cluster.number}",
            f"/run/pgpool-{cluster.number}",
            pgpool_port(cluster.number),
            tuple(alias for alias in layout.aliases if alias.cluster == cluster.number),
        )
        for cluster in layout.clusters
    )


def redirects(instance: Instance, *, route_reads: bool) -> str:
    """Where the reads of each alias go; an alias is told by its application_name."""
    found = [f"^{one.name}$:primary" for one in instance.aliases if one.writable and not route_reads]
    return ",".join([*found, *(f"^{one.name}$:standby" for one in instance.aliases if not one.writable)])


def psql(instance: Instance, alias: Alias, database: str, seconds: int = 5) -> str:
    """The start of a psql line that comes through pgPool as the alias; as root or postgres."""
    words = f"PGPASSFILE={instance.folder}/pgpass PGAPPNAME={alias.name} PGCONNECT_TIMEOUT={seconds}"
    return f"{words} psql -w -h {POOLER_SOCKET} -p {instance.port} -U {database} -d {database} -XAtq"


def desired(view: HostView) -> Desired:
    """The poolers of one app host, each on a unix socket and the loopback."""
    found = instances(view.layout)
    units = (
        File(f"{_UNITS}/pgpool@.service", view.render("pgpool@.service.j2", folder=FOLDER)),
        File(
            f"{_UNITS}/pgpool-keeper@.service", view.render("pgpool-keeper@.service.j2", keeper=KEEPER, folder=FOLDER)
        ),
    )
    pool, keeper = (file.path for file in units)
    return Desired(
        packages=("pgpool2", f"postgresql-client-{view.settings_of('postgresql').version}", "python3", "curl"),
        directories=(Directory(FOLDER), *(Directory(one.folder, 0o750, "root", "postgres") for one in found)),
        files=(*units, File(KEEPER, view.render("pgpool_keeper.py")), *(f for one in found for f in _files(view, one))),
        units=(
            # The package's own instance, which has none of this configuration.
            Unit("pgpool2", running=False, enabled=False),
            *(Unit(one.unit, restart_on=(pool, *_read_at_start(one))) for one in found),
            *(Unit(one.keeper, restart_on=(keeper, KEEPER, *_read_by_keeper(one))) for one in found),
        ),
        rolling=Rolling(drain_seconds=drain_seconds(view)),
        gates=tuple(_leader_gate(view, one) for one in found),
    )


def _read_at_start(instance: Instance) -> tuple[str, ...]:
    return tuple(f"{instance.folder}/{name}" for name in ("pgpool.conf", "pool_hba.conf", "pool_passwd", "pcp.conf"))


def _read_by_keeper(instance: Instance) -> tuple[str, ...]:
    return tuple(f"{instance.folder}/{name}" for name in ("keeper.json", "pgpass", "pcppass"))


def _files(view: HostView, instance: Instance) -> tuple[File, ...]:
    app, pooler = view.secret("postgresql/app"), view.secret("postgresql/pooler")
    pcp = view.secret("pgpool/pcp")
    name = view.layout.database
    conf = view.render(
        "pgpool.conf.j2",
        instance=instance,
        sockets=POOLER_SOCKET,
        pcp_port=PCP_PORT,
        sql=view.layout.port("postgresql", "sql"),
        sessions=pgpool_sessions(view.layout),
        watcher=POOLER_ROLE,
        redirects=redirects(instance, route_reads=view.settings.route_reads),
        writing=",".join(WRITING),
    )
    # pgPool keeps its operators' passwords as MD5; the file is private and the socket local.
    operator = hashlib.md5(pcp.encode(), usedforsecurity=False).hexdigest()

    def private(file: str, content: str) -> File:
        return File(f"{instance.folder}/{file}", content, 0o600, "postgres", "postgres", secret=True)

    return (
        File(f"{instance.folder}/pgpool.conf", conf),
        File(f"{instance.folder}/pool_hba.conf", view.render("pool_hba.conf.j2", app_role=name, watcher=POOLER_ROLE)),
        File(f"{instance.folder}/keeper.json", _keeper(view, instance)),
        private("pool_passwd", f"{name}:TEXT{app}\n{POOLER_ROLE}:TEXT{pooler}\n"),
        private("pgpass", f"*:*:*:{name}:{app}\n*:*:*:{POOLER_ROLE}:{pooler}\n"),
        private("pcp.conf", f"{PCP_USER}:{operator}\n"),
        private("pcppass", f"*:*:{PCP_USER}:{pcp}\n"),
    )


def _keeper(view: HostView, instance: Instance) -> str:
    told = {
        "nodes": [{"name": node.name, "address": node.address} for node in instance.cluster.hosts],
        "rest": view.layout.port("postgresql", "rest"),
        "reads": view.layout.port("postgresql", "reads"),
        "pid_file": f"{instance.run}/pgpool.pid",
        "pcp": ["-h", instance.run, "-p", str(PCP_PORT), "-U", PCP_USER, "-w"],
        "pcp_password": f"{instance.folder}/pcppass",
        "psql": ["-w", "-h", POOLER_SOCKET, "-p", str(instance.port), "-U", POOLER_ROLE, "-d", "postgres"],
        "psql_password": f"{instance.folder}/pgpass",
        "wrong_seconds": view.settings.wrong_seconds,
        "hang_seconds": view.settings.hang_seconds,
    }
    return json.dumps(told, indent=2) + "\n"


def _leader_gate(view: HostView, instance: Instance) -> Gate:
    """Writes reach the cluster's leader through the pooler."""
    alias = next(one for one in view.layout.aliases if one.writable and one.cluster == instance.cluster.number)
    ask = f"{psql(instance, alias, view.layout.database)} -c 'SELECT pg_is_in_recovery()'"
    return Gate(f"pgPool reaches the leader of {instance.cluster.name}", f'[ "$({ask})" = f ]', 60)
