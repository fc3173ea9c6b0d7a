"""What is wrong or doubtful in a topology although every value by itself is allowed."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from pathlib import Path

from massive_deploy.errors import Problem

from .document import Document
from .machines import check_machines, warn_machines
from .model import Topology
from .nodes import Location, printable
from .plain_secrets import warn_secrets
from .sharding import check_sharding, warn_sharding
from .stacks import Stack, counts, demand

_TAKEN = frozenset(
    [
        "all",
        "none",
        "pgbouncer",
        "pgpool",
        "postgres",
        "public",
        "replication",
        "sameuser",
        "samerole",
        "template0",
        "template1",
    ]
)
# What YAML 1.1, which several parts read, takes for something else than text; and a name every host has already.
_NO_TEXT = re.compile(r"^(y|n|yes|no|on|off|true|false|null|[0-9][0-9_]*(e[0-9]+)?|0x[0-9a-f]+|0o?[0-7]+)$")
_OWN = "localhost"
_GIT = re.compile(r"^[a-z][a-z0-9+]*://|^[A-Za-z0-9_.-]+@[A-Za-z0-9.-]+:|\.git/?$")


def is_git(source: str) -> bool:
    """Whether a project's source is a git URL and not a folder."""
    return bool(_GIT.search(source))


def check(topology: Topology, stack: Stack, document: Document, roles: Collection[str]) -> Iterator[Problem]:
    """Everything that makes the topology impossible, with its place."""
    yield from _stack_counts(topology, stack, document)
    yield from _names(topology, document)
    yield from check_machines(topology, stack, document)
    yield from _failover(topology, document)
    yield from check_sharding(topology, document)
    if topology.pooler not in roles:
        yield document.problem(
            ("pooler",),
            f"there is no role '{topology.pooler}'",
            f"make a folder roles/{topology.pooler}, or choose another",
        )
    yield from _project(topology, document)


def warn(topology: Topology, stack: Stack, document: Document) -> Iterator[Problem]:
    """What works, but may not be what was meant."""
    yield from warn_machines(topology, stack, document)
    if topology.failover.synchronous == "strict" and topology.replicas == 1:
        what = "with one replica, writes stop while it is away"
        yield document.problem(("failover", "synchronous"), what, "set `replicas: 2`, or `synchronous: quorum`")
    yield from warn_sharding(topology, document)
    yield from warn_secrets(document)


def _stack_counts(topology: Topology, stack: Stack, document: Document) -> Iterator[Problem]:
    for name, group in stack.hosts.items():
        if not isinstance(group.count, int):
            continue
        for part in group.parts:
            wanted = demand(part, topology)
            exact = part == "database"
            if wanted is None or wanted == group.count or (wanted < group.count and not exact):
                continue
            key = _counted_by(part, topology)
            what = f"stack '{topology.stack}' has {group.count} {part} host(s) (group '{name}'), this asks for {wanted}"
            yield document.problem(key, what, "use `stack: massive`")
    for part in ("memcached",):
        if not any(part in group.parts for group in stack.hosts.values()) and demand(part, topology):
            yield document.problem(
                ("cache", part), f"stack '{topology.stack}' has no {part} hosts", f"set `cache: {{{part}: 0}}`"
            )


def _counted_by(part: str, topology: Topology) -> Location:
    if part == "database":
        return ("shards",) if topology.shards > 1 else ("replicas",)
    return {"edge": ("edge_servers",), "app": ("app_servers",)}.get(part, ("cache", part))


def _names(topology: Topology, document: Document) -> Iterator[Problem]:
    places: list[Location] = [("hosts", name) for name in topology.hosts]
    for location in places:
        if _NO_TEXT.match(str(location[-1])):
            what = f"'{location[-1]}' is a number, true, false or nothing to many programs that read YAML"
            yield document.problem(location, what, f"choose another name, such as host-{location[-1]}", key=True)
        elif location[-1] == _OWN:
            what = f"'{_OWN}' is every host's name for itself"
            yield document.problem(location, what, "choose another name, such as node-1", key=True)
    for location, name in ((("name",), topology.name), (("app", "name"), topology.app.name or "")):
        if _NO_TEXT.match(name):
            what = f"'{name}' is true, false or nothing to many programs that read YAML"
            yield document.problem(location, what, f"choose another name, such as my-{name}")


def _failover(topology: Topology, document: Document) -> Iterator[Problem]:
    mode = topology.failover.synchronous
    if mode in {"quorum", "strict"} and topology.replicas == 0:
        what = f"{mode} replication needs a replica, and there are none"
        yield document.problem(("failover", "synchronous"), what, "set `replicas: 1` or more, or `synchronous: off`")
    waits = topology.failover.commits(topology.replicas + 1) != "off"
    if topology.failover.early and not (waits and topology.replicas >= 2):
        what = "an early failover is safe only where commits wait for a replica, and another one is left to take over"
        yield document.problem(("failover", "early"), what, "set `replicas: 2` or more and `synchronous: quorum`")


def _is_folder(base: Path, source: str) -> bool:
    try:
        return (base / Path(source).expanduser()).is_dir()
    except (OSError, RuntimeError):  # a name too long, a home nobody has
        return False


def _project(topology: Topology, document: Document) -> Iterator[Problem]:
    key: Location = ("app", "name") if topology.app.name else ("name",)
    database = (topology.app.name or topology.name).replace("-", "_")
    if database in _TAKEN or database.startswith("pg_"):
        yield document.problem(
            key,
            f"the database and its user would be called '{database}', which PostgreSQL keeps for itself",
            "set another `app: name:`",
        )
    for index, name in enumerate(topology.app.secret_environment):
        if name in topology.app.environment:
            what = f"{name} is under `environment` already"
            yield document.problem(("app", "secret_environment", index), what, "keep it in one of the two")
    source = topology.app.source
    if not is_git(source) and not _is_folder(document.path.parent, source):
        yield document.problem(
            ("app", "source"),
            f"no folder '{printable(source)}'",
            f"paths are relative to {document.path.parent}; git sources are URLs",
        )
    total = sum(counts(topology)[name] for name in ("edge_servers", "app_servers", "databases", "caches"))
    if topology.target == "docker" and total > 200:
        yield document.problem(
            ("target",),
            f"{total} machines do not fit a /24 network",
            "the docker target is for small stacks: lower the counts",
        )
