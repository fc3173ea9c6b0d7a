"""What is read on a host before anything is touched: data that this node would bury, and edits it cannot follow."""

from __future__ import annotations

import json
import shlex

from massive_deploy.desired import Guard
from massive_deploy.shell import assignments
from massive_deploy.view import HostView

from .dynamic import dynamic
from .patroni import get
from .settings import CONFIG, REST, VERSION
from .sql import CLIENT

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

# What Patroni's present configuration says is read by the shell itself: every probe does it.
_READ = f"""
config={CONFIG} scope= member= data=
if [ -r $config ]; then
  while read -r key word _; do
    word=${{word#\\"}}; word=${{word%\\"}}
    case $key in
      scope:) scope=${{scope:-$word}} ;;
      name:) member=${{member:-$word}} ;;
      data_dir:) data=${{data:-$word}} ;;
    esac
  done <$config
fi
size() {{ du -sh -- "$1" 2>/dev/null | cut -f 1; }}
sql() {{ {CLIENT} -d "$1" -c "$2" 2>/dev/null; }}
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
sed -i "s|^  data_dir: .*|  data_dir: $target|" $config
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
    given, name = _given(view), view.host.name
    return (
        Guard(
            "data of another cluster",
            given + _FOREIGN,
            instead="use another machine, or put names and addresses back as they were",
            word=name,
            set_aside=given + _SET_ASIDE,
        ),
        Guard(
            "another major version",
            given + _OTHER_VERSION,
            instead=f"data of another version is not opened by PostgreSQL {VERSION}: dump it there and restore it here",
        ),
        Guard(
            "another data directory",
            given + _MOVED,
            instead="put `roles: postgresql: data` back; going on stops this node and moves its data there",
            word=name,
            set_aside=given + _MOVE,
        ),
        Guard(
            "what a cluster is born with",
            given + _BIRTH,
            instead="put `checksums` and `locale` back; to change them, make a new inventory and restore a dump "
            "into it",
        ),
        _lowered(view),
    )


def _lowered(view: HostView) -> Guard:
    parameters = {"max_prepared_transactions": 0} | dynamic(view)["postgresql"]["parameters"]
    wanted = shlex.quote(json.dumps({name: parameters[name] for name in WATCHED if name in parameters}))
    return Guard(
        name="less than replicas need",
        observe=f"{get(view, 'config')} | python3 -c {shlex.quote(_LOWERED)} {wanted} 2>/dev/null || :",
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
    return assignments(words) + _READ
