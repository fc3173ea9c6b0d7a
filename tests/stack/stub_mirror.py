"""A package mirror that misbehaves, as an HTTP proxy for apt: URIs stay those of the real mirror."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class _Handler(BaseHTTPRequestHandler):
    fault = ""
    size = 0
    asked: list[str]
    done: threading.Event

    def do_GET(self) -> None:
        self.asked.append(self.path)
        if self.fault == "silent":
            self.done.wait(60)
        elif self.fault == "corrupt" and re.search(r"\.deb$", self.path):
            self.send_response(200)
            self.send_header("Content-Length", str(self.size))
            self.end_headers()
            self.wfile.write(b"x" * self.size)
        else:
            self.send_error(503)

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def stub_mirror(address: str, fault: str, size: int = 0) -> Iterator[tuple[str, list[str]]]:
    """Serve until the block ends; yields its URL and the list of what it was asked for.

    `fault` is "503", "silent" (it takes requests and never answers), or "corrupt" (packages of `size` wrong bytes).
    """
    asked: list[str] = []
    done = threading.Event()
    handler = type("Handler", (_Handler,), {"fault": fault, "size": size, "asked": asked, "done": done})
    with ThreadingHTTPServer((address, 0), handler) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield f"http://{address}:{server.server_port}", asked
        finally:
            done.set()
            server.shutdown()
            thread.join(5)
