"""Runs beside nginx, in Varnish's place behind it: asks and answers, and prints what visitors saw as JSON."""

import http.client
import http.server
import json
import os
import socketserver
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path

SOCKET = Path("/run/varnish/http.sock")
VISITORS = 8


class Upstream(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    """Says when it made a page, and that it may be kept until the end of this second."""

    daemon_threads = True
    request_queue_size = 500
    status = 200
    keeps = True
    seconds = 0.0
    connections: set = set()


class Answer(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def setup(self):
        super().setup()
        Upstream.connections.add(self.connection)

    def address_string(self):
        return ""

    def log_message(self, *_):
        pass

    def do_GET(self):
        time.sleep(Upstream.seconds)
        now = time.time()
        body = repr(now).encode()
        self.send_response(Upstream.status)
        self.send_header("X-Cache", "HIT")
        self.send_header("Cache-Control", "max-age=600")
        if Upstream.keeps and Upstream.status < 500:
            self.send_header("X-Accel-Expires", f"@{int(now)}")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def start():
    SOCKET.parent.mkdir(exist_ok=True)
    server = Upstream(str(SOCKET), Answer)
    SOCKET.chmod(0o666)
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    return server


def stop(server):
    server.shutdown()
    server.server_close()
    SOCKET.unlink()
    for connection in Upstream.connections:
        with suppress(OSError):
            connection.shutdown(2)
    Upstream.connections.clear()


def ask(path, connection=None):
    """(second it was asked in, status, whose it was, body)."""
    connection = connection or http.client.HTTPConnection("127.0.0.1", 80, timeout=20)
    asked = time.time()
    connection.request("GET", path)
    answer = connection.getresponse()
    body = answer.read().decode()
    said = f"{answer.getheader('X-Cache', '')} {answer.getheader('X-Cache-Layer', '')}".strip()
    return asked, answer.status, said, body


def together(count, path):
    """The same question of many at a time."""
    found = []
    threads = [threading.Thread(target=lambda: found.append(ask(path))) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return found


def for_seconds(seconds, path):
    """All answers of visitors who ask without a pause."""
    found, end = [], time.time() + seconds

    def visit():
        connection = http.client.HTTPConnection("127.0.0.1", 80, timeout=20)
        while time.time() < end:
            found.append(ask(path, connection))

    threads = [threading.Thread(target=visit) for _ in range(VISITORS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return found


def late(answers):
    """Pages shown although the second they were made in was over when they were asked for."""
    return sum(int(float(body)) < int(asked) for asked, _, _, body in answers)


def next_second():
    time.sleep(1.05 - time.time() % 1)


def main():
    seen = {}
    server = start()
    answers = for_seconds(6, "/page")
    seen["answers"], seen["from the edge"] = len(answers), sum(said == "HIT edge" for _, _, said, _ in answers)
    seen["late"] = late(answers)
    next_second()
    Upstream.seconds = 0.5
    seen["late while a new one is made"] = late(together(20, "/page"))
    Upstream.keeps = False
    begun = time.monotonic()
    together(20, "/never-kept")
    seen["seconds for pages not kept"] = time.monotonic() - begun
    next_second()
    seen["late when it is kept no longer"] = late(together(20, "/page"))
    Upstream.keeps, Upstream.seconds = True, 0.0
    good = ask("/page")[3]
    next_second()
    for Upstream.status in (500, 502, 503, 504, 404):
        _, status, said, body = ask("/page")
        seen[f"upstream says {Upstream.status}"] = [status, said, body == good]
    Upstream.status = 200
    next_second()
    good = ask("/page")[3]
    stop(server)
    next_second()
    _, status, said, body = ask("/page")
    seen["upstream is gone"] = [status, said, body == good]
    restart = "nginx -s quit; while [ -s /run/nginx.pid ]; do sleep 0.1; done; nginx"
    subprocess.run(["sh", "-c", restart], check=True)
    time.sleep(1)
    _, status, said, body = ask("/page")
    seen["upstream is gone, nginx restarted"] = [status, said, body == good]
    _, status, said, body = ask("/other")
    seen["a page never seen"] = [status, said, "Back in a moment" in body]
    start()
    _, status, _, body = ask("/page")
    seen["upstream is back"] = [status, float(body) > float(good)]
    sys.stdout.write(json.dumps(seen))


if __name__ == "__main__":
    os.umask(0)
    main()
