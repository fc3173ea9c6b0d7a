# Managed by massive-deploy: edits are overwritten by the next up.
"""Looks at a node: does its PostgreSQL answer, does its Patroni?"""

from __future__ import annotations

import http.client
import json
import socket
import threading
import time
from collections.abc import Callable

from .decide import Node, Settings, Silence

MARK = 0x6D64
_SO_MARK = 36
_SSL_REQUEST = b"\x00\x00\x00\x08\x04\xd2\x16\x2f"


def ask(node: Node, path: str) -> bytes | None:
    """Body of what the node's Patroni answers within a second, whatever its status; None when it does not answer."""
    connection = http.client.HTTPConnection(node.address, node.rest, timeout=1)
    try:
        connection.request("GET", path)
        return connection.getresponse().read(65536)
    except (OSError, http.client.HTTPException):
        return None
    finally:
        connection.close()


def role_of(node: Node) -> str:
    """What its Patroni says of its server; empty when it says nothing."""
    try:
        return str(json.loads(ask(node, "/patroni") or b"{}").get("role", ""))
    except (ValueError, AttributeError):
        return ""


def speaks(node: Node) -> bool:
    """Whether PostgreSQL answers within a second. The mark lets this one connection through the own fence."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as connection:
        try:
            connection.settimeout(1)
            connection.setsockopt(socket.SOL_SOCKET, _SO_MARK, MARK)
            connection.connect((node.address, node.sql))
            connection.sendall(_SSL_REQUEST)
            return bool(connection.recv(1))
        except OSError:
            return False


class Look:
    """Two threads that look at a node: either answer counts as a sign of life."""

    def __init__(self, node: Node, settings: Settings) -> None:
        self._node, self._settings, self._done = node, settings, threading.Event()
        self._senses = {speaks: Silence(settings.patience), answers: Silence(settings.patience)}
        for sense, silence in self._senses.items():
            threading.Thread(target=self._run, args=(sense, silence), daemon=True).start()

    def _run(self, sense: Callable[[Node], bool], silence: Silence) -> None:
        while not self._done.is_set():
            begun = time.monotonic()
            answered = sense(self._node)
            silence.note(answered, begun, time.monotonic())
            self._done.wait(max(0.0, begun + self._settings.interval - time.monotonic()))

    @property
    def silent(self) -> bool:
        """Whether both have been silent for long enough."""
        return all(silence.silent for silence in self._senses.values())

    def stop(self) -> None:
        """Look no more."""
        self._done.set()


def answers(node: Node) -> bool:
    """Whether Patroni answers anything within a second."""
    return ask(node, "/liveness") is not None
