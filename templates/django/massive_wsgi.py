# Managed by massive-deploy: edits are overwritten by the next up.
"""The project's WSGI application as gunicorn serves it behind nginx on a unix socket."""

from __future__ import annotations

import importlib
import os
from collections.abc import Callable, Iterable
from typing import Any

_project = importlib.import_module(os.environ["PROJECT_WSGI_MODULE"]).application
_release = os.environ.get("RELEASE", "").encode()


def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    """Say which release runs, and give the project the client's address, which a unix socket does not carry."""
    if environ.get("PATH_INFO") == "/.massive-deploy/release":
        headers = [("Content-Type", "text/plain"), ("Content-Length", str(len(_release)))]
        start_response("200 OK", [*headers, ("X-Release", _release.decode())])
        return [_release]
    if not environ.get("REMOTE_ADDR"):
        environ["REMOTE_ADDR"] = environ.get("HTTP_X_REAL_IP", "127.0.0.1")

    probed = environ.get("HTTP_X_STACK_PROBE") == "yes"

    def start(status: str, headers: list[tuple[str, str]], *error: Any) -> Any:
        # Caches take 200 alone for health, and nginx can change no other answer of success.
        if probed and status.startswith("2"):
            status = "200 OK"
        return start_response(status, [*headers, ("X-Release", _release.decode())], *error)

    answer: Iterable[bytes] = _project(environ, start)
    return answer
