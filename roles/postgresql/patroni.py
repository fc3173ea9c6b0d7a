"""Tasks and gates that speak to Patroni, and the care for Debian's own default cluster."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from typing import Any

from massive_deploy.desired import Gate, Task
from massive_deploy.view import HostView

from .dynamic import canonical
from .settings import CONFIG, HOME, REST, VERSION

_MAIN = f"{HOME}/main"

# Patroni's own validator also wants every etcd member to answer; a stack with one of three down must stay manageable.
VALIDATE = (
    f'out=$(patroni --validate-config --ignore-listen-port "$STAGE"{CONFIG} 2>&1) && exit 0; '
    'left=$(printf "%s\\n" "$out" | grep -v "is not reachable" | grep .) || exit 0; '
    'printf "%s\\n" "$left" >&2; exit 1'
)

_IN_PLACE = """
import json, sys
members = {m["name"]: m for m in json.load(sys.stdin)["members"]}
leads = any(m["role"] == "leader" and m["state"] == "running" for m in members.values())
me = members.get(sys.argv[1], {})
fit = me.get("state") == ("running" if me.get("role") == "leader" else "streaming")
print("in place" if leads and fit else "")
"""

_SUBSET = """
import json, sys
def pick(live, want):
    return {k: pick(live.get(k) or {}, v) if isinstance(v, dict) else live.get(k) for k, v in want.items()}
print(json.dumps(pick(json.load(sys.stdin), json.loads(sys.argv[1])), sort_keys=True, separators=(",", ":")))
"""


# 409: another member has just sent the same; 503: it has only begun to read the store.
_SEND = """
config=$(cat)
for left in 9 8 7 6 5 4 3 2 1 0; do
  code=$(printf '%s\\n' "$config" | curl -sS --max-time 20 -o /dev/null -w '%{http_code}' --config -) || :
  case $code in 2?? | 409) return 0 ;; 4??) break ;; esac
  sleep 1
done
echo "Patroni answered $code" >&2
exit 1
"""


def get(view: HostView, path: str) -> str:
    """Shell that prints what this node's Patroni answers at that path."""
    return f"curl -fsS --max-time 4 http://{view.host.address}:{REST}/{path} 2>/dev/null"


def _observe_place(view: HostView) -> str:
    return f"{get(view, 'cluster')} | python3 -c {shlex.quote(_IN_PLACE)} {shlex.quote(view.host.name)} 2>/dev/null"


def refuse_foreign_cluster() -> Task:
    """Somebody's data in Debian's default cluster is a reason to stop, not to tidy up."""
    advice = (
        f"PostgreSQL {VERSION}/main on this host has been used, and its port is the one Patroni needs. "
        f"Dump what you need of it, then run: pg_dropcluster --stop {VERSION} main"
    )
    return Task(
        name="no other PostgreSQL cluster in the way",
        observe=f"if [ -e {_MAIN}/postmaster.opts ]; then echo used; fi",
        want="",
        run=f"echo {shlex.quote(advice)} >&2; false",
        before_units=True,
    )


def drop_default_cluster() -> Task:
    """The package makes an empty cluster. It goes only if no server ever ran on it (no postmaster.opts)."""
    unused = f"[ -e {_MAIN}/PG_VERSION ] && [ ! -e {_MAIN}/postmaster.opts ]"
    return Task(
        name="no empty default cluster",
        observe=f"if {unused}; then echo empty; fi",
        want="",
        run=f"if {unused}; then pg_dropcluster {VERSION} main; install -d -m 755 -o postgres -g postgres {HOME}; fi",
        before_units=True,
        settle=5,
    )


def wait_for_cluster(view: HostView) -> Task:
    """Everything after it needs a leader, and this node streaming from it."""
    seconds = view.settings.join_seconds
    return Task(
        name="PostgreSQL in place",
        observe=_observe_place(view) + " || :",
        want="in place",
        run=":",
        settle=seconds,
        timeout=seconds + 60,
    )


def in_place(view: HostView) -> Gate:
    """The leader runs, or this replica streams from it."""
    return Gate("PostgreSQL in place", f"{_observe_place(view)} | grep -qx 'in place'", 120)


def live_configuration(view: HostView, wanted: Mapping[str, Any]) -> Task:
    """Patroni reads bootstrap.dcs once; later changes go to the configuration it keeps in etcd."""
    pick = f"python3 -c {shlex.quote(_SUBSET)} {shlex.quote(canonical(wanted))}"
    patch = "\n".join(
        [
            f'url = "http://{view.host.address}:{REST}/config"',
            'request = "PATCH"',
            f'user = "patroni:{view.secret("postgresql/rest")}"',
            f"data = {json.dumps(canonical(wanted))}",
        ]
    )
    return Task(
        name="Patroni's live configuration",
        observe=f"{get(view, 'config')} | {pick} 2>/dev/null || :",
        want=canonical(wanted),
        run=_SEND,
        stdin=patch + "\n",
        settle=10,
    )
