"""What pgbouncer needs on an app host."""

from __future__ import annotations

from massive_deploy.desired import Desired, File, Gate, Rolling, Unit
from massive_deploy.environment import drain_seconds
from massive_deploy.view import HostView

from .capacity import pool_size
from .settings import METRICS, PORT, SOCKETS

FOLDER = "/etc/pgbouncer"
CONFIG = f"{FOLDER}/pgbouncer.ini"
_DROP_IN = "/etc/systemd/system/pgbouncer.service.d/massive-deploy.conf"
_EXPORTER = "/etc/default/prometheus-pgbouncer-exporter"
_EXPORTER_DROP_IN = "/etc/systemd/system/prometheus-pgbouncer-exporter.service.d/massive-deploy.conf"

# As the system user pgbouncer runs as, its console needs no password on the socket.
CONSOLE = f"runuser -u postgres -- psql -h {SOCKETS} -p {PORT} -U pgbouncer -d pgbouncer -XAtq"


def desired(view: HostView) -> Desired:
    """The pooler of one app host, on a unix socket and the loopback."""
    ini = view.render(
        "pgbouncer.ini.j2",
        folder=FOLDER,
        port=PORT,
        sockets=SOCKETS,
        pool=pool_size(view.layout),
        aliases=_aliases(view),
    )
    name = view.layout.database
    files = (
        File(CONFIG, ini, 0o640, "postgres", "postgres"),
        File(f"{FOLDER}/hba.conf", view.render("hba.conf.j2", app_role=name), 0o640, "postgres", "postgres"),
        File(f"{FOLDER}/ident.conf", view.render("ident.conf.j2", app_role=name), 0o640, "postgres", "postgres"),
        File(f"{FOLDER}/userlist.txt", _users(view), 0o640, "postgres", "postgres", secret=True),
    )
    return Desired(
        packages=("pgbouncer", "prometheus-pgbouncer-exporter", "postgresql-client-17"),
        files=(
            *files,
            File(_DROP_IN, view.render("pgbouncer.service.conf.j2")),
            File(
                _EXPORTER, view.render("prometheus-pgbouncer-exporter.j2", port=PORT, sockets=SOCKETS, metrics=METRICS)
            ),
            File(_EXPORTER_DROP_IN, view.render("prometheus-pgbouncer-exporter.service.conf.j2")),
        ),
        units=(
            Unit("pgbouncer", restart_on=(_DROP_IN,), reload_on=tuple(file.path for file in files)),
            Unit("prometheus-pgbouncer-exporter", restart_on=(_EXPORTER, _EXPORTER_DROP_IN)),
        ),
        rolling=Rolling(drain_seconds=drain_seconds(view)),
        gates=(Gate("pgbouncer answers", f"{CONSOLE} -c 'SHOW VERSION'", 20), _leader_gate(view)),
    )


def _aliases(view: HostView) -> list[tuple[str, int]]:
    return [(alias.database, view.layout.balancer_port(alias)) for alias in view.layout.aliases]


def _users(view: HostView) -> str:
    return view.render("userlist.txt.j2", app_role=view.layout.database, password=view.secret("postgresql/app"))


def _leader_gate(view: HostView) -> Gate:
    """Writes reach each cluster's leader through the pooler."""
    names = " ".join(alias.database for alias in view.layout.aliases if alias.writable)
    psql = f"PGCONNECT_TIMEOUT=5 psql -h {SOCKETS} -p {PORT} -U {view.layout.database}"
    ask = f"{psql} -XAtq -c 'SELECT pg_is_in_recovery()' -d"
    return Gate(
        "pgbouncer reaches the leaders", f'for name in {names}; do [ "$({ask} "$name")" = f ] || exit 1; done', 60
    )
