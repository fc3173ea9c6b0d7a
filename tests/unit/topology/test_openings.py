"""What may come in at a host is what the edges say, and what is public."""

from __future__ import annotations

from dataclasses import replace

from massive_deploy.topology.layout import Port
from massive_deploy.topology.openings import Opening, openings

from .fakes import placed


def ways(found: tuple[Opening, ...]) -> set[tuple[str, int]]:
    return {(opening.address, opening.port) for opening in found}


def test_each_host_is_open_to_its_callers_alone() -> None:
    layout, _ = placed(app_servers=2, replicas=1)
    at = {host.name: host.address for host in layout.hosts}
    found = openings(layout)
    assert ways(found["app-1"]) == {(at["edge-1"], 8000), (at["monitor-1"], 9100)}
    assert ways(found["cache-1"]) == {
        *((at[app], port) for app in ("app-1", "app-2") for port in (11211, 6379)),
        (at["monitor-1"], 9100),
    }
    database = ways(found["db-1"])
    assert (at["app-1"], 5432) in database
    assert (at["app-1"], 2379) not in database
    assert (at["edge-1"], 5432) not in database
    assert (at["db-2"], 5432) in database
    assert (at["monitor-1"], 2380) in database


def test_a_host_is_not_opened_to_itself() -> None:
    layout, _ = placed(replicas=1)
    for host in layout.hosts:
        assert host.address not in {opening.address for opening in openings(layout)[host.name]}


def test_each_way_in_is_told_once_with_all_who_call() -> None:
    layout, _ = placed(app_servers=1, replicas=1)
    twice = replace(layout, calls={**layout.calls, "app": (*layout.calls["app"], "postgresql.sql")})
    (found,) = [one for one in openings(twice)["db-1"] if one.port == 5432 and "app-1" in one.why]
    assert found.why == "app-1 app to postgresql.sql, app-1 pgbouncer to postgresql.sql"


def test_public_ports_are_open_to_anybody_with_their_protocol() -> None:
    layout, _ = placed()
    ports = {**layout.ports, "varnish": (Port("quic", 443, protocol="udp", public=True),)}
    found = [one for one in openings(replace(layout, ports=ports))["edge-1"] if not one.address]
    assert found == [Opening("", "udp", 443, "anybody to varnish.quic")]


def test_a_host_that_leaves_is_let_in_nowhere() -> None:
    """Its connections go on until it is retired; nothing is left to do then."""
    _, placement = placed(app_servers=2)
    after, _ = placed(placement, app_servers=1)
    (gone,) = after.leaving
    assert gone.address not in {one.address for found in openings(after).values() for one in found}
    assert openings(after) == openings(replace(after, leaving=()))
