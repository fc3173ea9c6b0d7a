"""What a node of a PostgreSQL cluster needs on its host."""

from __future__ import annotations

from massive_deploy.desired import Desired, Directory, File, Unit, Validator
from massive_deploy.view import HostView

from . import lag, patroni, shards, shards_common, shards_reporting, sql
from .access import identities, rules
from .dynamic import dynamic, of_this_host
from .guards import guards
from .settings import CONFIG, HOME, METRICS, REPLICATION_ROLE, REST, REWIND_ROLE, SOCKETS, SQL, VERSION
from .sql_positions import positions

_DROP_IN = "/etc/systemd/system/patroni.service.d/massive-deploy.conf"
_EXPORTER = "/etc/default/prometheus-postgres-exporter"
_EXPORTER_DROP_IN = "/etc/systemd/system/prometheus-postgres-exporter.service.d/massive-deploy.conf"
_NO_UPGRADES = "/etc/apt/apt.conf.d/52massive-deploy-postgresql"
_NO_CLUSTER = "/etc/postgresql-common/createcluster.d/massive-deploy.conf"


def desired(view: HostView) -> Desired:
    """One member of the cluster of its host; whether it leads is Patroni's to say."""
    return Desired(
        packages=(
            f"postgresql-{VERSION}",
            f"postgresql-client-{VERSION}",
            "patroni",
            "python3-etcd",
            "python3-psycopg2",
            "prometheus-postgres-exporter",
            "curl",
        ),
        users=(lag.user(),),
        directories=tuple(Directory(path, 0o755, "postgres", "postgres") for path in sorted({HOME, _parent(view)})),
        files=(
            File(CONFIG, _config(view), 0o600, "postgres", "postgres", secret=True),
            File(_DROP_IN, view.render("patroni.service.conf.j2")),
            File(_EXPORTER, view.render("prometheus-postgres-exporter.j2", port=METRICS, sockets=SOCKETS)),
            File(_EXPORTER_DROP_IN, view.render("prometheus-postgres-exporter.service.j2")),
            File(_NO_UPGRADES, view.render("no-unattended-upgrades.j2")),
            File(_NO_CLUSTER, view.render("createcluster.conf.j2")),
            *lag.files(view),
            *shards_common.files(view),
            *shards_reporting.files(view),
        ),
        validators=(Validator("patroni", patroni.VALIDATE, (CONFIG,)),),
        units=(
            Unit("postgresql", running=False, enabled=False),
            # Never restarted from here: that would take all nodes of a cluster down at once.
            Unit("patroni", reload_on=(CONFIG,)),
            Unit("prometheus-postgres-exporter", restart_on=(_EXPORTER, _EXPORTER_DROP_IN)),
            lag.unit(),
            *shards_common.units(view),
            *shards_reporting.units(view),
        ),
        tasks=(
            patroni.refuse_foreign_cluster(),
            patroni.drop_default_cluster(),
            patroni.wait_for_cluster(view),
            patroni.live_configuration(view, dynamic(view)),
            patroni.no_restart_pending(view, dynamic(view), of_this_host(view)),
            *sql.tasks(view),
            positions(view),
            *shards.tasks(view),
            *shards_common.tasks(view),
            *shards_reporting.tasks(view),
        ),
        guards=(*guards(view), *shards.guards(view)),
        gates=(patroni.in_place(view), lag.gate(view)),
    )


def _parent(view: HostView) -> str:
    data: str = view.settings.data
    return data.rpartition("/")[0]


def _config(view: HostView) -> str:
    return view.render(
        "config.yml.j2",
        etcd=[f"{host.address}:{view.layout.port('etcd', 'client')}" for host in view.running("etcd")],
        dynamic=dynamic(view),
        parameters=of_this_host(view),
        rules=rules(view),
        identities=identities(),
        sql=SQL,
        rest=REST,
        version=VERSION,
        replication_role=REPLICATION_ROLE,
        rewind_role=REWIND_ROLE,
    )
