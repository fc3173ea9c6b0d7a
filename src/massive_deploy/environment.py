"""The environment the stack gives the Django project: one file that systemd and the shell read alike."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

from massive_deploy.desired import Directory, File, User
from massive_deploy.paths import cache_dir
from massive_deploy.topology.layout import Alias, Host, Layout
from massive_deploy.view import HostView

FOLDER = "/etc/massive-deploy"
NEXT = "/etc/massive-deploy/next"
"""The same files for a release that is built, and whose migrations run, while another one still serves."""
ENV_FILE = f"{FOLDER}/app.env"
MODULES = f"{FOLDER}/python/"
OVERLAY = ("massive_stack.py", "massive_pool.py", "massive_settings.py", "massive_wsgi.py")
POOLER_SOCKET = "/run/postgresql"
POOLER_PORT = 6432
POOLER_ROLE = "massive_pooler"
REDIS = "127.0.0.1:6379"
BROKER_DB = 1
"""Redis' database for Celery's tasks."""
SCRIPTS = "/usr/local/lib/massive-deploy"
MOVER_PASSFILE = f"{FOLDER}/mover.pgpass"
"""On database hosts: the password by which clusters fetch shards and common data from each other."""
MEDIA = "/srv/app/media"
PRIVATE = "/srv/app/private"
PACKED = "/srv/app/packed"
PRERENDERED = "/srv/prerender"
# A host gets another gunicorn worker for each of these.
HOST_MB_PER_WORKER = 384
# Sessions with each cluster that are left to `manage`, the keeper and checks.
PGPOOL_OTHERS = 4


def env_file(variables: Mapping[str, str]) -> str:
    """`NAME="value"` lines that `sh` sources and systemd's EnvironmentFile= reads to the same values.

    Raises:
        ValueError: a value holds a control character other than tab and newline.
    """
    return "".join(f"{name}={_double_quoted(value)}\n" for name, value in variables.items())


def _double_quoted(value: str) -> str:
    if any(ord(char) < 32 and char not in "\n\t" for char in value) or "\x7f" in value:
        raise ValueError("environment values may not hold control characters")
    # Both readers know exactly these four escapes within double quotes.
    escaped = "".join(f"\\{char}" if char in '\\"$`' else char for char in value)
    return f'"{escaped}"'


def variables(view: HostView) -> dict[str, str]:
    """Everything the project is told, except what belongs to one release (RELEASE, STATIC_ROOT): see `of_release`."""
    topology = view.topology
    app = topology.app
    redis = f"redis://:{quote(view.secret('redis/password'), safe='')}@{REDIS}"
    values = {
        "DJANGO_SETTINGS_MODULE": "massive_settings" if app.overlay else app.settings,
        "PROJECT_SETTINGS_MODULE": app.settings,
        "PROJECT_WSGI_MODULE": app.wsgi or f"{app.settings.split('.')[0]}.wsgi",
        "SECRET_KEY": view.secret("app/secret-key"),
        "DEBUG": "false",
        "ALLOWED_HOSTS": ",".join(_django_host(domain) for domain in app.domains) or "*",
        "CSRF_TRUSTED_ORIGINS": ",".join(
            f"{scheme}://{domain}" for domain in app.domains for scheme in ("https", "http")
        ),
        "STATIC_URL": static_url(view),
        "MEDIA_ROOT": MEDIA,
        "PRIVATE_ROOT": PRIVATE,
        "X_ACCEL_PREFIX": view.settings_of("app").private_url,
        "CACHE_URL": _cache_url(view),
        "CACHE_PURGE_URLS": _purge_urls(view),
        "REDIS_URL": f"{redis}/0",
        "CELERY_BROKER_URL": f"{redis}/{BROKER_DB}",
        "CELERY_APP": app.worker or "",
        "REPLICA_READS": ",".join(topology.reads.apps),
    }
    aliases = [alias for alias in view.layout.aliases if not alias.shard]
    values |= {database_variable(alias): database_url(view, alias) for alias in aliases}
    values |= shard_variables(view.layout)
    secrets = {name: view.secret(secret_of(name)) for name in app.secret_environment}
    return {name: value for name, value in (values | app.environment | secrets).items() if value}


def static_url(view: HostView) -> str:
    """What the project puts before the names of its static files: a path, or a CDN's address and that path."""
    settings = view.settings_of("app")
    return f"{(settings.cdn or '').rstrip('/')}{settings.static_url}"


def static_slots(view: HostView) -> int:
    """Releases whose static files an app host finds: those it keeps, and one that is about to start."""
    keep: int = view.settings_of("app").keep_releases
    return keep + 1


def pin_cookies(view: HostView) -> list[str]:
    """The cookie by which django-massive knows what a visitor wrote, where requests read from replicas."""
    return ["massive_pin"] if view.topology.reads.apps else []


def secret_of(variable: str) -> str:
    """The inventory's secret that is the value of a variable under `app: secret_environment`."""
    return f"app/env/{variable.lower()}"


def of_release(release: str) -> dict[str, str]:
    """What the project is told of the release it runs from."""
    return {"RELEASE": release, "STATIC_ROOT": f"/srv/app/releases/{release}/static"}


def database_variable(alias: Alias) -> str:
    """DATABASE_URL and DATABASE_REPLICA_URL; SHARD<n>_DATABASE_URL and SHARD<n>_DATABASE_REPLICA_URL for shards."""
    if alias.server_database:
        return f"{alias.name.upper()}_DATABASE_URL"
    shard = alias.name.removesuffix("_replica").upper()
    prefix = f"{shard}_" if shard.startswith("SHARD") else ""
    return f"{prefix}DATABASE_{'' if alias.writable else 'REPLICA_'}URL"


def database_url(view: HostView, alias: Alias) -> str:
    """The alias through this host's pooler, over its unix socket.

    pgbouncer knows aliases by the database's name; pgPool, which passes that name on, by the application's.
    """
    user, password = view.layout.database, quote(view.secret("postgresql/app"), safe="")
    server = f"postgres://{user}:{password}@{quote(POOLER_SOCKET, safe='')}"
    if view.topology.pooler == "pgpool":
        return f"{server}:{pgpool_port(alias.cluster)}/{user}?{urlencode({'application_name': alias.name})}"
    return f"{server}:{POOLER_PORT}/{alias.database}"


def shard_variables(layout: Layout) -> dict[str, str]:
    """What the project is told of its logical shards; nothing where there are none.

    The pooler knows a shard by its database's name, on whatever cluster it is: no shard's move is seen here.
    """
    sharding = layout.topology.sharding
    if sharding is None or not layout.shards:
        return {}
    # On the socket nobody is asked for a password.
    server = f"postgres://{layout.shards_role}@{quote(POOLER_SOCKET, safe='')}:{POOLER_PORT}"
    return {
        "SHARDS": str(sharding.logical),
        "SHARDS_DATABASE_URL": f"{server}/{layout.database}_",
        "SHARDS_APPS": ",".join(sharding.apps),
        "SHARDS_COMMON": ",".join(sharding.common),
        "SHARDS_STRATEGY": sharding.strategy,
        "SHARDS_BOUNDS": ",".join(map(str, sharding.bounds)),
        "SHARDS_EPOCH": str(sharding.epoch),
    }


def pgpool_port(cluster: int) -> int:
    """Where pgPool of that cluster listens on every app host."""
    return POOLER_PORT + cluster - 1


def workers(host: Host, settings: Any) -> int:
    """gunicorn processes on an app host; `settings` are the app role's."""
    given: int | None = settings.workers
    return given or max(1, min(host.cpus, host.memory_mb // HOST_MB_PER_WORKER))


def worker_processes(host: Host, settings: Any) -> int:
    """Celery processes on an app host that has them; `settings` are the app role's."""
    given: int | None = settings.worker_processes
    return given or max(1, host.cpus)


def aliases_at_most(layout: Layout) -> int:
    """Aliases of the cluster that has most of them; logical shards, which hold no connection, do not count."""
    return max(
        (sum(one.cluster == cluster.number and not one.shard for one in layout.aliases) for cluster in layout.clusters),
        default=1,
    )


def processes(layout: Layout, host: Host) -> tuple[int, int]:
    """gunicorn's and Celery's on an app host. Each of them may hold a connection for each alias."""
    settings = layout.settings["app"]
    return workers(host, settings), worker_processes(host, settings) if layout.topology.app.worker else 0


def pgpool_least(layout: Layout, host: Host) -> int:
    """Sessions with a cluster without which processes of an app host would wait for each other for ever."""
    return sum(processes(layout, host)) * aliases_at_most(layout) + PGPOOL_OTHERS


def pgpool_sessions(layout: Layout) -> int:
    """Sessions each app host may have with a cluster at the same time, through pgPool."""
    given: int | None = layout.settings["pgpool"].sessions
    if given is not None:
        return given
    postgresql = layout.settings["postgresql"]
    free: int = postgresql.max_connections - postgresql.reserved_connections
    poolers = layout.running("pgpool")
    wanted = max([64, *(pgpool_least(layout, host) for host in poolers)])
    # Three of each host's connections to a node watch it.
    return max(4, min(wanted, free // max(1, len(poolers)) - 3))


def files(view: HostView, folder: str = FOLDER) -> tuple[File, ...]:
    """The environment file and the generated Python modules, below `folder`."""
    modules = (File(f"{folder}/python/{name}", view.render(f"django/{name}")) for name in OVERLAY)
    banner = view.render("base/banner")
    return (
        File(f"{folder}/app.env", banner + env_file(variables(view)), mode=0o640, group="app", secret=True),
        *modules,
    )


def owner() -> tuple[User, tuple[Directory, ...]]:
    """The system user the project runs as, and its folders."""
    folders = (
        Directory("/etc/massive-deploy"),
        Directory(MODULES.rstrip("/")),
        Directory("/srv/app"),
        Directory("/srv/app/releases"),
        # The project writes, nginx reads: whatever is made below belongs to nginx's group.
        Directory(MEDIA, mode=0o2755, owner="app", group="www-data"),
        Directory(PRIVATE, mode=0o2750, owner="app", group="www-data"),
    )
    return User("app", home="/srv/app"), folders


def some_host(view: HostView) -> str:
    """A host name the project answers to, for probes."""
    for domain in view.topology.app.domains:
        return domain.replace("*.", "www.", 1)
    return "localhost"


def _django_host(domain: str) -> str:
    return domain.removeprefix("*") if domain.startswith("*.") else domain


def _cache_url(view: HostView) -> str:
    nodes = ",".join(f"{host.address}:11211" for host in view.running("memcached"))
    return f"pymemcache://{nodes}" if nodes else ""


def _purge_urls(view: HostView) -> str:
    return ",".join(f"http://{host.address}:{view.layout.port('varnish', 'purge')}" for host in view.running("varnish"))


def drain_seconds(view: HostView) -> int:
    """How long an app host waits, drained, until no cache sends it requests: two failed probes, and what is in flight.

    0 where no other app host could take over.
    """
    if len(view.running("app")) < 2 or not view.running("varnish"):
        return 0
    interval: int = view.settings_of("varnish").probe_interval
    return 2 + math.ceil(2 * interval / 1000)


def edge_drain_seconds(view: HostView) -> int:
    """How long an edge server waits, drained, until another one has its address; 0 where no address moves."""
    return 7 if view.running("keepalived") else 0


def packed_release(view: HostView, release: str) -> Path:
    """Where a built release waits at the controller to be shipped to the other app hosts."""
    return cache_dir() / "releases" / view.layout.name / f"{release}.tar.gz"
