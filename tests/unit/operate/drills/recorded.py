"""Logs as the probes write them: a leader crash, with two seconds without writes."""

from __future__ import annotations

from massive_deploy.operate.drills import logs
from massive_deploy.operate.drills.result import Told

ZERO = 1000.0
"""When the fault was injected."""


def key(number: int) -> str:
    return f"00000000-0000-4000-8000-{number:012d}"


def at(*fields: object) -> str:
    return "\t".join(map(str, fields))


def app_log() -> str:
    """A row every 0.1 s from -2 s to 5 s; the one under way at 0 fails at 0.3 s, the next is answered at 2.1 s."""
    lines = ["clock\t998.0\t17.0"]
    for number in range(1, 21):
        begin = ZERO - 2.0 + 0.1 * number - 0.05
        lines.append(at("write", begin, begin + 0.01, "ok", number, key(number), ""))
    lines.append(at("write", 1000.05, 1000.3, "failed", 21, key(21), "server closed the connection"))
    lines.append(at("write", 1000.35, 1002.1, "ok", 22, key(22), ""))
    for number in range(23, 51):
        begin = 1002.2 + 0.1 * (number - 23)
        lines.append(at("write", begin, begin + 0.01, "ok", number, key(number), ""))
    # A replica told row 20 while 22 was acknowledged at 1002.1, 0.9 s before.
    for begin, newest, who in ((999.9, 19, "replica"), (1001.0, 20, "replica"), (1003.0, 20, "replica")):
        lines.append(at("read", begin, begin + 0.02, "ok", newest, who, ""))
    lines.append(at("read", 1003.5, 1003.6, "failed", "-", "-", "timeout"))
    lines.append(at("read", 1004.0, 1004.1, "ok", 39, "leader", ""))
    return "\n".join([*lines, "write\t1005.1\t10"])


def node_logs() -> dict[str, str]:
    """db-1 leads on timeline 1 until 0, db-2 from 1.8 s on timeline 2."""
    first = [at("node", 998 + 0.1 * n, 998.02 + 0.1 * n, "ok", 1, "") for n in range(20)]
    first.append(at("node", 1000.0, 1000.1, "failed", "-", "terminating connection"))
    second = [at("node", 999.0, 999.01, "failed", "-", "read-only transaction")]
    second += [at("node", 1001.75 + 0.1 * n, 1001.8 + 0.1 * n, "ok", 2, "") for n in range(30)]
    return {"db-1": "\n".join(first), "db-2": "\n".join(second)}


def seen() -> logs.Seen:
    writes, reads = logs.app(app_log())
    direct = [one for host, text in node_logs().items() for one in logs.node(text, host)]
    visits = [logs.Visit(999.0 + n, 999.2 + n, n != 2, "" if n != 2 else "status 502", "uncached") for n in range(6)]
    return logs.Seen(writes, reads, direct, tuple(visits))


def told(*missing: int, extra: tuple[int, ...] = (), **changed: object) -> Told:
    found = {key(n) for n in range(1, 51) if n != 21 and n not in missing} | {key(n) for n in extra}
    values: dict[str, object] = {
        "fault": "leader-crash",
        "inventory": "trial",
        "cluster": "trial-1",
        "leader_before": "db-1",
        "leader_after": "db-2",
        "injected": ZERO,
        "healed": ZERO + 3,
        "well": ZERO + 4.5,
        "found": frozenset(found),
    }
    return Told(**{**values, **changed})  # type: ignore[arg-type]
