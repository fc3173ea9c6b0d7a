"""The ruleset of one host, as text for nft."""

from __future__ import annotations

import re
from collections.abc import Iterator
from ipaddress import IPv4Network, IPv6Network, collapse_addresses, ip_network

from massive_deploy.topology.layout import Host
from massive_deploy.topology.openings import Opening, openings
from massive_deploy.view import HostView

from .settings import Allowed

TABLE = "massive_deploy"
_ADD = f"add element inet {TABLE}"
# The kernel takes 128 bytes with their end.
_COMMENT = 120
_ODD = re.compile(r"[^A-Za-z0-9_.,* -]")


def ssh(view: HostView, host: Host) -> tuple[Allowed, ...]:
    """How SSH comes in at a host."""
    given = view.topology.hosts.get(host.name)
    ports = view.settings.ssh_ports or [given.port if given is not None else 22]
    return tuple(Allowed(port=port, networks=view.settings.ssh_from) for port in ports)


def allowed(view: HostView) -> tuple[Allowed, ...]:
    """What the topology opens on this host beside what roles serve: SSH first."""
    own = (one for one in view.settings.allow if not one.groups or view.host.group in one.groups)
    return (*ssh(view, view.host), *own)


def elements(view: HostView) -> tuple[str, ...]:
    """Lines that say who is let in. Each stands by itself: the host can add those of two rulesets up."""
    peers = [host for host in view.layout.hosts if host.name != view.host.name]
    lines = [f"{_ADD} peers {{ {host.address} {_comment(host.name)} }}" for host in peers]
    lines += [_line(opening) for opening in openings(view.layout)[view.host.name]]
    lines += [line for one in allowed(view) for line in _rules(one)]
    return tuple(dict.fromkeys(lines))


def _line(opening: Opening) -> str:
    comment = _comment(opening.why)
    if opening.protocol == "ip":
        saddr = f"ip saddr {opening.address} " if opening.address else ""
        return f"add rule inet {TABLE} allowed {saddr}meta l4proto {opening.port} accept {comment}"
    way = f"{opening.protocol} . {opening.port}"
    if not opening.address:
        return f"{_ADD} public {{ {way} {comment} }}"
    return f"{_ADD} calls {{ {opening.address} . {way} {comment} }}"


def _comment(text: str) -> str:
    plain = _ODD.sub("?", text)
    return f'comment "{plain if len(plain) <= _COMMENT else plain[: _COMMENT - 3] + "..."}"'


def _rules(one: Allowed) -> Iterator[str]:
    found = [ip_network(network) for network in one.networks]
    four = collapse_addresses(network for network in found if isinstance(network, IPv4Network))
    six = collapse_addresses(network for network in found if isinstance(network, IPv6Network))
    for family, merged in (("ip", list(four)), ("ip6", list(six))):
        if merged:
            saddr = f"{family} saddr {{ {', '.join(map(str, merged))} }}"
            yield f"add rule inet {TABLE} allowed {saddr} {one.protocol} dport {one.port} accept"
