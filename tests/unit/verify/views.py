"""A stack of two hosts that run one role of the test's own."""

from __future__ import annotations

from massive_deploy.topology.layout import Host, Layout
from massive_deploy.topology.model import App, Topology
from massive_deploy.view import HostView

HOSTS = tuple(Host(name, "node", (), f"192.0.2.{n}", n) for n, name in enumerate(("one", "two"), 1))


def views(*roles: str) -> dict[tuple[str, str], HostView]:
    """What each role sees of each host."""
    topology = Topology(name="trial", app=App(source=".", settings="shop.settings"))
    placed = {role: tuple(host.name for host in HOSTS) for role in roles}
    layout = Layout("trial", topology, HOSTS, placed, {}, {}, {})
    return {(role, host.name): HostView(role, host, layout, str, str) for role in roles for host in HOSTS}
