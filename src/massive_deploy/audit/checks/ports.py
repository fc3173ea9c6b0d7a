"""Nothing listens but what a role serves or the topology allows, and only where it has to.

What listens on every address needs no more than one mistake in a packet filter to be public.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import ip_address

from massive_deploy.audit.check import Finding, Subject, Unclear

LOOKS_AT = "ss -lntup, beside the ports of the host's roles and `roles: firewall: allow`"
WHY = "a service nobody knows of is a door nobody watches"

_SOCKET = re.compile(r"^(tcp|udp)\s+\S+\s+\S+\s+\S+\s+(\S+):(\d+)\s")
_USER = re.compile(r'users:\(\("([^"]*)"')
# Of a program that asks, not of one that serves.
_CLIENTS = {("udp", 68), ("udp", 546)}
_EPHEMERAL = 32768


@dataclass(frozen=True, slots=True)
class _Listening:
    protocol: str
    address: str
    port: int
    program: str

    @property
    def outside(self) -> bool:
        """Whether anybody but the host itself can reach it."""
        return not (self.address != "*" and ip_address(self.address).is_loopback)

    @property
    def everywhere(self) -> bool:
        return self.address in {"*", "0.0.0.0", "::"}  # noqa: S104 - what is looked for


def script(subject: Subject) -> str:  # noqa: ARG001
    """Every socket that listens, with its program."""
    return "ss -Hlntup"


def judge(subject: Subject, seen: str) -> Iterator[Finding]:
    """What is not declared, and what is declared for the stack alone but bound to every address."""
    sockets = list(_sockets(seen))
    if not sockets:
        raise Unclear(f"no socket listens, not even sshd's: {seen.strip()[:200] or 'ss printed nothing'}")
    served, anywhere = _declared(subject)
    told = set()
    for one in sockets:
        way = (one.protocol, one.port)
        if not one.outside or way in anywhere or way in told:
            continue
        told.add(way)
        place = f"{one.protocol} {one.port} ({one.program}) on {one.address}"
        if way not in served:
            hint = f"stop {one.program}, bind it to 127.0.0.1, or name it: massive-deploy explain roles.firewall.allow"
            yield Finding(f"{place}: no role serves it", hint)
        elif one.everywhere:
            hint = f"bind it to {subject.host.address}: {subject.on_host('ss -lntup')}"
            yield Finding(f"{place}: only hosts of the stack call it", hint)


def _declared(subject: Subject) -> tuple[set[tuple[str, int]], set[tuple[str, int]]]:
    """(protocol, port) that roles here serve to the stack, and those that may be on every address."""
    served: set[tuple[str, int]] = set()
    anywhere: set[tuple[str, int]] = set()
    for role in subject.desired:
        for port in subject.layout.ports.get(role, ()):
            (anywhere if port.public else served).add((port.protocol, port.number))
    settings = subject.layout.settings.get("firewall")
    given = subject.layout.topology.hosts.get(subject.host.name)
    ssh = list(getattr(settings, "ssh_ports", ())) or [given.port if given is not None else 22]
    anywhere |= {("tcp", port) for port in ssh}
    for one in getattr(settings, "allow", ()):
        if not one.groups or subject.host.group in one.groups:
            anywhere.add((one.protocol, one.port))
    return served, anywhere


def _sockets(seen: str) -> Iterator[_Listening]:
    for line in seen.splitlines():
        found = _SOCKET.match(line + " ")
        if found is None:
            continue
        protocol, address, port = found[1], found[2].strip("[]").partition("%")[0], int(found[3])
        if (protocol, port) in _CLIENTS or (protocol == "udp" and port >= _EPHEMERAL):
            continue
        program = _USER.search(line)
        yield _Listening(protocol, address, port, program[1] if program else "unknown program")
