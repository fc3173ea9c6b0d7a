"""The common data: each cluster but the first keeps a copy of what the first publishes, for its shards to read."""

from __future__ import annotations

from massive_deploy.desired import File, Task, Unit
from massive_deploy.environment import MOVER_PASSFILE
from massive_deploy.view import HostView

from .settings import MOVER_ROLE, SOCKETS, SQL
from .shards import array
from .sql import literal, task

PROGRAM = "/usr/local/lib/massive-deploy/common_data.py"
UNIT = "common-data"
_SERVICE = f"/etc/systemd/system/{UNIT}.service"


def files(view: HostView) -> tuple[File, ...]:
    """The password by which clusters fetch from each other, and the service where a copy is kept."""
    if not view.layout.shards:
        return ()
    line = ":".join(["*", "*", *map(_escaped, (view.layout.database, MOVER_ROLE, view.secret("postgresql/mover")))])
    password = File(MOVER_PASSFILE, f"{line}\n", 0o600, "postgres", "postgres", secret=True)
    if not _keeps_copy(view):
        return (password,)
    service = view.render(
        "common-data.service.j2",
        program=PROGRAM,
        publisher=connection(view, 1),
        here=f"host={SOCKETS} port={SQL} dbname={view.layout.database} application_name={UNIT}",
        link=link(view.cluster.number),
        readers=view.layout.readers_role,
    )
    return (password, program(view), File(_SERVICE, service))


def units(view: HostView) -> tuple[Unit, ...]:
    """The service, wherever there are shards and a publisher elsewhere: it also takes away what is not published."""
    return (Unit(UNIT, restart_on=(PROGRAM, _SERVICE)),) if _keeps_copy(view) else ()


def tasks(view: HostView) -> tuple[Task, ...]:
    """A role that may read the common data, and of which every shard's role is a member."""
    layout = view.layout
    if not layout.shards:
        return ()
    readers = layout.readers_role
    roles = array([layout.shard_role(shard.name) for shard in layout.shards])
    query = f"""
        SELECT (SELECT count(*) FROM pg_roles WHERE rolname = {literal(readers)} AND NOT rolcanlogin),
               (SELECT count(*) FROM pg_auth_members m
                 WHERE m.roleid = to_regrole({literal(readers)}) AND m.member::regrole::text = ANY ({roles})
                   AND m.inherit_option)
    """
    statements = f"""
        SELECT format('CREATE ROLE %I', {literal(readers)}) WHERE to_regrole({literal(readers)}) IS NULL \\gexec
        SELECT format('GRANT %I TO %I WITH INHERIT TRUE', {literal(readers)}, role) FROM unnest({roles}) role \\gexec
    """
    return (task("readers of common data", query, f"1|{len(layout.shards)}", statements, database=layout.database),)


def program(view: HostView) -> File:
    """What makes copies and lets them follow."""
    return File(PROGRAM, view.render("common_data.py"))


def link(cluster: int) -> str:
    """Name of a cluster's subscription, and of its slot at the publisher."""
    return f"massive_common_{cluster}"


def _keeps_copy(view: HostView) -> bool:
    return bool(view.layout.shards) and view.cluster.number > 1


def connection(view: HostView, number: int) -> str:
    """A connection string to whoever leads a cluster, as the role that fetches from it; without the password."""
    nodes = next(cluster.hosts for cluster in view.clusters if cluster.number == number)
    words = {
        "host": ",".join(node.address for node in nodes),
        "port": ",".join(str(SQL) for _ in nodes),
        "dbname": view.layout.database,
        "user": MOVER_ROLE,
        "passfile": MOVER_PASSFILE,
        "target_session_attrs": "read-write",
        "connect_timeout": "3",
        "tcp_user_timeout": "10000",
    }
    return " ".join(f"{name}={value}" for name, value in words.items())


def _escaped(field: str) -> str:
    return field.replace("\\", "\\\\").replace(":", "\\:")
