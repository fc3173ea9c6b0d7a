"""A stack with the database roles alone, as a value: what each of them wants of each host."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from massive_deploy import roles
from massive_deploy.desired import Desired, Task
from massive_deploy.render import Renderer
from massive_deploy.topology.layout import Host, Layout
from massive_deploy.topology.model import Topology
from massive_deploy.topology.shards import born
from massive_deploy.view import HostView

ROLES = ("etcd", "postgresql", "redis", "haproxy", "pgbouncer", "pgpool", "leader_watch")


def secret(name: str) -> str:
    """What the stack's store holds under that name: 32 letters and digits, as the real one's."""
    return hashlib.sha256(name.encode()).hexdigest()[:32]


def renderer(
    *,
    shards: int = 1,
    replicas: int = 1,
    app_servers: int = 2,
    memory_mb: int = 1024,
    cpus: int = 2,
    topology: Mapping[str, Any] | None = None,
    settings: Mapping[str, Mapping[str, Any]] | None = None,
) -> Renderer:
    """Desired states. Databases are 10.0.1.x, app hosts 10.0.2.x, the cache is 10.0.3.1."""
    nodes = shards * (replicas + 1)
    hosts = [
        Host(f"db-{n}", "db", ("database",), f"10.0.1.{n}", n, 1 + (n - 1) // (replicas + 1), 2, memory_mb)
        for n in range(1, nodes + 1)
    ]
    hosts += [
        Host(f"app-{n}", "app", ("app",), f"10.0.2.{n}", n, None, cpus, memory_mb) for n in range(1, app_servers + 1)
    ]
    hosts.append(Host("cache-1", "cache", ("redis",), "10.0.3.1", 1, None, 2, memory_mb))
    databases, apps = tuple(h.name for h in hosts[:nodes]), tuple(h.name for h in hosts if h.group == "app")
    placed = {
        "etcd": (databases + apps)[:3],
        "postgresql": databases,
        "leader_watch": databases,
        "redis": ("cache-1",),
        "haproxy": apps,
        str((topology or {}).get("pooler", "pgbouncer")): apps,
    }
    loaded = {name: roles.load(name) for name in ROLES if name in placed}
    own = settings or {}
    layout = Layout(
        name="trial",
        topology=Topology.model_validate(
            {
                "name": "trial",
                "shards": shards,
                "replicas": replicas,
                "app_servers": app_servers,
                "app": {"source": ".", "settings": "shop.settings"},
                **(topology or {}),
            }
        ),
        hosts=tuple(hosts),
        roles=placed,
        settings={
            name: role.Settings.model_validate(own.get(name, {}))
            for name, role in {**loaded, "app": roles.load("app")}.items()
        },
        ports={name: tuple(role.SERVES) for name, role in loaded.items()},
        calls={name: tuple(role.CALLS) for name, role in loaded.items()},
    )
    if sharding := layout.topology.sharding:
        layout = replace(layout, shards=born(sharding, shards).shards)
    return Renderer(layout, loaded, secret)


def desired(role: str, host: str, **options: Any) -> Desired:
    return renderer(**options).desired(role, host)


def view(role: str, host: str, **options: Any) -> HostView:
    return renderer(**options).view(role, host)


def content(wanted: Desired, path: str) -> str:
    """Content of the one managed file of that path."""
    (found,) = (one for one in wanted.files if one.path == path)
    return found.content


def task(wanted: Desired, name: str) -> Task:
    """The one task of that name."""
    (found,) = (one for one in wanted.tasks if one.name == name)
    return found


def shown(wanted: Desired) -> str:
    """All text of a desired state that may be seen: argument lists, logs, plans and files anyone can read."""
    texts = [part for one in wanted.tasks for part in (one.name, one.observe, one.want, one.run)]
    texts += [gate.command for gate in wanted.gates] + [check.command for check in wanted.validators]
    texts += [one.content for one in wanted.files if not one.secret]
    return "\n".join(texts)
