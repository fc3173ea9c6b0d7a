"""Runs on a database host, by itself (the standard library alone): orders a change of leader from Patroni, watches it
from as near as can be, and may shorten it. Reads an order (JSON) from standard input, prints what became of it.

Why the key is deleted: while Patroni's `failover` key is there, replicas that did not win wait two seconds before they
follow the winner, and synchronous commits wait with them. Once the old leader has begun to stop, the key has done its
work: without it the replicas elect as they do when a leader is lost, by the same rules, and the losers follow at once.

Why the lock is released here: Patroni looks once a second whether its server has stopped, and writes wait meanwhile. A
server that has shut down takes no write any more, and what it has confirmed a synchronous replica has.
"""

from __future__ import annotations

import base64
import json
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

STEP = 0.03
"""Seconds between two looks."""


def conduct(order: Mapping[str, Any]) -> dict[str, Any]:
    """Send the order and wait until another member takes writes.

    Args:
        order: `url` (of the order), `user`, `password`, `wish` (its body), `leader` (who leads now, or ""), `members`
            (name → URL of its Patroni), `etcd` ({urls, user, password, folder}; its key `failover` is deleted once the
            leader steps down) or None, `server` ({data, controldata}: the leader's, on this host; its lock is released
            once it has shut down) or None, `seconds` to wait.

    Returns:
        `leader` (who takes writes; "" when nobody did in time), `answer` (Patroni's words), `deleted`, and the seconds
        from the order until the old leader `stopped`, its lock was `released` here, and the new one `took` over (null
        when it did not happen).
    """
    members, old, end = order["members"], order["leader"], time.monotonic() + order["seconds"]
    token = _enter(order["etcd"]) if order["etcd"] else ""
    answer: list[str] = []
    begin = time.monotonic()
    threading.Thread(target=lambda: answer.append(_send(order)), daemon=True).start()
    result: dict[str, Any] = {"leader": "", "answer": "", "deleted": False}
    result |= dict.fromkeys(("stopped", "released", "took"))
    while time.monotonic() < end:
        if result["stopped"] is None and old in members and _leads(members[old]) is False:
            result["stopped"] = round(time.monotonic() - begin, 3)
            if token:
                result["deleted"] = _delete(order["etcd"], token, "failover")
        waits = token and result["stopped"] is not None and result["released"] is None
        if waits and _shut_down(order.get("server")) and _delete(order["etcd"], token, "leader", old):
            result["released"] = round(time.monotonic() - begin, 3)
        new = next((name for name, url in members.items() if name != old and _leads(url)), "")
        if new:
            result |= {"leader": new, "took": round(time.monotonic() - begin, 3)}
            break
        if answer and result["stopped"] is None and not answer[0].startswith("2") and "unknown" not in answer[0]:
            break  # refused, and the leader has not moved; "status unknown" is Patroni tired of waiting
        time.sleep(STEP)
    return result | {"answer": answer[0] if answer else "no answer yet"}


def keys(etcd: Mapping[str, Any], names: Sequence[str]) -> dict[str, Any]:
    """What a cluster's keys hold, as JSON or as text, by their names below `folder`; without those that are not there.

    Raises:
        OSError: no member of etcd answers.
    """
    token, found = _enter(etcd), {}
    if not token:
        raise OSError("no member of etcd answers")
    for name in names:
        got = _etcd(etcd, "kv/range", {"key": _coded(etcd["folder"] + name)}, token)
        for kv in got.get("kvs", []):
            text = base64.b64decode(kv.get("value", "")).decode("utf-8", "replace")
            try:
                found[name] = json.loads(text)
            except ValueError:
                found[name] = text
    return found


def _send(order: Mapping[str, Any]) -> str:
    """The answer's status and words."""
    secret = base64.b64encode(f"{order['user']}:{order['password']}".encode()).decode()
    headers = {"Authorization": f"Basic {secret}", "Content-Type": "application/json"}
    request = urllib.request.Request(order["url"], json.dumps(order["wish"]).encode(), headers)  # noqa: S310 - http
    try:
        with urllib.request.urlopen(request, timeout=order["seconds"]) as reply:  # noqa: S310 - http
            return f"{reply.status} {reply.read().decode('utf-8', 'replace')}"
    except urllib.error.HTTPError as error:
        with error:
            return f"{error.code} {error.read().decode('utf-8', 'replace')}"
    except OSError as error:
        return f"0 {error}"


def _leads(url: str) -> bool | None:
    """Whether that server takes writes; None when it does not say. By the body: the status is 200 before a promotion is
    through."""
    try:
        try:
            reply = urllib.request.urlopen(f"{url}/patroni", timeout=2)  # noqa: S310 - http
        except urllib.error.HTTPError as error:
            reply = error  # 503 has a body as well: a server that stops or starts
        with reply:
            told = json.load(reply)
        return bool(told.get("role") in ("primary", "master") and told["state"] == "running")
    except (OSError, ValueError, KeyError, AttributeError):
        return None


def _enter(etcd: Mapping[str, Any]) -> str:
    """A token; empty when no member gives one."""
    given = _etcd(etcd, "auth/authenticate", {"name": etcd["user"], "password": etcd["password"]}, "")
    return str(given.get("token", ""))


def _shut_down(server: Mapping[str, str] | None) -> bool:
    """Whether the server on this host has ended in good order: nothing runs, and its last word was a checkpoint."""
    if server is None or (Path(server["data"]) / "postmaster.pid").exists():
        return False
    line = [server["controldata"], server["data"]]
    try:
        said = subprocess.run(line, capture_output=True, text=True, env={"LC_ALL": "C"}, check=False, timeout=5)
    except (OSError, subprocess.SubprocessError):
        return False
    states = [line.split(":", 1)[1].strip() for line in said.stdout.splitlines() if line.startswith("Database cluster")]
    return states == ["shut down"]


def _delete(etcd: Mapping[str, Any], token: str, name: str, value: str = "") -> bool:
    """Whether a key of the cluster is gone; with a `value`, only if it held that."""
    key = _coded(etcd["folder"] + name)
    if not value:
        return "header" in _etcd(etcd, "kv/deleterange", {"key": key}, token)
    body = {
        "compare": [{"key": key, "target": "VALUE", "result": "EQUAL", "value": _coded(value)}],
        "success": [{"requestDeleteRange": {"key": key}}],
    }
    return bool(_etcd(etcd, "kv/txn", body, token).get("succeeded"))


def _etcd(etcd: Mapping[str, Any], path: str, body: Mapping[str, Any], token: str) -> dict[str, Any]:
    """The answer of the first member that gives one; empty when none does."""
    headers = {"Content-Type": "application/json"} | ({"Authorization": token} if token else {})
    for url in etcd["urls"]:
        request = urllib.request.Request(f"{url}/v3/{path}", json.dumps(body).encode(), headers)  # noqa: S310 - http
        try:
            with urllib.request.urlopen(request, timeout=2) as reply:  # noqa: S310 - http
                return dict(json.load(reply))
        except (OSError, ValueError):
            continue
    return {}


def _coded(key: str) -> str:
    return base64.b64encode(key.encode()).decode()


if __name__ == "__main__":
    given = json.load(sys.stdin)
    sys.stdout.write(json.dumps(conduct(given) if "url" in given else keys(given["etcd"], given["keys"])))
