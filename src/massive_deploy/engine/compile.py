"""Plans become steps: pure values that tests compare by equality. No step touches what its plan does not name."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import replace

from massive_deploy.desired import DRAIN, Directory, Gate, Rolling, User
from massive_deploy.engine.back import back_step, forget_step, keep_step
from massive_deploy.engine.fileset import file_step
from massive_deploy.engine.plan import HostPlan, RolePlan, TaskChange, UnitChange, Verb
from massive_deploy.engine.probe import MANAGED, STAMPS, STATE
from massive_deploy.engine.step import Step
from massive_deploy.last_words import last_words

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
    { LAST_WORDS; } >&2 || true
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
""".replace("LAST_WORDS", last_words('"$unit"'))


def package_step(plan: HostPlan) -> Step | None:
    """One apt transaction: heals an interrupted dpkg first, starts no service."""
    if not plan.packages and not plan.heal_dpkg:
        return None
    body = f"set -- {shlex.join(plan.packages)}\n{PACKAGES}"
    count = len(plan.packages)
    return Step("packages", f"install {count} package{'s' * (count != 1)}", body, timeout=1800)


def steps(plan: RolePlan) -> list[Step]:
    """All steps of one role on one host, in the order of the engine's promise; those of `ahead` and `afterwards` tasks
    are not among them."""
    rolling = plan.rolling or Rolling()
    drain = rolling.drain_seconds
    tasks = [
        change for change in plan.tasks if not (change.task.in_turn or change.task.ahead or change.task.afterwards)
    ]
    # The file that drains is removed when the host takes part again, not before.
    files = replace(plan, files=tuple(c for c in plan.files if c.path != DRAIN)) if drain else plan
    wanted: list[Step | None] = [
        _drain_step(plan.role, rolling) if drain else None,
        keep_step(files, rolling.back) if rolling.back is not None else None,
        _base_step(plan),
        file_step(files),
        *(_task_step(plan.role, change) for change in tasks if change.task.before_units),
        _unit_step(plan.role, plan.units),
        *(_task_step(plan.role, change) for change in tasks if not change.task.before_units),
        *(_gate_step(plan.role, gate) for gate in plan.gates),
        _managed_step(plan),
        # Before the host takes part again: after that, nobody would look at what a killed run has left.
        forget_step(plan) if rolling.back is not None else None,
        _rejoin_step(plan.role, drain) if drain else None,
    ]
    return [step for step in wanted if step is not None]


def ahead_steps(plan: RolePlan, number: int) -> list[Step]:
    """The tasks with this number that are done before the role's own turn."""
    return [_task_step(plan.role, change) for change in plan.tasks if change.task.ahead == number]


def afterwards_steps(plan: RolePlan) -> list[Step]:
    """The tasks that are done when all roles are through."""
    return [_task_step(plan.role, change) for change in plan.tasks if change.task.afterwards]


def going_back(plan: RolePlan) -> Step | None:
    """What brings the host back when a step of `steps(plan)` fails; None where it stays as it is."""
    if plan.rolling is None or plan.rolling.back is None:
        return None
    return back_step(plan, plan.rolling.back, SETTLED)


def _drain_step(role: str, rolling: Rolling) -> Step:
    lines = [f"set -eu; install -d {DRAIN.rpartition('/')[0]}; touch {DRAIN}; sleep {rolling.drain_seconds}"]
    if rolling.idle:
        # What is not done by then is left to the restart, which is a graceful one.
        lines += [
            f"end=$(( $(date +%s) + {rolling.idle_seconds} ))",
            f"until timeout 10 sh -c {shlex.quote(rolling.idle)} </dev/null; do",
            '  [ "$(date +%s)" -lt $end ] || break',
            "  sleep 0.5",
            "done",
        ]
    return Step(role, "drain", "\n".join(lines), timeout=rolling.drain_seconds + rolling.idle_seconds + 30)


def undrain_step(role: str) -> Step:
    """Takes away what an earlier run has left: from then on the host's health checks decide."""
    return Step(role, "not drained any more", f"rm -f {DRAIN}")


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
        why = f"timeout 20 sh -c {shlex.quote(task.why)} >&2 2>/dev/null </dev/null || :; " if task.why else ""
        lines += [
            f"want={shlex.quote(task.want.strip())}; end=$(( $(date +%s) + {task.settle} ))",
            f'until [ "$(sh -c {shlex.quote(task.observe)} 2>/dev/null </dev/null)" = "$want" ]; do',
            f'  [ "$(date +%s)" -lt $end ] || {{ {why}echo {late} >&2; exit 1; }}',
            "  sleep 0.5",
            "done",
        ]
    return Step(role, task.name, "\n".join(lines), task.stdin, task.timeout, task.artifact, task.fetch, task.confirm)


def _unit_step(role: str, changes: Sequence[UnitChange]) -> Step | None:
    if not changes:
        return None
    lines = ["set -eu", SETTLED, f"install -d -m 0711 {STATE}; install -d -m 0700 {STAMPS}"]
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
    if running := [change.unit.name for change in changes if change.unit.running and not change.unit.waits]:
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
    why = f"; {gate.why}" if gate.why else ""
    lost = f"! timeout 10 sh -c {shlex.quote(gate.hopeless)} >/dev/null 2>&1 </dev/null && " if gate.hopeless else ""
    script = "\n".join(
        [
            f"end=$(( $(date +%s) + {gate.seconds} ))",
            f"until out=$(timeout 10 sh -c {shlex.quote(gate.command)} 2>&1 </dev/null); do",
            f'  {{ {lost}[ "$(date +%s)" -lt $end ]; }} || {{ {{ echo "$out"{why}; }} >&2; exit 1; }}',
            "  sleep 0.5",
            "done",
        ]
    )
    return Step(role, f"wait: {gate.name}", script, timeout=gate.seconds + 20)


def _managed_step(plan: RolePlan) -> Step | None:
    if plan.managed is None:
        return None
    target = shlex.quote(f"{MANAGED}/{plan.role}")
    folders = f"install -d -m 0711 {STATE}; install -d -m 0700 {MANAGED}"
    script = f"set -eu; {folders}; cat >{target}.new; mv -fT {target}.new {target}"
    return Step(plan.role, "remember what is managed", script, "\n".join(plan.managed) + "\n")
