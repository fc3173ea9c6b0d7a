"""Checks of the firewall role."""

from __future__ import annotations

import json
from ipaddress import ip_address, ip_network
from typing import Any

from massive_deploy.topology.layout import Host
from massive_deploy.topology.openings import openings
from massive_deploy.verify.steady import eventually
from massive_deploy.view import HostView

from .desired import NAME, RULES, STATE
from .rules import TABLE, ssh

MOST_PEERS = 12
"""Hosts that each host knocks at; in a large stack every host has other ones."""
# One process a port, all at the same time: a port that drops what comes would be waited for two minutes.
KNOCK = r"""
knock() { { exec 3<>"/dev/tcp/$1/$2" && echo "$1 $2"; } 2>/dev/null; }
while read -r address port; do knock "$address" "$port" & done
sleep 3
kill $(jobs -p) 2>/dev/null
wait 2>/dev/null
true
"""


def check_it_is_loaded_at_boot(host: Any, view: HostView) -> None:
    """The unit that loads the rules is on, or off where it is not wanted."""
    service = host.service(NAME)
    assert (service.is_running, service.is_enabled) == (view.settings.enabled, view.settings.enabled)


def check_the_kernel_has_these_rules(host: Any, view: HostView) -> None:
    """The table in the kernel is the one that was made of the file, and nobody has changed it since."""
    if not view.settings.enabled:
        assert f"table inet {TABLE}" not in host.check_output("nft list tables 2>/dev/null || true").splitlines()
        return
    assert host.check_output(f"sha256sum <{RULES}") == host.check_output(f"cat {STATE}/closed")
    now = host.check_output(f"nft -ns list table inet {TABLE} | sha256sum")
    assert now == host.check_output(f"cat {STATE}/listed")


def check_what_no_rule_lets_in_is_dropped(host: Any, view: HostView) -> None:
    """The chain's policy is drop."""
    if view.settings.enabled:
        listed = json.loads(host.check_output(f"nft -j list chain inet {TABLE} input"))["nftables"]
        assert [entry["chain"]["policy"] for entry in listed if "chain" in entry] == ["drop"]


def check_peers_are_open_where_they_should_be_and_nowhere_else(host: Any, view: HostView) -> None:
    """Of all ports any role serves, this host reaches at its peers exactly those it may."""
    if not view.settings.enabled:
        return
    peers = _peers(view)
    ports = {port.number for served in view.layout.ports.values() for port in served if port.protocol == "tcp"}
    ports |= {one.port for peer in peers for one in ssh(view, peer)}
    # Whether anything listens where the topology allows more is not known.
    ports -= {one.port for one in view.settings.allow}
    words = "".join(f"{peer.address} {port}\n" for peer in peers for port in sorted(ports))
    wanted = {f"{peer.address} {port}" for peer in peers for port in _reached(view, peer) & ports}

    def found() -> set[str]:
        return set(host.check_output(f"bash -c '{KNOCK}' <<'WORDS'\n{words}WORDS").splitlines())

    there = eventually(found, lambda seen: seen == wanted, 10)
    assert sorted(there - wanted) == []
    assert sorted(wanted - there) == []


def _peers(view: HostView) -> list[Host]:
    hosts = list(view.layout.hosts)
    at = [host.name for host in hosts].index(view.host.name)
    return (hosts[at + 1 :] + hosts[:at])[:MOST_PEERS]


def _reached(view: HostView, peer: Host) -> set[int]:
    """TCP ports of the peer that are open to this host."""
    address = ip_address(view.host.address)
    ways = openings(view.layout)[peer.name]
    ports = {way.port for way in ways if way.protocol == "tcp" and way.address in {"", view.host.address}}
    return ports | {
        one.port for one in ssh(view, peer) if any(address in ip_network(network) for network in one.networks)
    }
