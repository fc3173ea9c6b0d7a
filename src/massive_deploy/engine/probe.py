"""The probe: one script per host that reads all that matters, and the parser of what it prints.

Lines are `kind<TAB>key<TAB>value…`; free text is base64. Reading never changes anything on the host.
"""

from __future__ import annotations

import base64
import shlex
from collections.abc import Iterable, Mapping

from massive_deploy.desired import Desired
from massive_deploy.engine.observed import Entry, Facts, Observed, UnitState

STATE = "/var/lib/massive-deploy"
STAMPS = f"{STATE}/stamps"
MANAGED = f"{STATE}/managed"
BEFORE = f"{STATE}/before"
"""What a role's change would bring back if it failed, one folder a role; gone when the change is through."""
# Prints the units a host has been given to run, as `up` recorded them there.
MANAGED_UNITS = f"sed -n 's/^unit //p' {MANAGED}/* 2>/dev/null | sort -u"
UNIT_FIELDS = ("LoadState", "ActiveState", "SubState", "UnitFileState", "NRestarts")

_KINDS = {"regular file": "file", "regular empty file": "file", "directory": "directory", "symbolic link": "link"}

# Mostly built into the shell: what a probe costs is the processes it starts.
_FACTS = r"""
printf 'fact\tclock\t%s\n' "$(date +%s)"
printf 'fact\tsystem\t%s\n' "$(uname -s)"
printf 'fact\trelease\t%s\n' "$([ ! -r /etc/os-release ] || . /etc/os-release; echo "${ID-} ${VERSION_ID-}")"
printf 'fact\tfree\t%s\n' "$(df -Pk /var | awk 'NR == 2 {print int($4 / 1024)}')"
for folder in /etc /usr /var; do [ -w "$folder" ] || printf 'read-only\t%s\n' "$folder"; done
printf 'fact\tcpus\t%s\n' "$(nproc)"
memory=0  # in MiB: what the machine has, or less where a control group limits it
while read -r name value _; do
  if [ "$name" = MemTotal: ]; then memory=$((value / 1024)); break; fi
done </proc/meminfo
while IFS=: read -r _ controllers folder; do
  case "$controllers" in
    '') folder=/sys/fs/cgroup$folder file=memory.max ;;
    memory) folder=/sys/fs/cgroup/memory$folder file=memory.limit_in_bytes ;;
    *) continue ;;
  esac
  while [ "$folder" != /sys/fs/cgroup ] && [ -n "$folder" ]; do
    limit=
    [ ! -r "$folder/$file" ] || read -r limit <"$folder/$file"
    case "$limit" in
      '' | *[!0-9]*) ;;
      *) [ $((limit / 1048576)) -ge "$memory" ] || memory=$((limit / 1048576)) ;;
    esac
    folder=${folder%/*}
  done
done </proc/1/cgroup
printf 'fact\tmemory\t%s\n' "$memory"
[ -z "$(dpkg --audit 2>/dev/null)" ] || printf 'dpkg-broken\n'
"""


def script(desired: Mapping[str, Desired]) -> str:
    """The probe for a host that should hold these roles."""
    parts = ["export LC_ALL=C", _FACTS]
    parts += _files(desired.values()) + _packages(desired.values()) + _users(desired.values())
    parts += _units(desired.values()) + _state() + _tasks(desired)
    return "\n".join(parts) + "\n"


def _words(values: Iterable[str]) -> str:
    return shlex.join(sorted(set(values)))


def _files(desired: Iterable[Desired]) -> list[str]:
    roles = list(desired)
    files = {file.path: file for role in roles for file in role.files}
    paths = {*files, *(d.path for role in roles for d in role.directories), *(p for role in roles for p in role.absent)}
    if not paths:
        return []
    known = "\n".join(f"{file.sha256}  {file.path}" for file in files.values() if not file.secret)
    return [
        f"stat --printf 'entry\\t%n\\t%a\\t%U\\t%G\\t%F\\n' -- {_words(paths)} 2>/dev/null",
        f"sha256sum -- {_words(files) or '/dev/null'} 2>/dev/null | sed 's/^\\([0-9a-f]*\\)  /sha\\t\\1\\t/'",
        "sha256sum --check --quiet 2>/dev/null <<'EXPECTED' | sed -n 's/: FAILED$//p' | while read -r path; do",
        known,
        "EXPECTED",
        '  printf \'text\\t%s\\t\' "$path"; head -c 200000 -- "$path" | base64 -w0; echo',
        "done",
    ]


def _packages(desired: Iterable[Desired]) -> list[str]:
    names = {name for role in desired for name in role.packages}
    if not names:
        return []
    show = "package\\t${Package}\\t${db:Status-Abbrev}\\t${Version}\\n"
    return [f"dpkg-query -W -f='{show}' {_words(names)} 2>/dev/null"]


def _users(desired: Iterable[Desired]) -> list[str]:
    names = {user.name for role in desired for user in role.users}
    return [
        f"id -Gn -- {shlex.quote(name)} 2>/dev/null | sed 's/^/user\\t'{shlex.quote(name)}'\\t/'"
        for name in sorted(names)
    ]


def _units(desired: Iterable[Desired]) -> list[str]:
    names = sorted({unit.name for role in desired for unit in role.units})
    if not names:
        return []
    fields = ",".join(("Id", *UNIT_FIELDS))
    return ["echo units", f"systemctl show -p {fields} -- {shlex.join(names)} 2>/dev/null", "echo units-end"]


def _state() -> list[str]:
    return [
        f"cd {STAMPS} 2>/dev/null && grep -H '' -- * 2>/dev/null | sed 's/^\\([^:]*\\):/stamp\\t\\1\\t/'",
        f"cd {MANAGED} 2>/dev/null && grep -H '' -- * 2>/dev/null | sed 's/^\\([^:]*\\):/managed\\t\\1\\t/'",
        f'for kept in {BEFORE}/*; do [ ! -d "$kept" ] || printf \'kept\\t%s\\n\' "${{kept##*/}}"; done',
        "cd /",
    ]


def _tasks(desired: Mapping[str, Desired]) -> list[str]:
    return [
        f"printf '{kind}\\t%s\\t' {shlex.quote(f'{role}/{one.name}')}; "
        f"timeout 10 sh -c {shlex.quote(one.observe)} 2>/dev/null </dev/null | base64 -w0; echo"
        for role, wanted in desired.items()
        for kind, listed in (("task", wanted.tasks), ("guard", wanted.guards))
        for one in listed
    ]


def parse(output: str, desired: Mapping[str, Desired]) -> Observed:
    """What the probe's output says. Lines that are not understood are skipped."""
    seen = _Parser()
    lines = iter(output.splitlines())
    for line in lines:
        if line == "units":
            seen.units_block(lines, sorted({unit.name for role in desired.values() for unit in role.units}))
            continue
        kind, *values = line.split("\t")
        reader = getattr(seen, f"on_{kind.replace('-', '_')}", None)
        if reader is not None:
            reader(*values)
    return seen.observed()


def _decode(text: str) -> str:
    return base64.b64decode(text).decode("utf-8", "replace")


class _Parser:
    def __init__(self) -> None:
        self.facts: dict[str, str] = {}
        self.entries: dict[str, Entry] = {}
        self.shas: dict[str, str] = {}
        self.texts: dict[str, str] = {}
        self.packages: dict[str, str] = {}
        self.users: dict[str, frozenset[str]] = {}
        self.units: dict[str, UnitState] = {}
        self.stamps: dict[str, str] = {}
        self.managed: dict[str, list[str]] = {}
        self.tasks: dict[str, str] = {}
        self.guards: dict[str, str] = {}
        self.broken = False
        self.read_only: list[str] = []
        self.kept: set[str] = set()

    def on_fact(self, name: str, value: str) -> None:
        self.facts[name] = value

    def on_dpkg_broken(self) -> None:
        self.broken = True

    def on_read_only(self, folder: str) -> None:
        self.read_only.append(folder)

    def on_kept(self, role: str) -> None:
        self.kept.add(role)

    def on_entry(self, path: str, mode: str, owner: str, group: str, kind: str) -> None:
        self.entries[path] = Entry(_KINDS.get(kind, "other"), int(mode, 8), owner, group)

    def on_sha(self, sha256: str, path: str) -> None:
        self.shas[path] = sha256

    def on_text(self, path: str, encoded: str) -> None:
        self.texts[path] = _decode(encoded)

    def on_package(self, name: str, status: str, version: str) -> None:
        if status.startswith("ii"):
            self.packages[name] = version

    def on_user(self, name: str, groups: str) -> None:
        self.users[name] = frozenset(groups.split())

    def on_stamp(self, name: str, value: str) -> None:
        self.stamps[name] = value

    def on_managed(self, role: str, path: str) -> None:
        self.managed.setdefault(role, []).append(path)

    def on_task(self, key: str, encoded: str) -> None:
        self.tasks[key] = _decode(encoded).strip()

    def on_guard(self, key: str, encoded: str) -> None:
        self.guards[key] = _decode(encoded).strip()

    def units_block(self, lines: Iterable[str], names: list[str]) -> None:
        blocks: list[dict[str, str]] = [{}]
        for line in lines:
            if line == "units-end":
                break
            if not line:
                blocks.append({})
                continue
            key, _, value = line.partition("=")
            blocks[-1][key] = value
        for name, block in zip(names, [block for block in blocks if block], strict=False):
            load, active, sub, enabled, restarts = (block.get(field, "") for field in UNIT_FIELDS)
            self.units[name] = UnitState(load, active, sub, enabled, int(restarts or 0))

    def observed(self) -> Observed:
        entries = {
            path: Entry(e.kind, e.mode, e.owner, e.group, self.shas.get(path, "")) for path, e in self.entries.items()
        }
        return Observed(
            facts=self._facts(),
            entries=entries,
            texts=self.texts,
            packages=self.packages,
            dpkg_broken=self.broken,
            users=self.users,
            units=self.units,
            stamps=self.stamps,
            managed={role: tuple(paths) for role, paths in self.managed.items()},
            tasks=self.tasks,
            guards=self.guards,
            kept=frozenset(self.kept),
        )

    def _facts(self) -> Facts:
        return Facts(
            cpus=self._number("cpus") or 0,
            memory_mb=self._number("memory") or 0,
            system=self.facts.get("system", ""),
            release=self.facts.get("release", "").strip(),
            clock=self._number("clock"),
            free_mb=self._number("free"),
            read_only=tuple(self.read_only),
        )

    def _number(self, name: str) -> int | None:
        text = self.facts.get(name, "")
        return int(text) if text.isascii() and text.isdigit() else None
