"""The environment the stack gives the Django project: one file that systemd and the shell read alike."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import quote

from massive_deploy.desired import Directory, File, User
from massive_deploy.paths import cache_dir
from massive_deploy.topology.layout import Alias
from massive_deploy.view import HostView

ENV_FILE = "/etc/massive-deploy/app.env"
MODULES = "/etc/massive-deploy/python/"
OVERLAY = ("massive_stack.py", "massive_settings.py", "massive_wsgi.py")
POOLER_SOCKET = "/run/postgresql"
POOLER_PORT = 6432
REDIS = "127.0.0.1:6379"
SCRIPTS = "/usr/local/lib/massive-deploy"
MEDIA = "/srv/app/media"


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
        "STATIC_URL": view.settings_of("app").static_url,
        "MEDIA_ROOT": MEDIA,
        "CACHE_URL": _cache_url(view),
        "REDIS_URL": f"{redis}/0",
        "CELERY_BROKER_URL": f"{redis}/1",
    }
    values |= {database_variable(alias): database_url(view, alias) for alias in view.layout.aliases}
    secrets = {name: view.secret(secret_of(name)) for name in app.secret_environment}
    return {name: value for name, value in (values | app.environment | secrets).items() if value}


def secret_of(variable: str) -> str:
    """The inventory's secret that is the value of a variable under `app: secret_environment`."""
    return f"app/env/{variable.lower()}"


def of_release(release: str) -> dict[str, str]:
    """What the project is told of the release it runs from."""
    return {"RELEASE": release, "STATIC_ROOT": f"/srv/app/releases/{release}/static"}


def database_variable(alias: Alias) -> str:
    """DATABASE_URL and DATABASE_REPLICA_URL; SHARD<n>_DATABASE_URL and SHARD<n>_DATABASE_REPLICA_URL for shards."""
    shard = alias.name.removesuffix("_replica").upper()
    prefix = f"{shard}_" if shard.startswith("SHARD") else ""
    return f"{prefix}DATABASE_{'' if alias.writable else 'REPLICA_'}URL"


def database_url(view: HostView, alias: Alias) -> str:
    """The alias through this host's pooler, over its unix socket."""
    user, password = view.layout.database, quote(view.secret("postgresql/app"), safe="")
    return f"postgres://{user}:{password}@{quote(POOLER_SOCKET, safe='')}:{POOLER_PORT}/{alias.database}"


def files(view: HostView) -> tuple[File, ...]:
    """The environment file and the generated Python modules, the same for every role that needs them."""
    modules = (File(f"{MODULES}{name}", view.render(f"django/{name}")) for name in OVERLAY)
    banner = view.render("base/banner")
    return (File(ENV_FILE, banner + env_file(variables(view)), mode=0o640, group="app", secret=True), *modules)


def owner() -> tuple[User, tuple[Directory, ...]]:
    """The system user the project runs as, and its folders."""
    folders = (
        Directory("/etc/massive-deploy"),
        Directory(MODULES.rstrip("/")),
        Directory("/srv/app"),
        Directory("/srv/app/releases"),
        Directory(MEDIA, owner="app", group="app"),
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


def drain_seconds(view: HostView) -> int:
    """How long an app host waits, drained, until no cache sends it requests: two failed probes, and what is in flight.

    0 where no other app host could take over.
    """
    if len(view.running("app")) < 2 or not view.running("varnish"):
        return 0
    interval: int = view.settings_of("varnish").probe_interval
    return 2 + math.ceil(2 * interval / 1000)


def packed_release(view: HostView, release: str) -> Path:
    """Where a built release waits at the controller to be shipped to the other app hosts."""
    return cache_dir() / "releases" / view.layout.name / f"{release}.tar.gz"
