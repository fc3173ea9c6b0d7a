"""Rules about the machines a topology names: enough of them, each once, in groups that exist."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import IPv4Address

from massive_deploy.errors import Problem

from .document import Document
from .fields import did_you_mean
from .model import Topology
from .stacks import Stack


def check_machines(topology: Topology, stack: Stack, document: Document) -> Iterator[Problem]:
    """What is impossible about `hosts`."""
    if topology.target == "docker":
        if topology.hosts:
            what = "the docker target makes its own machines"
            yield document.problem(("hosts",), what, "remove `hosts`, or set `target: ssh`", key=True)
        return
    yield from _addresses(topology, document)
    yield from _groups(topology, stack, document)
    yield from _enough(topology, stack, document)


def warn_machines(topology: Topology, stack: Stack, document: Document) -> Iterator[Problem]:
    """What is doubtful about machines."""
    if topology.target == "ssh" and ("docker",) in document.keys:
        yield document.problem(
            ("docker",), "is not used: the target is ssh", "remove it, or set `target: docker`", key=True
        )
    needed = sum(stack.size(group, topology) for group in stack.hosts)
    if topology.target == "ssh" and len(topology.hosts) > needed:
        what = f"{len(topology.hosts)} machines are given, {needed} are used"
        yield document.problem(("hosts",), what, "raise a count, or leave them for later", key=True)


def _addresses(topology: Topology, document: Document) -> Iterator[Problem]:
    first: dict[str, str] = {}
    for name, host in topology.hosts.items():
        at = ("hosts", name, "address")
        if host.address in first:
            yield document.problem(
                at, f"{host.address} is the address of '{first[host.address]}' already", "give each host its own"
            )
        first.setdefault(host.address, name)
        address = IPv4Address(host.address)
        if address.is_unspecified or address.is_multicast or address.is_reserved:
            yield document.problem(
                at, f"{host.address} is no machine's address", "give the address the other hosts reach it by"
            )
        elif address.is_loopback and len(topology.hosts) > 1:
            yield document.problem(
                at, f"{host.address} cannot be reached from the other hosts", "give its address on the network"
            )


def _groups(topology: Topology, stack: Stack, document: Document) -> Iterator[Problem]:
    for name, host in topology.hosts.items():
        if host.group is not None and host.group not in stack.hosts:
            hint = did_you_mean(host.group, stack.hosts)
            what = f"stack '{topology.stack}' has no host group '{host.group}'"
            yield document.problem(("hosts", name, "group"), what, hint)


def _enough(topology: Topology, stack: Stack, document: Document) -> Iterator[Problem]:
    sizes = {group: stack.size(group, topology) for group in stack.hosts}
    need = ", ".join(f"{count} {group}" for group, count in sizes.items())
    if not topology.hosts:
        fix = f"list {sum(sizes.values())} machines ({need}), or set `target: docker`"
        yield document.problem(("hosts",), "the ssh target needs machines, and there are none", fix, key=True)
        return
    given = dict.fromkeys(sizes, 0)
    free = 0
    for host in topology.hosts.values():
        if host.group in given:
            given[host.group] += 1
        elif host.group is None:
            free += 1
    short = {group: sizes[group] - given[group] for group in sizes if sizes[group] > given[group]}
    missing = sum(short.values()) - free
    if missing > 0:
        fix = f"this stack needs {need}: add {missing} more, or lower a count"
        what = f"{len(topology.hosts)} machines are too few"
        if len(topology.hosts) >= sum(sizes.values()):
            what = f"machines are missing in {', '.join(f'{group} ({lack})' for group, lack in short.items())}"
            fix = f"this stack needs {need}: change the `group:` of others"
        yield document.problem(("hosts",), what, fix, key=True)
