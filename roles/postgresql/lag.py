"""The service that says how far a node is behind: its user, program and unit."""

from __future__ import annotations

from massive_deploy.desired import File, Gate, Unit, User
from massive_deploy.view import HostView

from .settings import HEARTBEAT_ROLE, READS, SOCKETS, SQL

USER = "massive-lag"
PROGRAM = "/usr/local/lib/massive-deploy/replication_lag.py"
UNIT = "replication-lag"
_SERVICE = f"/etc/systemd/system/{UNIT}.service"

_CONNECTION = (
    f"host={SOCKETS} port={SQL} user={HEARTBEAT_ROLE} dbname=postgres application_name={UNIT} connect_timeout=2 "
    # Not held up by a replica that commits wait for; never stuck for long.
    "options='-c synchronous_commit=local -c statement_timeout=2s'"
)


def user() -> User:
    """Whom the service runs as; PostgreSQL knows the user by name, without a password."""
    return User(USER)


def files(view: HostView) -> tuple[File, ...]:
    """The program and its unit."""
    service = view.render(
        "replication-lag.service.j2",
        program=PROGRAM,
        port=READS,
        connection=_CONNECTION,
        reads=view.topology.reads,
    )
    return (File(PROGRAM, view.render("replication_lag.py")), File(_SERVICE, service))


def unit() -> Unit:
    """Restarted whenever program or limits change."""
    return Unit(UNIT, restart_on=(PROGRAM, _SERVICE))


def gate(view: HostView) -> Gate:
    """Ready when it knows whether this node leads."""
    ask = f"curl -sS --max-time 2 http://{view.host.address}:{READS}/reads"
    return Gate("replication lag is known", f'{ask} | grep -qE \'"role": "(leader|replica)"\'', 30)
