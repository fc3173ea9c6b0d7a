"""Small role objects that stand in for folders under roles/: placing needs no more of a role than this."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from massive_deploy.topology.layout import Host, Layout, Port, Sum
from massive_deploy.topology.load import Loaded, load
from massive_deploy.topology.model import Strict, Topology
from massive_deploy.topology.place import place
from massive_deploy.topology.placement import Placement
from massive_deploy.topology.stacks import load_stack


class Nothing(Strict):
    """No settings."""


class Pool(Strict):
    """A pooler."""

    mode: Literal["transaction", "session"] = "transaction"
    """When a server connection is given back."""
    pool_size: int = 20
    """Server connections of each pool."""
    hosts: tuple[str, ...] = ()
    """Names."""


@dataclass(frozen=True)
class FakeRole:
    PLACED_ON: Sequence[str]
    SERVES: Sequence[Port] = ()
    CALLS: Sequence[str] = ()
    Settings: type[Strict] = Nothing
    wanted: Callable[[Topology], bool] = lambda _topology: True
    sums: Callable[[Layout], list[Sum]] = field(default=lambda _layout: [])
    memory: Callable[[Layout, Host], int] = field(default=lambda _layout, _host: 100)


ROLES = {
    "node_exporter": FakeRole(["every"], [Port("metrics", 9100, "/metrics")]),
    "etcd": FakeRole(["quorum"], [Port("client", 2379), Port("peer", 2380)], ["etcd.peer"]),
    "postgresql": FakeRole(["database"], [Port("sql", 5432), Port("rest", 8008)], ["etcd.client", "postgresql.sql"]),
    "pgbouncer": FakeRole(["app"], CALLS=["postgresql.sql"], Settings=Pool, wanted=lambda t: t.pooler == "pgbouncer"),
    "memcached": FakeRole(["memcached"], [Port("data", 11211)]),
    "redis": FakeRole(["redis"], [Port("data", 6379)]),
    "app": FakeRole(["app"], [Port("http", 8000)], ["memcached.data", "redis.data", "search.api"]),
    "varnish": FakeRole(["edge"], CALLS=["app.http"]),
    "monitoring": FakeRole(["monitor"], [Port("prometheus", 9090)], ["*"]),
}
SETTINGS = {name: role.Settings for name, role in ROLES.items()}
BASE: dict[str, Any] = {
    "name": "demo",
    "target": "docker",
    "app": {"source": "https://example.com/shop.git", "settings": "shop.settings"},
}


def loaded(path: Path) -> Loaded:
    """A topology file with the fakes' settings."""
    return load(path, SETTINGS)


def placed(before: Placement | None = None, **values: Any) -> tuple[Layout, Placement]:
    """A topology placed over what was recorded."""
    topology = Topology.model_validate(BASE | values)
    settings = {name: kind() for name, kind in SETTINGS.items()}
    return place(topology, load_stack(topology.stack, None), before, ROLES, settings)
