# Managed by massive-deploy: edits are overwritten by the next up.
"""The fence: a packet filter that drops what this host sends to a node's PostgreSQL. A confirmation that cannot leave
cannot acknowledge anything. It lives in the kernel, so it stays when the watcher ends."""

from __future__ import annotations

import json
import subprocess

from .decide import Node
from .look import MARK

TABLE = "massive_leader_watch"
_SET = "{ type ipv4_addr . inet_service; }"
_CHAIN = "{ type filter hook output priority 0; policy accept; }"
_BASE = f"""
add table inet {TABLE}
add set inet {TABLE} cut {_SET}
add chain inet {TABLE} out {_CHAIN}
flush chain inet {TABLE} out
add rule inet {TABLE} out meta mark != {MARK} ip daddr . tcp dport @cut drop
"""


class Nft:
    """The filter, and the addresses towards which it is closed. Raises OSError when it cannot be changed."""

    def __init__(self) -> None:
        _nft("-f", "-", stdin=_BASE)
        self._ports: dict[str, int] = {}
        for rule in json.loads(_nft("-j", "list", "set", "inet", TABLE, "cut"))["nftables"]:
            for element in rule.get("set", {}).get("elem", []):
                address, port = element["concat"]
                self._ports[str(address)] = int(port)

    @property
    def closed(self) -> frozenset[str]:
        """Addresses."""
        return frozenset(self._ports)

    def close(self, node: Node) -> None:
        """Let nothing out to that node's PostgreSQL."""
        self._ports[node.address] = node.sql
        self.hold()

    def hold(self) -> None:
        """Make the rules anew where they are needed: somebody else may have flushed all of them."""
        if self._ports:
            elements = [f"add element inet {TABLE} cut {_element(*one)}\n" for one in sorted(self._ports.items())]
            _nft("-f", "-", stdin=_BASE + "".join(elements))

    def open(self, address: str) -> None:
        """Let everything out again."""
        element = _element(address, self._ports[address])
        _nft("-f", "-", stdin=f"delete element inet {TABLE} cut {element}\n")
        del self._ports[address]


def _element(address: str, port: int) -> str:
    return "{ " + f"{address} . {port}" + " }"


def _nft(*words: str, stdin: str = "") -> str:
    line = ["/usr/sbin/nft", *words]
    try:
        run = subprocess.run(line, input=stdin, capture_output=True, text=True, check=False, timeout=5)
    except subprocess.TimeoutExpired as error:
        raise OSError("nft did not end within 5 s") from error
    if run.returncode:
        raise OSError(f"nft: {run.stderr.strip()[:300]}")
    return run.stdout
