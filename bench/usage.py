"""Who used the machine's CPUs during a run: each service of the host under load, all of ours, everybody else."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

# CPU time of the whole machine, of this container (the second version of control groups, or the first), and of the
# processes of each of its services. A container may see its own part of the control groups only, or all of them. No
# program is started for a process: this is run between measurements.
SNAPSHOT = r"""
head -n 1 /proc/stat
first=$(sed -n 's/^[0-9]*:\([^:]*,\)\{0,1\}cpuacct[^:]*:\(.*\)$/\2/p' /proc/self/cgroup | head -n 1)
second=$(sed -n 's/^0:://p' /proc/self/cgroup)
for file in "cpuacct$first/cpuacct.usage" cpuacct/cpuacct.usage "$second/cpu.stat" cpu.stat; do
  [ -r "/sys/fs/cgroup/$file" ] || continue
  case $file in
    *.usage) echo "container $(($(cat "/sys/fs/cgroup/$file") / 1000))" ;;
    *) sed -n 's/^usage_usec /container /p' "/sys/fs/cgroup/$file" ;;
  esac
  break
done
for process in /proc/[0-9]*; do
  unit=
  while read -r line; do
    case $line in *.service) unit=${line##*/} ;; esac
  done 2>/dev/null <"$process/cgroup"
  [ -n "$unit" ] && read -r line 2>/dev/null <"$process/stat" || continue
  set -- ${line##*) }
  echo "unit ${unit%.service} $((${12} + ${13}))"
done
true
"""
TICKS = 100
"""Of /proc in a second, on every Linux of today."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """CPU seconds since the machine's start: busy and total over all CPUs, of the container, of its services."""

    busy: float
    total: float
    container: float
    units: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Usage:
    """Between two snapshots: CPU seconds of each service, and the share (0 to 1) of the machine that others took."""

    units: Mapping[str, float]
    others: float


def read(output: str) -> Snapshot:
    """What SNAPSHOT printed."""
    busy = total = container = 0.0
    units: dict[str, float] = {}
    for line in output.splitlines():
        words = line.split()
        if words[:1] == ["cpu"]:
            # user nice system idle iowait irq softirq steal; guests are within user.
            ticks = [int(word) / TICKS for word in words[1:9]]
            total = sum(ticks)
            busy = total - ticks[3] - ticks[4]
        elif words[:1] == ["container"]:
            container = int(words[1]) / 1e6
        elif words[:1] == ["unit"]:
            units[words[1]] = units.get(words[1], 0.0) + int(words[2]) / TICKS
    return Snapshot(busy, total, container, units)


def between(before: Mapping[str, Snapshot], after: Mapping[str, Snapshot], host: str) -> Usage:
    """What happened between two rounds of snapshots of all our hosts; services are those of `host`."""
    first, last = before[host], after[host]
    ours = sum(after[name].container - before[name].container for name in before)
    total = last.total - first.total
    others = (last.busy - first.busy - ours) / total if total > 0 else 0.0
    spent = {unit: time - first.units.get(unit, 0.0) for unit, time in last.units.items()}
    return Usage({unit: time for unit, time in spent.items() if time > 0.001}, min(1.0, max(0.0, others)))
