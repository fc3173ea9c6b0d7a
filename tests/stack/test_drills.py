"""Drills on a real cluster of three: whatever is broken, nothing acknowledged is lost and never two nodes lead."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from harness import Stack, within
from warm import one_cluster

pytestmark = [pytest.mark.stack, pytest.mark.proof]
NAME = "md-drilled"
MORE = """
drills: allowed
failover: {speed: fast, synchronous: quorum}
"""
LEADER_CHANGES = {"leader-crash", "leader-power-off", "partition"}
LEFT = (
    "ls -d /var/lib/massive-drill 2>/dev/null; nft list tables | grep massive_drill; "
    "systemctl list-units --all --no-legend 'massive-drill*'"
)


@pytest.fixture(scope="module")
def drilled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with one_cluster(tmp_path_factory.mktemp("drilled"), NAME, MORE) as made:
        yield made


def drill(made: Stack, fault: str, *words: str, code: int = 0) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(
        made.command("drill", str(made.folder), fault, "--json", *words, code=code).stdout
    )
    return found


@pytest.mark.parametrize(
    "fault", ["leader-crash", "leader-power-off", "partition", "replica-slow", "etcd-loss", "pooler-loss"]
)
def test_a_fault_costs_no_acknowledged_write(drilled: Stack, fault: str) -> None:
    html = drilled.folder / f"{fault}.html"
    found = drill(drilled, fault, "--html", str(html))
    assert (found["lost"], found["two_leaders"]) == (0, [])
    assert found["acknowledged"] > 100
    assert found["requests"] > 50
    assert found["recovery"] is not None
    assert (found["leader_before"] != found["leader_after"]) == (fault in LEADER_CHANGES)
    assert (found["promotion"] is not None) == (fault in LEADER_CHANGES)
    assert f"Drill {fault}" in html.read_text(encoding="utf-8")
    assert {name: drilled.on(name, LEFT, code=None) for name in drilled.hosts()} == dict.fromkeys(drilled.hosts(), "")


def test_a_stack_that_is_not_well_is_not_broken_further(drilled: Stack) -> None:
    drilled.on("db-3", "systemctl stop patroni")
    try:
        run = drilled.command("drill", str(drilled.folder), "leader-crash", code=3)
        assert "is not well" in run.stderr
    finally:
        drilled.on("db-3", "systemctl start patroni")
    within(120, lambda: drilled.command("status", str(drilled.folder), code=None).returncode == 0, "well again")
