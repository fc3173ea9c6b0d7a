"""Going back: what a host ran before a change is kept, and put back by itself when the change fails there."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Sequence

from massive_deploy.desired import DRAIN, Back
from massive_deploy.engine.plan import RolePlan, UnitChange, Verb
from massive_deploy.engine.probe import BEFORE, MANAGED, STAMPS, STATE
from massive_deploy.engine.step import Step
from massive_deploy.shell import assignments

# What a killed run has kept is older than what is there now, and stays: only what it lacks is added.
_KEEP = """
install -d -m 0711 "$state"
install -d -m 0700 "$before" "$kept" "$kept/files" "$kept/stamps"
touch "$kept/absent"
for path in "$@"; do
    [ ! -e "$kept/files$path" ] && [ ! -L "$kept/files$path" ] || continue
    ! grep -qxF -e "$path" "$kept/absent" || continue
    if [ -e "$path" ] || [ -L "$path" ]; then
        mkdir -p "$kept/files${path%/*}"
        cp -a "$path" "$kept/files$path"
    else
        echo "$path" >>"$kept/absent"
    fi
done
if [ ! -e "$kept/complete" ]; then
    for stamp in "$stamps/$role".*; do [ ! -e "$stamp" ] || cp -a "$stamp" "$kept/stamps"; done
    [ ! -e "$managed/$role" ] || cp -a "$managed/$role" "$kept/managed"
    keep >"$kept/kept"
    touch "$kept/complete"
fi
"""
_PUT_BACK = """
find "$kept/files" ! -type d | while read -r file; do
    path=${file#"$kept/files"}
    mkdir -p "${path%/*}"
    cp -a "$file" "$path.massive-deploy-new"
    mv -fT "$path.massive-deploy-new" "$path"
done
while read -r path; do rm -f -- "$path"; done <"$kept/absent"
KEPT=$(cat "$kept/kept")
export KEPT
restore
rm -f -- "$stamps/$role".*
cp -a "$kept/stamps/." "$stamps"
if [ -e "$kept/managed" ]; then cp -a "$kept/managed" "$managed/$role"; else rm -f "$managed/$role"; fi
systemctl daemon-reload
"""
# The folder of them all stays while another role has kept something.
_FORGET = 'rm -rf "$kept"; rmdir --ignore-fail-on-non-empty "$before"'
_HEALTHY = """
end=$(( $(date +%s) + seconds ))
until out=$(timeout 10 sh -c "$healthy" 2>&1 </dev/null); do
    [ "$(date +%s)" -lt $end ] || { echo "$out" >&2; echo "what ran before is not healthy either" >&2; exit 1; }
    sleep 0.5
done
"""


def keep_step(plan: RolePlan, back: Back) -> Step:
    """Keeps the files the plan changes, the role's stamps and what the role itself wants kept."""
    paths = shlex.join(change.path for change in plan.files)
    lines = ["set -eu", _names(plan.role), f"keep() {{\n{back.keep}\n}}", f"set -- {paths}", _KEEP]
    return Step(plan.role, "keep what runs now", "\n".join(lines))


def forget_step(plan: RolePlan) -> Step:
    """Removes what was kept: the change has succeeded."""
    return Step(plan.role, "keep the change", f"{_names(plan.role)}{_FORGET}")


def forget(roles: Iterable[str]) -> str:
    """A script that removes what was kept for these roles: they are what they should be, and nothing goes back."""
    return "\n".join(f"{_names(role)}{_FORGET}" for role in sorted(roles))


def back_step(plan: RolePlan, back: Back, settled: str) -> Step:
    """Puts everything back, and the units to what they ran; the host takes part again once it is healthy.

    `settled` is the shell text that defines `settled UNIT…`. Where nothing was kept, nothing was changed.
    """
    # Whatever becomes of it: from then on the host's health checks decide whether it gets requests.
    undrain = f"trap 'rm -f {DRAIN}' EXIT"
    lines = ["set -eu", undrain, settled, _names(plan.role), f"restore() {{\n{back.restore}\n}}"]
    lines.append('[ -e "$kept/complete" ] || exit 0')
    new = [change for change in plan.units if "start" in change.verbs and "enable" in change.verbs]
    lines += [f"systemctl disable --quiet --now {name} || true" for name in _quoted(new)]
    lines.append(_PUT_BACK)
    again = [change for change in plan.units if change not in new and {"start", "restart"} & set(change.verbs)]
    if names := " ".join(_quoted(again)):
        lines.append(f"systemctl reset-failed {names} 2>/dev/null || true; systemctl restart {names} || why {names}")
    lines += [f"systemctl reload-or-restart {name}" for name in _quoted(_with(plan.units, "reload"))]
    lines += [f"systemctl enable --quiet --now {name}" for name in _quoted(_with(plan.units, "stop"))]
    if names:
        lines.append(f"settled {names}")
    lines += [f"healthy={shlex.quote(back.healthy)}", f"seconds={back.seconds}", _HEALTHY, _FORGET]
    return Step(plan.role, "go back to what ran before", "\n".join(lines), timeout=300 + back.seconds)


def _names(role: str) -> str:
    words = {"state": STATE, "before": BEFORE, "kept": f"{BEFORE}/{role}", "stamps": STAMPS, "managed": MANAGED}
    return assignments({**words, "role": role})


def _with(changes: Sequence[UnitChange], verb: Verb) -> list[UnitChange]:
    return [change for change in changes if verb in change.verbs]


def _quoted(changes: Sequence[UnitChange]) -> list[str]:
    return [shlex.quote(change.unit.name) for change in changes]
