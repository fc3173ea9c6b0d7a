"""Which replica a new node is copied from, and how."""

from __future__ import annotations

from typing import Any

import pytest
from massive_deploy.roles.postgresql.templates.clone_from_replica import command, nearest, passwords

HOSTS = ["10.0.1.1", "10.0.1.2", "10.0.1.3"]


def member(number: int, role: str = "replica", state: str = "streaming", **other: Any) -> dict[str, Any]:
    return {"name": f"db-{number}", "host": f"10.0.1.{number}", "port": 5432, "role": role, "state": state, **other}


def test_the_replica_that_is_the_least_behind_is_copied() -> None:
    found = [member(1, "leader", "running"), member(2, lag=4096), member(3, "sync_standby", lag=0)]
    assert nearest(found, HOSTS) == ("10.0.1.3", 5432)


@pytest.mark.parametrize(
    "unfit",
    [
        member(1, "leader", "running"),
        member(2, state="creating replica"),
        member(2, state="in archive recovery", lag=0),
        member(2, lag="unknown"),
        member(2, lag=2**30),
        # It leaves: it is not among the topology's hosts any more, and does not know who is new.
        member(4, lag=0),
    ],
)
def test_without_a_fit_replica_patroni_copies_the_leader(unfit: dict[str, Any]) -> None:
    assert nearest([unfit], HOSTS) is None


def test_the_leaders_password_is_the_replicas() -> None:
    text = "10.0.1.1:5432:*:massive_replication:a\\:b\n# no line of it\n"
    assert passwords(text) == "*:*:*:massive_replication:a\\:b\n"


def test_no_password_is_among_the_words() -> None:
    words = command("pg_basebackup", "user=r host=10.0.1.1 port=5432", ("10.0.1.2", 5433), "/data")
    assert words[1] == "--dbname=user=r host=10.0.1.1 port=5432 host=10.0.1.2 port=5433"
    assert "--wal-method=stream" in words
