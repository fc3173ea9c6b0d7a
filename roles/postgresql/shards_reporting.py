"""The reporting database: in the first cluster, over the shards of all of them."""

from __future__ import annotations

import json

from massive_deploy.desired import File, Task, Unit
from massive_deploy.view import HostView

from . import shards_common
from .settings import SOCKETS, SQL
from .sql import identifier, literal, task

PROGRAM = "/usr/local/lib/massive-deploy/reporting.py"
CONFIG = "/etc/massive-deploy/reporting.json"
UNIT = "reporting"
_SERVICE = f"/etc/systemd/system/{UNIT}.service"


def files(view: HostView) -> tuple[File, ...]:
    """The service and what it is to show. No password is in it."""
    if not _here(view):
        return ()
    layout, sharding = view.layout, view.topology.sharding
    reporting = sharding.reporting if sharding is not None else None
    if reporting is None:
        return ()
    config = {
        "model": reporting.model,
        "here": f"host={SOCKETS} port={SQL} dbname={layout.reporting_database} application_name={UNIT}",
        "readers": layout.database,
        "shards": [shard.name for shard in layout.shards],
        "clusters": {str(one.number): shards_common.connection(view, one.number) for one in view.clusters},
        "aggregates": reporting.aggregates,
    }
    return (
        shards_common.program(view),
        File(PROGRAM, view.render("reporting.py")),
        File(CONFIG, json.dumps(config, indent=1) + "\n"),
        File(_SERVICE, view.render("reporting.service.j2", program=PROGRAM, config=CONFIG)),
    )


def units(view: HostView) -> tuple[Unit, ...]:
    """The service, on every node of the first cluster: whoever leads works."""
    return (Unit(UNIT, restart_on=(PROGRAM, shards_common.PROGRAM, CONFIG, _SERVICE)),) if _here(view) else ()


def tasks(view: HostView) -> tuple[Task, ...]:
    """The database, which the project may read, and what foreign tables need."""
    if not _here(view):
        return ()
    name, reader = view.layout.reporting_database, view.layout.database
    query = f"""
        SELECT has_database_privilege('public', d.oid, 'CONNECT'),
               has_database_privilege({literal(reader)}, d.oid, 'CONNECT')
          FROM pg_database d WHERE d.datname = {literal(name)}
    """
    statements = f"""
        SELECT format('CREATE DATABASE %I', {literal(name)})
         WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = {literal(name)}) \\gexec
        REVOKE ALL ON DATABASE {identifier(name)} FROM public;
        GRANT CONNECT ON DATABASE {identifier(name)} TO {identifier(reader)};
    """
    wrapper = "SELECT extname FROM pg_extension WHERE extname = 'postgres_fdw'"
    return (
        task(f"database {name}", query, "f|t", statements),
        task("foreign tables", wrapper, "postgres_fdw", "CREATE EXTENSION IF NOT EXISTS postgres_fdw;", database=name),
    )


def _here(view: HostView) -> bool:
    return bool(view.layout.reporting_database) and view.cluster.number == 1
