"""A plan kept in a file: what was shown is what `up` does, or it refuses because something has changed."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from massive_deploy.desired import digest
from massive_deploy.engine.narrow import Selection
from massive_deploy.engine.plan import Plan, RolePlan
from massive_deploy.engine.report import as_json
from massive_deploy.errors import MassiveDeployError

FORMAT = 1


@dataclass(frozen=True, slots=True)
class SavedPlan:
    """The file's content. `fingerprint` covers every action, contents of files and tasks included, and shows none."""

    inventory: str
    selection: Selection
    fingerprint: str
    plan: dict[str, Any]
    made: str


def fingerprint(plan: Plan) -> str:
    """Equal for plans that do exactly the same."""
    parts = [json.dumps(as_json(plan), sort_keys=True)]
    for host in plan.hosts:
        parts += [part for role in host.roles for part in _contents(role)]
    return digest(*parts)


def _contents(role: RolePlan) -> list[str]:
    files = [change.new.fingerprint if change.new is not None else change.path for change in role.files]
    tasks = [digest(c.task.name, c.task.run, c.task.stdin, c.task.want, c.task.confirm) for c in role.tasks]
    units = [f"{u.unit.name} {u.restart_stamp} {u.reload_stamp}" for u in role.units]
    return [role.host, role.role, *files, *tasks, *units]


def save(plan: Plan, selection: Selection, inventory: Path, file: Path) -> None:
    """Write the plan for a later `up FILE`."""
    content = {
        "format": FORMAT,
        "inventory": str(inventory.resolve()),
        "hosts": list(selection.hosts),
        "roles": list(selection.roles),
        "made": datetime.now(UTC).isoformat(timespec="seconds"),
        "fingerprint": fingerprint(plan),
        "plan": as_json(plan),
    }
    file.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


def load(file: Path) -> SavedPlan:
    """Read a saved plan.

    Raises:
        MassiveDeployError: not a file that `plan --out` wrote.
    """
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
        if content["format"] != FORMAT:
            raise MassiveDeployError(
                f"{file} was written by another version", "make it again: massive-deploy plan --out"
            )
        selection = Selection(tuple(content["hosts"]), tuple(content["roles"]))
        return SavedPlan(content["inventory"], selection, content["fingerprint"], content["plan"], content["made"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise MassiveDeployError(
            f"{file} is not a saved plan: {error}", "make one with: massive-deploy plan --out"
        ) from error
