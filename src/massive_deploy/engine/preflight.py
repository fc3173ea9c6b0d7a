"""What makes a host unfit for a run, told for all hosts at once before anything on them is changed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from massive_deploy.engine.observed import Facts, Observed
from massive_deploy.errors import HostFailure

RELEASE = "debian 13"
CLOCK_LIMIT = 5
"""Seconds a host's clock may be off: certificates, failovers and metrics depend on it."""
LEAST_FREE_MB = 64
"""MiB that /var must have left: less does not even hold what a run notes down."""


def findings(observed: Mapping[str, Observed], before: float, after: float) -> list[HostFailure]:
    """Every host's reasons not to begin.

    Args:
        observed: what the probes saw; hosts that do not exist yet have no findings.
        before: this machine's clock when the probes were sent, in seconds since 1970.
        after: the same when all had answered.
    """
    return [
        HostFailure(host, "preflight", step, cause, hint)
        for host, seen in sorted(observed.items())
        if seen.exists
        for step, cause, hint in _of_one(seen.facts, before, after)
    ]


def _of_one(facts: Facts, before: float, after: float) -> Iterator[tuple[str, str, str]]:
    if facts.system != "Linux" or facts.release != RELEASE:
        found = f"{facts.system or 'an unknown system'} ({facts.release or 'no /etc/os-release'})"
        yield (
            "system",
            f"roles are written for Linux ({RELEASE}), and this is {found}",
            f"install {RELEASE.capitalize()} on it, or take it out of the topology",
        )
        return
    if facts.clock is not None and (off := clock_offset(facts.clock, before, after)):
        way = "ahead of" if off > 0 else "behind"
        yield (
            "clock",
            f"its clock is {abs(off):.0f} s {way} this machine's; {CLOCK_LIMIT} s are allowed",
            "set the wrong one of the two right: timedatectl set-ntp true",
        )
    if facts.read_only:
        folders = " ".join(facts.read_only)
        yield (
            "file systems",
            f"cannot be written: {folders}",
            f"see why on the host: journalctl -k -n 50; then: mount -o remount,rw {facts.read_only[0]}",
        )
    if facts.free_mb is not None and facts.free_mb < LEAST_FREE_MB:
        yield (
            "disk space",
            f"/var has {facts.free_mb} MiB left; {LEAST_FREE_MB} MiB are needed",
            "make room on the host: apt-get clean; journalctl --vacuum-size=100M; du -xh /var | sort -h | tail",
        )


def clock_offset(clock: int, before: float, after: float) -> float:
    """Seconds a clock that was read between `before` and `after` is off at least; 0 when that is within the limit."""
    off = clock - after if clock > after else min(0.0, clock + 1 - before)
    return off if abs(off) > CLOCK_LIMIT else 0.0
