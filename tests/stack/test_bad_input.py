"""What goes wrong before and while hosts are touched: each ends with its exit code, host, cause and next command."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from harness import ROOT, Stack, stack

pytestmark = pytest.mark.stack
TOPOLOGY = """
name: md-bad
stack: small
target: ssh
hosts:
  only: {{address: 127.0.0.1, port: {port}, user: root}}
app:
  source: {source}
  settings: shop.settings
"""


@contextmanager
def counting_server() -> Iterator[tuple[int, list[str]]]:
    """A loopback port that notes every connection and says nothing."""
    seen: list[str] = []
    with socket.create_server(("127.0.0.1", 0)) as server:

        def listen() -> None:
            while True:
                try:
                    connection, address = server.accept()
                except OSError:
                    return
                seen.append(str(address))
                connection.close()

        thread = threading.Thread(target=listen, daemon=True)
        thread.start()
        yield server.getsockname()[1], seen
        server.shutdown(socket.SHUT_RDWR)
    thread.join(5)


@pytest.fixture
def inventory(tmp_path: Path) -> Iterator[Stack]:
    with stack(tmp_path, "md-bad", destroy=False) as made:
        yield made


@pytest.mark.parametrize("command", ["validate", "plan", "up"])
def test_a_wrong_topology_opens_no_connection(inventory: Stack, command: str) -> None:
    with counting_server() as (port, seen):
        inventory.write(TOPOLOGY.format(port=port, source=ROOT / "examples/shop") + "replica: 1\n")
        said = inventory.command(command, str(inventory.folder), code=6).stderr
    assert "unknown key 'replica'" in said
    assert "Traceback" not in said
    assert seen == []


def test_an_unreachable_host_is_named_with_the_next_command(inventory: Stack) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    inventory.write(TOPOLOGY.format(port=port, source=ROOT / "examples/shop"))
    said = inventory.command("up", str(inventory.folder), code=5).stderr
    assert "only | connect" in said
    assert f"next: ssh -p {port} root@127.0.0.1" in said


def test_a_missing_project_is_found_before_any_host_is_asked(inventory: Stack) -> None:
    with counting_server() as (port, seen):
        inventory.write(TOPOLOGY.format(port=port, source="./nothing-here"))
        said = inventory.command("up", str(inventory.folder), code=None)
    assert said.returncode in {1, 6}
    assert "nothing-here" in said.stderr
    assert "next:" in said.stderr or "(" in said.stderr
    assert seen == []
