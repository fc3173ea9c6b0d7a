# Managed by massive-deploy: edits are overwritten by the next up.
"""Tells Prometheus what memcached counts: its `stats`, asked anew for each scrape. Standard library only.

Names are those of the exporter that Prometheus' own project has for memcached, so that dashboards made for it fit.
"""

from __future__ import annotations

import argparse
import socket
import sys
from collections.abc import Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

PATIENCE = 3.0
"""Seconds memcached has for each step of its answer."""
MOST = 1 << 20
"""Bytes of an answer: far more than it has."""

# What `stats` calls it, what it is called here, and of which kind it is.
PLAIN = (
    ("uptime", "uptime_seconds", "counter"),
    ("curr_connections", "current_connections", "gauge"),
    ("max_connections", "max_connections", "gauge"),
    ("total_connections", "connections_total", "counter"),
    ("rejected_connections", "connections_rejected_total", "counter"),
    ("listen_disabled_num", "connections_listener_disabled_total", "counter"),
    ("bytes", "current_bytes", "gauge"),
    ("limit_maxbytes", "limit_bytes", "gauge"),
    ("curr_items", "current_items", "gauge"),
    ("total_items", "items_total", "counter"),
    ("evictions", "items_evicted_total", "counter"),
    ("reclaimed", "items_reclaimed_total", "counter"),
    ("bytes_read", "read_bytes_total", "counter"),
    ("bytes_written", "written_bytes_total", "counter"),
)
HITS = ("get", "delete", "incr", "decr", "cas", "touch")


def stats(address: tuple[str, int]) -> dict[str, str]:
    """What memcached answers to `stats`.

    Raises:
        OSError: it does not answer, or not to the end.
    """
    with socket.create_connection(address, PATIENCE) as talk:
        talk.sendall(b"stats\r\n")
        said = b""
        while not said.endswith(b"END\r\n"):
            more = talk.recv(65536)
            if not more or len(said) > MOST:
                raise OSError("the answer has no end")
            said += more
    lines = (line.split(" ", 2) for line in said.decode("ascii", "replace").splitlines())
    return {words[1]: words[2] for words in lines if len(words) == 3 and words[0] == "STAT"}


def metrics(told: Mapping[str, str] | None) -> str:
    """What GET /metrics answers; None stands for a memcached that does not answer."""
    lines = ["# TYPE memcached_up gauge", f"memcached_up {int(told is not None)}"]
    if told is not None:
        for name, ours, kind in PLAIN:
            if name in told:
                lines += [f"# TYPE memcached_{ours} {kind}", f"memcached_{ours} {told[name]}"]
        lines += ["# TYPE memcached_commands_total counter", *_commands(told)]
        lines += ["# TYPE memcached_version gauge", sample("version", "1", version=told.get("version", ""))]
    return "\n".join(lines) + "\n"


def _commands(told: Mapping[str, str]) -> Iterator[str]:
    for command in HITS:
        for status, ending in (("hit", "hits"), ("miss", "misses")):
            if (count := told.get(f"{command}_{ending}")) is not None:
                yield sample("commands_total", count, command=command, status=status)
    for command in ("set", "flush"):
        if (count := told.get(f"cmd_{command}")) is not None:
            yield sample("commands_total", count, command=command, status="hit")


def sample(name: str, value: str, **labels: str) -> str:
    """One line with labels."""
    return f"memcached_{name}" + "{" + ",".join(f'{label}="{text}"' for label, text in labels.items()) + "} " + value


def handler(address: tuple[str, int]) -> type[BaseHTTPRequestHandler]:
    """Answers GET /metrics."""

    class Handler(BaseHTTPRequestHandler):
        timeout = 10

        def do_GET(self) -> None:
            if self.path != "/metrics":
                self.send_error(404)
                return
            try:
                told = stats(address)
            except OSError:
                told = None
            body = metrics(told).encode()
            self.send_response(200)
            self.send_header("Content-Type", "text/plain; version=0.0.4")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            """Scrapes are not worth a line each."""

    return Handler


class Server(ThreadingHTTPServer):
    """A caller that hangs up is no news."""

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Stay silent about lost connections."""
        if not isinstance(sys.exc_info()[1], OSError):
            super().handle_error(request, client_address)


def main() -> None:
    """Serve until the process ends."""
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("--address", required=True, help="of memcached, and to listen on")
    words.add_argument("--memcached-port", type=int, required=True)
    words.add_argument("--port", type=int, required=True)
    given = words.parse_args()
    Server((given.address, given.port), handler((given.address, given.memcached_port))).serve_forever()


if __name__ == "__main__":
    main()
