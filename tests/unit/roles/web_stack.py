"""A small stack with the web roles alone, as a value: what each of them wants of each host."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from massive_deploy import roles
from massive_deploy.desired import Desired, File
from massive_deploy.render import Renderer
from massive_deploy.topology.layout import Host, Layout
from massive_deploy.topology.model import Topology
from massive_deploy.view import HostView, Release

PLACED = {
    "base": ("edge-1", "app-1", "app-2", "cache-1"),
    "memcached": ("cache-1",),
    "redis": ("cache-1",),
    "release": ("app-1", "app-2"),
    "app": ("app-1", "app-2"),
    "varnish": ("edge-1",),
    "nginx": ("edge-1",),
}
RELEASE = Release("0123456789ab", "/cache/sources/0123456789ab.tar.gz")


@cache
def load(name: str) -> roles.Role:
    return roles.load(name)


def renderer(
    app: Mapping[str, Any] | None = None,
    settings: Mapping[str, Mapping[str, Any]] | None = None,
    memory_mb: int = 1024,
    placed: Mapping[str, tuple[str, ...]] = PLACED,
    shards: int = 1,
    release: Release | None = RELEASE,
    authorities: tuple[tuple[str, str], ...] = (),
    pooler: str = "pgbouncer",
    root: Path | None = None,
    reads: Mapping[str, Any] | None = None,
) -> Renderer:
    """Desired states of a stack with these settings; addresses are 192.0.2.1 upwards."""
    project = {"source": ".", "settings": "shop.settings", **(app or {})}
    given = {"name": "trial", "target": "docker", "app": project, "pooler": pooler, "reads": reads or {}}
    topology = Topology.model_validate(given)
    names = sorted({name for hosts in placed.values() for name in hosts})
    hosts = [Host(name, "any", (), f"192.0.2.{n}", n, memory_mb=memory_mb) for n, name in enumerate(names, 1)]
    hosts += [Host(f"db-{n}", "db", ("database",), f"192.0.2.{100 + n}", n, cluster=n) for n in range(1, shards + 1)]
    loaded = {name: load(name) for name in placed}
    own = settings or {}
    layout = Layout(
        name="trial",
        topology=topology,
        hosts=tuple(hosts),
        roles=placed,
        settings={name: role.Settings.model_validate(own.get(name, {})) for name, role in loaded.items()},
        ports={name: tuple(role.SERVES) for name, role in loaded.items()},
        calls={name: tuple(role.CALLS) for name, role in loaded.items()},
    )
    return Renderer(
        layout, loaded, lambda name: f"secret of {name}", project=root, release=release, authorities=authorities
    )


def desired(role: str, host: str, **options: Any) -> Desired:
    return renderer(**options).desired(role, host)


def view(role: str, host: str, **options: Any) -> HostView:
    return renderer(**options).view(role, host)


def file(wanted: Desired, path: str) -> File:
    """The one managed file of that path."""
    (found,) = (one for one in wanted.files if one.path == path)
    return found
