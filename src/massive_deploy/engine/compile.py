"""Plans become steps: pure values that tests compare by equality. No step touches what its plan does not name."""

from __future__ import annotations

import shlex
from collections.abc import Sequence

from massive_deploy.desired import DRAIN, Directory, Gate, User
from massive_deploy.engine.fileset import file_step
from massive_deploy.engine.plan import HostPlan, RolePlan, TaskChange, UnitChange, Verb
from massive_deploy.engine.probe import MANAGED, STAMPS, STATE
from massive_deploy.engine.step import Step

PACKAGES = r"""
set -eu
export DEBIAN_FRONTEND=noninteractive LC_ALL=C NEEDRESTART_SUSPEND=1
eval "$(apt-config shell patience DPkg::Lock::Timeout)"
get="apt-get -y -q -o DPkg::Lock::Timeout=${patience:-600} -o Dpkg::Use-Pty=0
  -o Dpkg::Options::=--force-confdef -o Dpkg::Options::=--force-confold"
# Into a file: when the controller is gone, nothing may stop apt in the middle for want of a reader.
log=/var/log/massive-deploy-packages.log
quietly() { "$@" >>"$log" 2>&1 || { code=$?; tail -n 25 "$log" >&2; return $code; }; }
: >"$log"
policy=/usr/sbin/policy-rc.d
restore() { rm -f "$policy"; [ ! -e "$policy.massive-deploy" ] || mv "$policy.massive-deploy" "$policy"; }
[ -e "$policy.massive-deploy" ] || [ ! -e "$policy" ] || mv "$policy" "$policy.massive-deploy"
trap restore EXIT
printf '#!/bin/sh\nexit 101\n' >"$policy"
chmod 755 "$policy"
# Another apt at work looks like an interrupted one: wait for it before anything else, and only once.
if ! quietly $get check 2>/dev/null && grep -q 'Unable to acquire the dpkg' "$log"; then
  echo "waited ${patience:-600} s for another package tool" >&2
  apt-get -q -o DPkg::Lock::Timeout=0 check 2>&1 | grep '^E: ' >&2
  exit 100
fi
if [ -n "$(dpkg --audit)" ]; then
  quietly dpkg --configure -a --force-confdef --force-confold
  quietly $get -f install
fi
[ $# -gt 0 ] || exit 0
fresh=$(find /var/lib/apt/lists -maxdepth 1 -name '*_Packages*' -mmin -360 2>/dev/null | head -n 1)
install() { quietly $get --no-install-recommends install "$@"; }
if [ -n "$fresh" ] && install "$@" 2>/dev/null; then exit 0; fi
quietly $get update
install "$@"
"""

# Restarts and process ids must stay the same for a second: a service that fails at once is restarted over and over.
SETTLED = r"""
why() {
  for unit in "$@"; do
    systemctl is-active --quiet -- "$unit" && continue
    echo "$unit does not stay up: $(systemctl show -p ActiveState,SubState,NRestarts -- "$unit" | tr '\n' ' ')" >&2
    journalctl -u "$unit" -n 25 --no-pager -o cat >&2 || true
  done
  return 1
}
settled() {
  i=0; calm=0; last=
  while [ $i -lt 120 ]; do
    state=$(systemctl show -p Id,ActiveState,NRestarts,MainPID --value -- "$@" | tr '\n' ' ')
    case " $state" in
      *" inactive "*|*" failed "*|*" activating "*|*" deactivating "*) calm=0 ;;
      *) if [ "$state" = "$last" ]; then calm=$((calm + 1)); else calm=0; fi ;;
    esac
    [ $calm -lt 4 ] || return 0
    last=$state; i=$((i + 1)); sleep 0.25
  done
  echo "not all of these stay up: $state" >&2
  why "$@"
}
"""


def package_step(plan: HostPlan) -> Step | None:
    """One apt transaction: heals an interrupted dpkg first, starts no service."""
    if not plan.packages and not plan.heal_dpkg:
        return None
    body = f"set -- {shlex.join(plan.packages)}\n{PACKAGES}"
    count = len(plan.packages)
    return Step("packages", f"install {count} package{'s' * (count != 1)}", body, timeout=1800)


def steps(plan: RolePlan) -> list[Step]:
    """All steps of one role on one host, in the order of the engine's promise."""
    drain = plan.rolling.drain_seconds if plan.rolling is not None else 0
    wanted: list[Step | None] = [
        _drain_step(plan.role, drain) if drain else None,
        _base_step(plan),
        file_step(plan),
        *(_task_step(plan.role, change) for change in plan.tasks if change.task.before_units),
        _unit_step(plan.role, plan.units),
        *(_task_step(plan.role, change) for change in plan.tasks if not change.task.before_units),
        *(_gate_step(plan.role, gate) for gate in plan.gates),
        _rejoin_step(plan.role, drain) if drain else None,
        _managed_step(plan),
    ]
    return [step for step in wanted if step is not None]


def _drain_step(role: str, seconds: int) -> Step:
    script = f"set -eu; install -d {DRAIN.rpartition('/')[0]}; touch {DRAIN}; sleep {seconds}"
    return Step(role, "drain", script, timeout=seconds + 30)


def _rejoin_step(role: str, seconds: int) -> Step:
    # The next batch is drained only when this one gets requests again: health checks need their time both ways.
    return Step(role, "take part again", f"rm -f {DRAIN}; sleep {seconds}", timeout=seconds + 30)


def _base_step(plan: RolePlan) -> Step | None:
    if not plan.users and not plan.directories:
        return None
    lines = ["set -eu", *(_user(user) for user in plan.users), *(_directory(d) for d in plan.directories)]
    return Step(plan.role, "users and directories", "\n".join(lines))


def _user(user: User) -> str:
    name = shlex.quote(user.name)
    add = f"useradd --system --user-group --home-dir {shlex.quote(user.home)} --shell /usr/sbin/nologin {name}"
    lines = [f"getent passwd {name} >/dev/null || {add}"]
    lines += [f"usermod --append --groups {shlex.quote(','.join(user.groups))} {name}"] if user.groups else []
    return "\n".join(lines)


def _directory(d: Directory) -> str:
    return shlex.join(["install", "-d", "-m", f"{d.mode:04o}", "-o", d.owner, "-g", d.group, d.path])


def _task_step(role: str, change: TaskChange) -> Step:
    task = change.task
    # Who still sends when the step ends would take it for a lost connection.
    drain = "cat >/dev/null" if task.stdin else ":"
    lines = [f"run() {{\n{task.run}\n}}", "set -eu"]
    if task.fetch is None:
        seen = f"timeout 10 sh -c {shlex.quote(task.observe)} 2>/dev/null </dev/null"
        lines.append(f'if [ "$({seen})" = {shlex.quote(task.want.strip())} ]; then {drain}; exit 0; fi')
    lines += ["run", drain]
    if task.settle:
        late = shlex.quote(f"not so after {task.settle} s: {task.name}")
        lines += [
            f"want={shlex.quote(task.want.strip())}; end=$(( $(date +%s) + {task.settle} ))",
            f'until [ "$(sh -c {shlex.quote(task.observe)} 2>/dev/null </dev/null)" = "$want" ]; do',
            f'  [ "$(date +%s)" -lt $end ] || {{ echo {late} >&2; exit 1; }}',
            "  sleep 0.5",
            "done",
        ]
    return Step(role, task.name, "\n".join(lines), task.stdin, task.timeout, task.artifact, task.fetch)


def _unit_step(role: str, changes: Sequence[UnitChange]) -> Step | None:
    if not changes:
        return None
    lines = ["set -eu", SETTLED, f"install -d -m 0700 {STATE} {STAMPS}"]
    lines += [f"systemctl stop {name}" for name in _named(changes, "stop")]
    lines += [
        f"if systemctl cat {name} >/dev/null 2>&1; then systemctl disable --quiet --now {name}; fi"
        for name in _named(changes, "disable")
    ]
    # All in one go: each call would make systemd read every unit anew, and starting side by side takes less time.
    if enable := " ".join(_named(changes, "enable")):
        lines.append(f"systemctl unmask --no-reload --quiet {enable} 2>/dev/null || true")
        lines.append(f"systemctl enable --no-reload --quiet {enable}")
    lines.append("systemctl daemon-reload")
    if start := " ".join(_named(changes, "start", "restart")):
        lines.append(f"systemctl reset-failed {start} 2>/dev/null || true; systemctl restart {start} || why {start}")
    if reload := " ".join(_named(changes, "reload")):
        lines.append(f"systemctl reload-or-restart {reload}")
    if running := [change.unit.name for change in changes if change.unit.running]:
        lines.append(f"settled {shlex.join(running)}")
    lines += [_stamp(role, change) for change in changes]
    names = ", ".join(f"{'+'.join(change.verbs)} {change.unit.name}" for change in changes)
    return Step(role, names, "\n".join(lines), timeout=300)


def _named(changes: Sequence[UnitChange], *verbs: Verb) -> list[str]:
    """Units to which one of the verbs happens, quoted."""
    return [shlex.quote(change.unit.name) for change in changes if set(verbs) & set(change.verbs)]


def _stamp(role: str, change: UnitChange) -> str:
    stamp = shlex.quote(f"{STAMPS}/{role}.{change.unit.name}")
    if not change.unit.running:
        return f"rm -f {stamp}"
    return f"echo {shlex.quote(f'{change.restart_stamp} {change.reload_stamp}')} >{stamp}"


def _gate_step(role: str, gate: Gate) -> Step:
    script = "\n".join(
        [
            f"end=$(( $(date +%s) + {gate.seconds} ))",
            f"until out=$(timeout 10 sh -c {shlex.quote(gate.command)} 2>&1 </dev/null); do",
            '  [ "$(date +%s)" -lt $end ] || { echo "$out" >&2; exit 1; }',
            "  sleep 0.5",
            "done",
        ]
    )
    return Step(role, f"wait: {gate.name}", script, timeout=gate.seconds + 20)


def _managed_step(plan: RolePlan) -> Step | None:
    if plan.managed is None:
        return None
    target = shlex.quote(f"{MANAGED}/{plan.role}")
    script = f"set -eu; install -d -m 0700 {STATE} {MANAGED}; cat >{target}.new; mv -fT {target}.new {target}"
    return Step(plan.role, "remember what is managed", script, "\n".join(plan.managed) + "\n")
