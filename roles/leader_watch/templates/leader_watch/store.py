# Managed by massive-deploy: edits are overwritten by the next up.
"""The cluster's keys in etcd, over the JSON interface of its API. All reads are linearizable: a minority answers
none."""

from __future__ import annotations

import base64
import json
import urllib.error
import urllib.request
from collections.abc import Sequence
from typing import Any

from .decide import Key, Settings, View, ballot
from .watcher import StoreError


class Etcd:
    """A client for one cluster. `endpoints` are URLs; it stays with the one that answered last."""

    def __init__(self, settings: Settings, endpoints: Sequence[str], user: str, password: str) -> None:
        self._settings, self._endpoints = settings, list(endpoints)
        self._user = {"name": user, "password": password}
        self._token, self._lease = "", 0

    def view(self) -> View:
        """All keys of the cluster."""
        prefix = self._settings.prefix
        end = prefix[:-1] + chr(ord(prefix[-1]) + 1)
        found = self._call("kv/range", {"key": _text(prefix), "range_end": _text(end)})
        return View(
            {
                _plain(row["key"]).removeprefix(prefix): Key(
                    _plain(row.get("value", "")), int(row["mod_revision"]), int(row.get("lease", 0))
                )
                for row in found.get("kvs", [])
            }
        )

    def idle(self, lease: int) -> float:
        """At least so many seconds since the lease was renewed, or etcd's own leader changed, which renews them all."""
        told = self._call("lease/timetolive", {"ID": str(lease)})
        if int(told.get("TTL", -1)) < 0:
            raise StoreError("the leader's lease has run out")
        # etcd tells whole seconds of what is left.
        return float(int(told["grantedTTL"]) - int(told["TTL"]) - 1)

    def vote(self, view: View) -> None:
        """Vote against the leader, or make the vote last longer; nothing if the term or the own key is another by now.

        The own key is compared so that a vote that was under way for long cannot follow its own withdrawal.
        """
        if view.leader is None or (self._settings.me in view.votes and self._lease and self._kept()):
            return
        self._lease = int(self._call("lease/grant", {"TTL": str(self._settings.vote_lifetime)})["ID"])
        before = view.keys.get(self._own, Key("", 0))
        put = {"key": self._key(self._own), "value": _text(ballot(view.leader)), "lease": str(self._lease)}
        compare = [self._unchanged("leader", view.leader), self._unchanged(self._own, before)]
        self._call("kv/txn", {"compare": compare, "success": [{"request_put": put}]})

    def withdraw(self) -> str:
        """Overwrite the own vote by nothing; who leads at that moment, empty if nobody does."""
        told = self._call(
            "kv/txn",
            {
                "success": [
                    {"request_put": {"key": self._key(self._own), "value": ""}},
                    {"request_range": {"key": self._key("leader")}},
                ]
            },
        )
        rows = told["responses"][1]["response_range"].get("kvs", [])
        return _plain(rows[0]["value"]) if rows else ""

    def release(self, view: View) -> bool:
        """Free the leader's lock, if all that spoke for it is still so.

        The leader's deletion comes before the new revision of /sync, so that nobody who follows the changes sees the
        latter with the leader still in place.
        """
        judged = ["leader", "sync", "config", *(f"early/{host}" for host in sorted(view.votes))]
        none = {"key": self._key("failover"), "target": "VERSION", "version": "0"}
        told = self._call(
            "kv/txn",
            {
                "compare": [*(self._unchanged(name, view.keys[name]) for name in judged), none],
                "success": [
                    {"request_delete_range": {"key": self._key("leader")}},
                    {"request_put": {"key": self._key("sync"), "value": _text(view.keys["sync"].value)}},
                ],
            },
        )
        return bool(told.get("succeeded"))

    @property
    def _own(self) -> str:
        return f"early/{self._settings.me}"

    def _key(self, name: str) -> str:
        return _text(self._settings.prefix + name)

    def _unchanged(self, name: str, key: Key) -> dict[str, str]:
        return {"key": self._key(name), "target": "MOD", "mod_revision": str(key.revision)}

    def _kept(self) -> bool:
        told = self._call("lease/keepalive", {"ID": str(self._lease)})
        return int(told.get("result", {}).get("TTL", 0)) > 0

    def _call(self, method: str, body: dict[str, Any]) -> dict[str, Any]:
        """The first answer of any member; a token that is no longer known is renewed once a member."""
        why = ""
        for _ in range(len(self._endpoints)):
            for _ in range(2):
                try:
                    if not self._token:
                        self._token = str(self._post("auth/authenticate", self._user)["token"])
                    return self._post(method, body)
                except urllib.error.HTTPError as error:
                    with error:
                        why = f"{method}: {error.code} {error.read(300).decode('utf-8', 'replace')}"
                    self._token = ""
                except (OSError, ValueError, KeyError) as error:
                    why = f"{method}: {error}"
                    break
            self._endpoints.append(self._endpoints.pop(0))
        raise StoreError(why)

    def _post(self, method: str, body: dict[str, Any]) -> dict[str, Any]:
        request = urllib.request.Request(  # noqa: S310 - http only, from the configuration
            f"{self._endpoints[0]}/v3/{method}",
            json.dumps(body).encode(),
            {"Content-Type": "application/json", **({"Authorization": self._token} if self._token else {})},
        )
        with urllib.request.urlopen(request, timeout=1) as reply:  # noqa: S310
            found = json.loads(reply.readline(4 << 20) if method == "lease/keepalive" else reply.read(4 << 20))
        if not isinstance(found, dict):
            raise StoreError(f"{method}: no JSON object")
        return found


def _text(plain: str) -> str:
    return base64.b64encode(plain.encode()).decode()


def _plain(text: str) -> str:
    return base64.b64decode(text).decode("utf-8", "replace")
