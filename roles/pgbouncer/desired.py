"""What pgbouncer needs on an app host."""

from __future__ import annotations

from massive_deploy.desired import Desired, File, Gate, Rolling, Unit
from massive_deploy.environment import drain_seconds
from massive_deploy.view import HostView

from .capacity import pool_size, shard_pool_size, shards_share
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
        share=shards_share(view.layout),
        connect_seconds=view.settings_of("haproxy").leader_wait_seconds + 5,
    )
    roles = (view.layout.database, *([view.layout.shards_role] if view.layout.shards else []))
    files = (
        File(CONFIG, ini, 0o640, "postgres", "postgres"),
        File(f"{FOLDER}/hba.conf", view.render("hba.conf.j2", roles=roles), 0o640, "postgres", "postgres"),
        File(f"{FOLDER}/ident.conf", view.render("ident.conf.j2", roles=roles), 0o640, "postgres", "postgres"),
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


def _aliases(view: HostView) -> list[str]:
    """Lines of the section [databases]."""
    layout = view.layout
    found = []
    sharding = layout.topology.sharding
    common = ", public" if sharding is not None and sharding.common else ""
    for alias in layout.aliases:
        database = alias.server_database or layout.database
        line = f"{alias.database} = host=127.0.0.1 port={layout.balancer_port(alias)} dbname={database}"
        if alias.shard:
            # Whoever undoes this by RESET is left with a role that sees no table: wrong, never another shard's.
            words = f"SET ROLE {layout.shard_role(alias.shard)}; SET search_path = {alias.shard}{common}"
            line += f" pool_size={shard_pool_size(layout)} connect_query='{words}'"
        found.append(line)
    return found


def _users(view: HostView) -> str:
    users = {view.layout.database: view.secret("postgresql/app")}
    if view.layout.shards:
        users[view.layout.shards_role] = view.secret("postgresql/shards")
    return view.render("userlist.txt.j2", users=users)


def _leader_gate(view: HostView) -> Gate:
    """Writes reach each cluster's leader through the pooler."""
    # Logical shards are schemas of the same servers.
    names = " ".join(alias.database for alias in view.layout.aliases if alias.writable and not alias.shard)
    psql = f"PGCONNECT_TIMEOUT=5 psql -h {SOCKETS} -p {PORT} -U {view.layout.database}"
    ask = f"{psql} -XAtq -c 'SELECT pg_is_in_recovery()' -d"
    return Gate(
        "pgbouncer reaches the leaders", f'for name in {names}; do [ "$({ask} "$name")" = f ] || exit 1; done', 60
    )
