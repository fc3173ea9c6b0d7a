"""Keys people expect from other tools, and what there is instead."""

from __future__ import annotations

import unicodedata

_SHARDS = (
    "write how many: `shards: 2`; they are numbered, and the project or logical shards (`sharding:`) decide which row "
    "lives where"
)
_LEADER = "leaders and replicas are chosen while running; write how many: `replicas: 1`"
_ETCD = "etcd's members are chosen: three hosts, or one where there are fewer"
_PORT = "ports are fixed, so that every part knows the others'"
_PASSWORD = "passwords are made by the stack and kept encrypted: massive-deploy secrets"  # noqa: S105

_KEYS = {
    "version": "versions are those of Debian trixie (PostgreSQL 17): remove it",
    "role": _LEADER,
    "roles": "roles follow from the host's group: write `group:`",
    "parts": "parts follow from the host's group: write `group:`",
    "leader": _LEADER,
    "primary": _LEADER,
    "master": _LEADER,
    "standby": _LEADER,
    "replica_of": "PostgreSQL's replicas are counted (`replicas: 1`); there is one Redis, without a replica",
    "quorum": _ETCD,
    "etcd": _ETCD,
    "members": _ETCD,
    "port": _PORT,
    "backends": "app hosts are found by themselves; write how many: `app_servers: 2`",
    "upstreams": "app hosts are found by themselves; write how many: `app_servers: 2`",
    "shard": _SHARDS,
    "shard_names": _SHARDS,
    "ranges": "the first key of each shard but the first is listed under `sharding: bounds:`",
    "password": _PASSWORD,
    "passwords": _PASSWORD,
    "secret_key": _PASSWORD,
    "memory": "a given machine's memory is read from it; a made one's is `docker: memory:`",
    "cpus": "a given machine's CPUs are counted on it; a made one's are `docker: cpus:`",
    "hostname": "the key above is the host's name",
    "ip": "write `address:`",
    "identity_file": "write `key:`",
    "ssh_key": "write `key:`",
    "env": "write `environment:`",
    "secrets": "write `app: secret_environment:` with names; the values are in massive-deploy secrets",
    "database_url": "the stack gives the project its database: remove it",
}
# A value of the wrong kind, where one is often given.
_VALUES = {
    "hosts": "write one `name: {address: …}` a line below it, without dashes",
    "shards": _SHARDS,
    "pooler": "choose one of them",
    "replicas": "write how many each database has, such as `replicas: 1`",
    "environment": "write one `NAME: value` a line below it, without dashes",
}


def instead_of(key: str) -> str:
    """What to write instead of a key that does not exist; empty when nothing is known about it."""
    return _KEYS.get(key.lower().replace("-", "_"), "")


def form_of(key: str) -> str:
    """How the value of a key is written; empty when there is nothing special about it."""
    return _VALUES.get(key, "")


def stranger(text: str) -> str:
    """The first character that is not ASCII but may look so, by its name; empty when there is none."""
    for place, character in enumerate(text, 1):
        if not character.isascii():
            name = unicodedata.name(character, "a character without a name")
            return f"character {place} is {name}, U+{ord(character):04X}: type it anew"
    return ""
