"""What is read on a host before anything is touched: data that this node would bury, and edits it cannot follow."""

from __future__ import annotations

import json
import shlex

from massive_deploy.desired import Guard
from massive_deploy.view import HostView

from .dynamic import dynamic
from .settings import CONFIG, REST, SOCKETS, SQL, VERSION

BIN = f"/usr/lib/postgresql/{VERSION}/bin"
WATCHED = (
    "max_connections",
    "max_worker_processes",
    "max_wal_senders",
    "max_prepared_transactions",
    "max_locks_per_transaction",
    "wal_level",
)
"""A replica refuses to start with less of these than its leader ran with (PostgreSQL 17 manual, section 26.4.3)."""

_READ = f"""
value() {{ sed -n "s/^ *$1: //p" {CONFIG} 2>/dev/null | head -n 1 | tr -d '"'; }}
scope=$(value scope); member=$(value name); data=$(value data_dir)
size() {{ du -sh -- "$1" 2>/dev/null | cut -f 1; }}
sql() {{ runuser -u postgres -- {BIN}/psql -h {SOCKETS} -p {SQL} -XAtq -d "$1" -c "$2" 2>/dev/null; }}
control() {{ {BIN}/pg_controldata "$target" 2>/dev/null | sed -n "s/^$1: *//p"; }}
"""

_FOREIGN = """
databases() {
  sql postgres "SELECT string_agg(datname || ' ' || pg_size_pretty(pg_database_size(oid)), ', ')
    FROM pg_database WHERE NOT datistemplate AND datname <> 'postgres'"
}
if [ -n "$data" ] && [ -e "$data/PG_VERSION" ] && [ "$scope/$member" != "$wanted" ]; then
  holds=$(databases)
  echo "member $member of database cluster $scope, $(size "$data") in $data${holds:+ ($holds)}"
elif [ -z "$scope" ] && [ -e "$target/PG_VERSION" ]; then
  echo "a PostgreSQL data directory that was not made here, $(size "$target") in $target"
elif [ -e "$target/PG_VERSION" ] && ! systemctl --quiet is-active patroni; then
  own=$(control 'Database system identifier')
  for peer in $peers; do
    theirs=$(curl -s --max-time 2 "http://$peer:$rest/patroni" |
      sed -n 's/.*"database_system_identifier": *"\\([0-9]*\\)".*/\\1/p')
    if [ -n "$theirs" ] && [ -n "$own" ] && [ "$theirs" != "$own" ]; then
      echo "another database system ($own; $peer has $theirs), $(size "$target") in $target"
      break
    fi
  done
fi
"""

_SET_ASIDE = """
set -e
[ -z "$data" ] || [ ! -e "$data/PG_VERSION" ] || target=$data
systemctl stop patroni 2>/dev/null || :
aside="$target.set-aside-$(date +%Y%m%d-%H%M%S)"
mv -T -- "$target" "$aside"
echo "$aside"
"""

_OTHER_VERSION = """
[ "$(cat "$target/PG_VERSION" 2>/dev/null)" != "$version" ] || exit 0
for found in /var/lib/postgresql/*/patroni/PG_VERSION "$data/PG_VERSION" "$target/PG_VERSION"; do
  [ -e "$found" ] || continue
  [ "$(cat "$found")" = "$version" ] || echo "PostgreSQL $(cat "$found"), $(size "${found%/*}") in ${found%/*}"
done | sort -u
"""

_MOVED = """
if [ -n "$data" ] && [ "$data" != "$target" ] && [ -e "$data/PG_VERSION" ] && [ ! -e "$target/PG_VERSION" ]; then
  echo "$(size "$data") in $data; the node would begin empty in $target"
fi
"""

_MOVE = """
set -e
systemctl stop patroni
install -d -m 755 -o postgres -g postgres "${target%/*}"
mv -T -- "$data" "$target"
sed -i "s|^  data_dir: .*|  data_dir: $target|" /etc/patroni/config.yml
echo "$data is $target now"
"""

_BIRTH = """
[ -e "$target/PG_VERSION" ] || exit 0
case $(control 'Data page checksum version') in '') ;; 0) have=off ;; *) have=on ;; esac
[ "${have:-$checksums}" = "$checksums" ] || echo "checksums are $have, not $checksums"
have=$(sql template1 "SELECT coalesce(datlocale, datcollate) FROM pg_database WHERE datname = 'template1'")
[ "${have:-$locale}" = "$locale" ] || echo "the locale is $have, not $locale"
"""

_LOWERED = """
import json, sys
levels = ["minimal", "replica", "logical"]
def rank(value):
    return levels.index(value) if value in levels else int(value)
live = json.load(sys.stdin).get("postgresql", {}).get("parameters", {})
for name, wanted in json.loads(sys.argv[1]).items():
    now = live.get(name)
    if now is not None and rank(str(now)) > rank(str(wanted)):
        print(f"{name} goes down from {now} to {wanted}")
"""


def guards(view: HostView) -> tuple[Guard, ...]:
    """In the order in which they matter."""
    return (_foreign(view), _other_version(view), _moved(view), _birth(view), _lowered(view))


def _foreign(view: HostView) -> Guard:
    given = _given(view)
    return Guard(
        name="data of another cluster",
        observe=given + _FOREIGN,
        instead="use another machine, or put names and addresses back as they were",
        word=view.host.name,
        set_aside=given + _SET_ASIDE,
    )


def _other_version(view: HostView) -> Guard:
    return Guard(
        name="another major version",
        observe=_given(view) + _OTHER_VERSION,
        instead=f"data of another version is not opened by PostgreSQL {VERSION}: dump it there and restore it here",
    )


def _moved(view: HostView) -> Guard:
    given = _given(view)
    return Guard(
        name="another data directory",
        observe=given + _MOVED,
        instead="put `roles: postgresql: data` back; going on stops this node and moves its data there",
        word=view.host.name,
        set_aside=given + _MOVE,
    )


def _birth(view: HostView) -> Guard:
    return Guard(
        name="what a cluster is born with",
        observe=_given(view) + _BIRTH,
        instead="put `checksums` and `locale` back; to change them, make a new inventory and restore a dump into it",
    )


def _lowered(view: HostView) -> Guard:
    parameters = dynamic(view)["postgresql"]["parameters"]
    wanted = shlex.quote(json.dumps({name: parameters[name] for name in WATCHED if name in parameters}))
    live = f"curl -fsS --max-time 4 http://{view.host.address}:{REST}/config 2>/dev/null"
    return Guard(
        name="less than replicas need",
        observe=f"{live} | python3 -c {shlex.quote(_LOWERED)} {wanted} 2>/dev/null || :",
        instead="put it back: replicas refuse to start with less than their leader last ran with",
        word="parameters",
    )


def _given(view: HostView) -> str:
    peers = " ".join(host.address for host in view.cluster.hosts if host.name != view.host.name)
    settings = view.settings
    words = {
        "wanted": f"{view.cluster.name}/{view.host.name}",
        "target": settings.data,
        "version": str(VERSION),
        "checksums": "on" if settings.checksums else "off",
        "locale": settings.locale,
        "peers": peers,
        "rest": str(REST),
    }
    return "\n".join(f"{name}={shlex.quote(word)}" for name, word in words.items()) + _READ
