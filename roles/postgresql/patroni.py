"""Tasks and gates that speak to Patroni, and the care for Debian's own default cluster."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from typing import Any

from massive_deploy.desired import Gate, Task
from massive_deploy.last_words import last_words
from massive_deploy.view import HostView

from .dynamic import canonical
from .settings import CONFIG, HOME, REST, VERSION
from .sql import PSQL

_MAIN = f"{HOME}/main"

# Patroni's own validator also wants every etcd member to answer; a stack with one of three down must stay manageable.
# And that of 4.0 does not know `synchronous_mode: quorum`, which Patroni itself does.
VALIDATE = (
    f'out=$(patroni --validate-config --ignore-listen-port "$STAGE"{CONFIG} 2>&1) && exit 0; '
    'left=$(printf "%s\\n" "$out" | '
    'grep -v -e "is not reachable" -e "synchronous_mode quorum is not a boolean" | grep .) || exit 0; '
    'printf "%s\\n" "$left" >&2; exit 1'
)

_QUERY = "SELECT name FROM pg_settings WHERE context = 'postmaster'"
_READ_AT_START = f"{PSQL} -c {shlex.quote(_QUERY)}"

_IN_PLACE = """
import json, sys
members = {m["name"]: m for m in json.load(sys.stdin)["members"]}
leads = any(m["role"] == "leader" and m["state"] == "running" for m in members.values())
me = members.get(sys.argv[1], {})
fit = me.get("state") == ("running" if me.get("role") == "leader" else "streaming")
print("in place" if leads and fit else "")
"""

# Keys at the top that are not ours are left alone; all parameters of PostgreSQL are ours, Patroni itself adds none.
_OURS = """
import json, sys
def pick(live, want, whole=False):
    if not isinstance(want, dict):
        return live
    live = live or {}
    return {k: pick(live.get(k), want.get(k), k == "parameters") for k in {*want, *(live if whole else ())}}
print(json.dumps(pick(json.load(sys.stdin), json.loads(sys.argv[1])), sort_keys=True, separators=(",", ":")))
"""

# What is wanted, and nothing (null) for each parameter that is not wanted any more.
_PATCH = """
import json, sys
live, want = json.load(sys.stdin), json.loads(sys.argv[1])
mine = want["postgresql"]["parameters"]
gone = {k: None for k in (live.get("postgresql") or {}).get("parameters") or {} if k not in mine}
want["postgresql"]["parameters"] = {**gone, **mine}
print(json.dumps(want))
"""

# 409: another member has just sent the same; 503: it has only begun to read the store.
_SEND = """
config=$(cat)
code=nothing
for left in 9 8 7 6 5 4 3 2 1 0; do
  if patch=$({patch}); then
    code=$(printf '%s\\n' "$config" |
      curl -sS --max-time 20 -o /dev/null -w '%{{http_code}}' --data "$patch" --config -) || :
  fi
  case $code in 2?? | 409) return 0 ;; 4??) break ;; esac
  sleep 1
done
echo "Patroni answered $code" >&2
exit 1
"""

# Patroni's own word for what waits, and what will: values that differ from the topology's and are read at a start only.
_WAITING = """
import json, os, sys
told, live, near = (sys.stdin.read() + "\\n\\n").split("\\n")[:3]
told, want, mine = json.loads(told), json.loads(sys.argv[1]), json.loads(sys.argv[2])
names = set(told.get("pending_restart_reason") or (["?"] if told.get("pending_restart") else []))
now = json.loads(live).get("postgresql", {}).get("parameters", {}) if live else want
changed = {k for k in {*now, *want} if now.get(k) != want.get(k)}
if json.loads(near or "null") != mine:
    changed.add("shared_buffers")
if changed - names:
    names |= changed & set(os.popen(sys.argv[3]).read().split())
print("restart PostgreSQL (" + ", ".join(sorted(names)) + ")" if names else "")
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
        why=f'{last_words("patroni")}; echo "members: $({get(view, "cluster")})"',
    )


def in_place(view: HostView) -> Gate:
    """The leader runs, or this replica streams from it."""
    return Gate("PostgreSQL in place", f"{_observe_place(view)} | grep -qx 'in place'", 120)


def live_configuration(view: HostView, wanted: Mapping[str, Any]) -> Task:
    """Patroni reads bootstrap.dcs once; later changes go to the configuration it keeps in etcd."""
    text = shlex.quote(canonical(wanted))
    request = [
        f'url = "http://{view.host.address}:{REST}/config"',
        'request = "PATCH"',
        f'user = "patroni:{view.secret("postgresql/rest")}"',
    ]
    return Task(
        name="Patroni's live configuration",
        observe=f"{get(view, 'config')} | python3 -c {shlex.quote(_OURS)} {text} 2>/dev/null || :",
        want=canonical(wanted),
        run=_SEND.format(patch=f"{get(view, 'config')} | python3 -c {shlex.quote(_PATCH)} {text}"),
        stdin="\n".join(request) + "\n",
        settle=10,
    )


def no_restart_pending(view: HostView, wanted: Mapping[str, Any], own: Mapping[str, Any]) -> Task:
    """Which parameters take effect at a restart only: replicas first, then the leader, so not this host's own step."""
    near = f"sed -n 's/^    shared_buffers: //p' {CONFIG}"
    words = [canonical(wanted["postgresql"]["parameters"]), json.dumps(own.get("shared_buffers")), _READ_AT_START]
    ask = f"{{ {get(view, 'patroni')}; echo; {get(view, 'config')}; echo; {near}; }} 2>/dev/null"
    return Task(
        name="restart PostgreSQL",
        observe=f"{ask} | python3 -c {shlex.quote(_WAITING)} {shlex.join(words)} 2>/dev/null || :",
        want="",
        run=":",
        in_turn=True,
    )
