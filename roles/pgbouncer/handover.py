"""Clients wait at the pooler while their cluster changes its leader; a query that waits does not fail."""

from __future__ import annotations

import shlex
from collections.abc import Iterable
from dataclasses import replace

from massive_deploy.desired import FREE, HELD, Handover
from massive_deploy.topology.layout import Cluster, Layout

from .desired import CONFIG, CONSOLE

PATIENCE = 5
"""Seconds a running transaction has to end."""
SETTLE = 20
"""Looks, a twentieth of a second apart, for a moment in which no server connection is being made."""
AT_LATEST = 30
"""Seconds after which clients are let go, whatever became of the run that held them."""

_HELD, _FREE = (f"date +'{word} %s.%N'" for word in (HELD, FREE))
_RELOAD = (r"\set ON_ERROR_STOP on", "RELOAD;", r"\set ON_ERROR_STOP off")
"""Without it the clients must not be let go as if they knew the new place."""


def handover(layout: Layout, cluster: Cluster) -> Handover:
    """Writing aliases are paused. Reading ones never are: their connections are renewed, each after its transaction, so
    that none is left with a leader that goes or with a replica that has become the leader."""
    aliases = [alias for alias in layout.aliases if alias.cluster == cluster.number]
    writes = [alias.database for alias in aliases if alias.writable]
    reads = [alias.database for alias in aliases if not alias.writable]
    return Handover(
        hosts=tuple(host.name for host in layout.running("pgbouncer")),
        prepare=f"timeout 5 {_console('RECONNECT', reads)} && timeout 3 {_console('WAIT_CLOSE', reads)}",
        pause=_pause(f"massive-resume-{cluster.number}", writes),
        resume=f"{_resume(writes)}\n{_stop(cluster)}timeout 5 {_console('RECONNECT', reads)} || :",
    )


def shard_move(layout: Layout, shard: str, cluster: int) -> Handover:
    """Clients of one logical shard are paused, readers too, and find it in that cluster when they go on."""
    aliases = [replace(alias, cluster=cluster) for alias in layout.aliases if alias.shard == shard]
    names = [alias.database for alias in aliases]
    # The line that `up` would write.
    edits = " ".join(
        f"-e 's/^\\({alias.database} = host=127.0.0.1 port=\\)[0-9]*/\\1{layout.balancer_port(alias)}/'"
        for alias in aliases
    )
    timer = f"massive-resume-{shard}"
    return Handover(
        hosts=tuple(host.name for host in layout.running("pgbouncer")),
        pause=_pause(timer, names),
        hurry=f"sed -i {edits} {CONFIG} && {_tell([*_RELOAD, *_resumed(names)])} && {_FREE}",
        resume=f"{_resume(names)}\nsystemctl stop {timer}.timer 2>/dev/null",
    )


def _stop(cluster: Cluster) -> str:
    return f"systemctl stop massive-resume-{cluster.number}.timer 2>/dev/null\n"


def _pause(timer: str, writes: Iterable[str]) -> str:
    """The timer comes first: from there on nobody waits for ever."""
    late = f"--on-active={AT_LATEST} --timer-property=AccuracySec=200ms"
    # Without that option systemd would put its own variables into the script.
    start = f"systemd-run --quiet --collect --expand-environment=no --unit={timer} {late}"
    return f"""
systemctl stop {timer}.timer 2>/dev/null
{start} /bin/sh -c {shlex.quote(_resume(writes))} || exit 1
{_settle(writes)}
{_HELD}
timeout {PATIENCE} {_console("PAUSE", writes)} && exit 0
{_resume(writes)}
systemctl stop {timer}.timer 2>/dev/null
echo "pgbouncer could not be paused within {PATIENCE} s: a transaction goes on" >&2
exit 1
"""


def _settle(databases: Iterable[str]) -> str:
    """A pause breaks off connections that are being made, takes that for a failed login, and so fails whoever comes
    right after it."""
    names = "|".join(databases)
    making = (
        'NR == 1 { for (i = 1; i <= NF; i++) if ($i == "sv_login") login = i } '
        "$1 ~ wanted && $login > 0 { found = 1 } END { exit !found }"
    )
    ask = f"{CONSOLE} -P tuples_only=off -c 'SHOW POOLS'"
    words = f"awk -F '|' -v wanted={shlex.quote(f'^({names})$')} {shlex.quote(making)}"
    return f"for look in $(seq {SETTLE}); do {ask} | {words} || break; sleep 0.05; done"


def _resumed(names: Iterable[str]) -> list[str]:
    return [f'RESUME "{name}";' for name in names]


def _resume(writes: Iterable[str]) -> str:
    return f"{_tell(_resumed(writes))} || :"


def _tell(orders: Iterable[str]) -> str:
    # From standard input: an error, as for a database that is not paused, does not end the rest.
    return f"printf '%s\\n' {shlex.join(orders)} | timeout 5 {CONSOLE} -f - 2>/dev/null"


def _console(verb: str, databases: Iterable[str]) -> str:
    orders = (f"""-c {shlex.quote(f'{verb} "{name}"')}""" for name in databases)
    return f"{CONSOLE} -v ON_ERROR_STOP=1 {' '.join(orders)}"
