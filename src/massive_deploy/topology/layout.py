"""The placed, resolved topology: which host plays which part, who talks to whom."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from .model import Topology


@dataclass(frozen=True, slots=True)
class Host:
    """One host: its parts, the database cluster it belongs to (1, 2, … or None), address and size."""

    name: str
    group: str
    parts: tuple[str, ...]
    address: str
    number: int
    cluster: int | None = None
    cpus: int = 2
    memory_mb: int = 1024


@dataclass(frozen=True, slots=True)
class Port:
    """Something a role serves: its name within the role, its port, and where Prometheus scrapes it, if it does.

    With `protocol` ip, `number` is that of an IP protocol of its own (112 is VRRP). A `public` one anybody may call,
    from outside as well.
    """

    name: str
    number: int
    metrics: str = ""
    protocol: Literal["tcp", "udp", "ip"] = "tcp"
    public: bool = False


@dataclass(frozen=True, slots=True)
class Edge:
    """One permitted connection: from a host's role to a host's role, on a port (`protocol` as in Port)."""

    source: str
    source_role: str
    target: str
    target_role: str
    service: str
    port: int
    protocol: str = "tcp"


@dataclass(frozen=True, slots=True)
class Cluster:
    """One physical PostgreSQL cluster. Cluster 1 also holds what is not sharded."""

    number: int
    name: str
    hosts: tuple[Host, ...]


@dataclass(frozen=True, slots=True)
class Shard:
    """One logical shard: a schema of the project's database, and the number of the cluster it lives in."""

    number: int
    cluster: int

    @property
    def name(self) -> str:
        """Its schema, and Django's alias for it."""
        return f"shard{self.number:04d}"


@dataclass(frozen=True, slots=True)
class Alias:
    """One Django database alias and the pooler's database behind it; `writable` ones reach the cluster's leader.

    `shard` is the schema of a logical shard, empty where the alias is of a whole database. `server_database` is the
    database on the servers, where it is not the project's.
    """

    name: str
    database: str
    cluster: int
    writable: bool
    shard: str = ""
    server_database: str = ""


@dataclass(frozen=True, slots=True)
class Sum:
    """Capacity arithmetic shown to the user: the terms, what they add or multiply up to, and the limit.

    `role` is whose settings change it.
    """

    name: str
    formula: str
    total: int
    limit: int
    where: str = ""
    role: str = field(default="", compare=False)

    @property
    def fits(self) -> bool:
        """Whether the total stays within the limit."""
        return self.total <= self.limit


@dataclass(frozen=True, slots=True)
class Layout:
    """The value everything is derived from. `roles` maps a role to the names of the hosts that run it."""

    name: str
    topology: Topology
    hosts: tuple[Host, ...]
    roles: Mapping[str, tuple[str, ...]]
    settings: Mapping[str, Any]
    ports: Mapping[str, tuple[Port, ...]]
    calls: Mapping[str, tuple[str, ...]]
    leaving: tuple[Host, ...] = ()
    shards: tuple[Shard, ...] = ()

    def host(self, name: str) -> Host:
        """The host of that name; KeyError if there is none."""
        for host in self.hosts:
            if host.name == name:
                return host
        raise KeyError(name)

    def running(self, role: str) -> tuple[Host, ...]:
        """Hosts that run the role, in order of their names' numbers; empty when the role is not in this stack."""
        names = self.roles.get(role, ())
        return tuple(host for host in self.hosts if host.name in names)

    def roles_of(self, host: str) -> tuple[str, ...]:
        """Roles of one host, in no particular order."""
        return tuple(role for role, hosts in self.roles.items() if host in hosts)

    def port(self, role: str, name: str) -> int:
        """Number of a role's port; KeyError when it serves none of that name."""
        for port in self.ports[role]:
            if port.name == name:
                return port.number
        raise KeyError(f"{role}.{name}")

    @property
    def clusters(self) -> tuple[Cluster, ...]:
        """The PostgreSQL clusters in order of their number."""
        numbers = sorted({host.cluster for host in self.hosts if host.cluster is not None})
        return tuple(
            Cluster(n, f"{self.name}-{n}", tuple(host for host in self.hosts if host.cluster == n)) for n in numbers
        )

    @property
    def namespace(self) -> str:
        """Where Patroni keeps this inventory's clusters in etcd; below it a folder for each cluster, by name."""
        return f"/massive/{self.name}/"

    @property
    def https(self) -> bool:
        """Whether the edge offers HTTPS itself."""
        return getattr(self.settings.get("nginx"), "tls", "off") != "off"

    @property
    def database(self) -> str:
        """Name of the project's database, the same in every cluster."""
        return (self.topology.app.name or self.name).replace("-", "_")

    @property
    def aliases(self) -> tuple[Alias, ...]:
        """Django's database aliases: default and replica (cluster 1), then those of the shards.

        With logical shards shard0000, shard0000_replica, …; without, of several clusters shard1, shard1_replica, ….
        """
        db, clusters = self.database, [cluster.number for cluster in self.clusters]
        pairs = [("default", "replica", db, 1, "")]
        if self.shards:
            pairs += [
                (one.name, f"{one.name}_replica", f"{db}_{one.name}", one.cluster, one.name) for one in self.shards
            ]
        elif len(clusters) > 1:
            pairs += [(f"shard{n}", f"shard{n}_replica", f"{db}_shard{n}", n, "") for n in clusters]
        found = [
            alias
            for leader, replica, name, number, shard in pairs
            for alias in (Alias(leader, name, number, True, shard), Alias(replica, f"{name}_ro", number, False, shard))
        ]
        if self.reporting_database:
            name = self.reporting_database
            found.append(Alias("reporting", name, 1, False, server_database=name))
        return tuple(found)

    @property
    def reporting_database(self) -> str:
        """Name of the database that shows all shards; empty where there is none."""
        sharding = self.topology.sharding
        return f"{self.database}_reporting" if self.shards and sharding and sharding.reporting else ""

    @property
    def shards_role(self) -> str:
        """Who logs in for the logical shards; it becomes the role of the one it works for."""
        return f"{self.database}_shards"

    @property
    def readers_role(self) -> str:
        """What the roles of all logical shards may read besides their own: the common data."""
        return f"{self.database}_common"

    def shard_role(self, shard: str) -> str:
        """Who owns a logical shard's schema, and sees no other; `shard` is its name."""
        return f"{self.database}_{shard}"

    @staticmethod
    def balancer_port(alias: Alias) -> int:
        """Loopback port on every app host where HAProxy hands this alias' connections to its cluster."""
        return 15000 + 2 * alias.cluster + (0 if alias.writable else 1)
