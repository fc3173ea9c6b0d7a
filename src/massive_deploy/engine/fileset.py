"""A role's files as one atomic, validated set: staged, checked, then renamed into place."""

from __future__ import annotations

import base64
import io
import shlex
import tarfile

from massive_deploy.desired import File
from massive_deploy.engine.plan import RolePlan
from massive_deploy.engine.probe import STAMPS, STATE
from massive_deploy.engine.step import Step

_STAGE = f"""
set -eu
umask 077
install -d -m 0711 {STATE}
install -d -m 0700 {STAMPS}
STAGE=$(mktemp -d {STATE}/stage.XXXXXX)
export STAGE
trap 'rm -rf "$STAGE"' EXIT
base64 -d | tar -xzp --same-owner -C "$STAGE"
"""

PLACE = """
place() {
  (umask 022; mkdir -p "$(dirname "$1")")
  cp -a "$STAGE$1" "$1.massive-deploy-new"
  mv -fT "$1.massive-deploy-new" "$1"
}
"""


def archive(files: tuple[File, ...]) -> str:
    """The files as a base64 tar.gz with their modes and owners, deterministic; directories above them are 0755."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz", compresslevel=6, format=tarfile.PAX_FORMAT) as tar:
        for directory in sorted(_parents(files)):
            entry = tarfile.TarInfo(directory.lstrip("/"))
            entry.type, entry.mode = tarfile.DIRTYPE, 0o755
            tar.addfile(entry)
        for file in sorted(files, key=lambda f: f.path):
            raw = file.content.encode()
            entry = tarfile.TarInfo(file.path.lstrip("/"))
            entry.size, entry.mode, entry.uname, entry.gname = len(raw), file.mode, file.owner, file.group
            tar.addfile(entry, io.BytesIO(raw))
    return base64.encodebytes(buffer.getvalue()).decode()


def _parents(files: tuple[File, ...]) -> set[str]:
    found: set[str] = set()
    for file in files:
        parts = file.path.split("/")[1:-1]
        found.update("/" + "/".join(parts[: n + 1]) for n in range(len(parts)))
    return found


def file_step(plan: RolePlan) -> Step | None:
    """Writes and removes the files of this plan. If a validator fails, nothing live has changed.

    Stamps of the units that depend on the written files are dropped first, so that a run killed in between is
    found by the next one.
    """
    if not plan.files:
        return None
    written = [change.path for change in plan.files if change.new is not None]
    removed = [change.path for change in plan.files if change.new is None]
    stamps = [f"{STAMPS}/{plan.role}.{change.unit.name}" for change in plan.units if change.unit.running]
    lines = [_STAGE if plan.staged else "set -eu"]
    for validator in plan.validators:
        failed = shlex.quote(f"{validator.name} refused the new configuration; the running one is unchanged")
        check = f"out=$(sh -c {shlex.quote(validator.command)} 2>&1 </dev/null)"
        lines.append(f'{check} || {{ echo "$out" >&2; echo {failed} >&2; exit 1; }}')
    if stamps:
        lines.append(f"rm -f -- {shlex.join(stamps)}")
    lines.append(PLACE)
    lines += [f"place {shlex.quote(path)}" for path in written]
    if removed:
        lines.append(f"rm -f -- {shlex.join(removed)}")
    name = ", ".join([*written, *(f"remove {path}" for path in removed)])
    return Step(plan.role, f"files: {name}", "\n".join(lines), archive(plan.staged) if plan.staged else "")
