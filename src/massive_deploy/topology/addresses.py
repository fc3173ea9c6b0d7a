"""Addresses of machines the docker target makes."""

from __future__ import annotations

from collections.abc import Collection
from zlib import crc32

from .model import Topology

_FIRST = 11
_LAST = 254


def subnet(topology: Topology) -> str:
    """The /24 network of the inventory's containers: as written, or 10.203.X.0/24 with X from its name."""
    return topology.docker.subnet or f"10.203.{crc32(topology.name.encode()) % 256}.0/24"


def free_address(network: str, taken: Collection[str]) -> str:
    """The lowest address of the /24 from .11 on that no recorded host has; LookupError when it is full."""
    prefix = network.removesuffix("0/24")
    for last in range(_FIRST, _LAST + 1):
        if (address := f"{prefix}{last}") not in taken:
            return address
    raise LookupError(f"{network} is full")
