"""What a role wants of one host, as plain values. Equal inputs give equal values; nothing here touches a host."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path


def digest(*parts: str | bytes) -> str:
    """A hexadecimal SHA-256 over the parts; the order counts, and no two different lists share one."""
    total = hashlib.sha256()
    for part in parts:
        raw = part.encode() if isinstance(part, str) else part
        total.update(len(raw).to_bytes(8, "big") + raw)
    return total.hexdigest()


@dataclass(frozen=True, slots=True)
class File:
    """A managed file: absolute path, whole content, octal mode, owner and group by name."""

    path: str
    content: str
    mode: int = 0o644
    owner: str = "root"
    group: str = "root"
    secret: bool = False

    @property
    def sha256(self) -> str:
        """Of the content alone, as `sha256sum` prints it."""
        return hashlib.sha256(self.content.encode()).hexdigest()

    @property
    def fingerprint(self) -> str:
        """Of content, mode and ownership."""
        return digest(self.path, self.content, oct(self.mode), self.owner, self.group)


@dataclass(frozen=True, slots=True)
class Directory:
    """A directory that must exist with this mode and ownership; what is inside is not managed."""

    path: str
    mode: int = 0o755
    owner: str = "root"
    group: str = "root"


@dataclass(frozen=True, slots=True)
class User:
    """A system user without a login shell, with a group of the same name unless `group` says otherwise.

    The home directory is named, not created: declare a Directory for it where one is needed.
    """

    name: str
    home: str = "/nonexistent"
    groups: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Unit:
    """A systemd unit and which managed files it must be restarted or reloaded for.

    `restart_on` and `reload_on` hold paths of this role's files (a path ending in "/" means every file below it).
    A file in both counts as restart. `also` is mixed into the restart fingerprint (for instance a release id).
    A unit that `waits` ends and starts over while another host is away: no run fails for that, or starts it anew.
    """

    name: str
    running: bool = True
    enabled: bool = True
    restart_on: tuple[str, ...] = ()
    reload_on: tuple[str, ...] = ()
    also: str = ""
    waits: bool = False


@dataclass(frozen=True, slots=True)
class Validator:
    """A command that must succeed on the staged files before any of them goes live.

    `command` is a shell line; `$STAGE` is the staging root, laid out like `/` and holding this role's files.
    It runs only when one of `paths` (prefixes of managed paths) is about to change.
    """

    name: str
    command: str
    paths: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Task:
    """A state that is not a file or unit: how to observe it, what it should read, and how to bring it about.

    `observe` is a shell script run as root inside the one probe (10 s limit, read only, no secret in its text);
    its standard output, stripped, is compared with `want`. When they differ, `run` is executed with `stdin`
    (never shown, may hold secrets) on its standard input, unless `observe` reads `want` by then; afterwards `observe`
    must read `want` within `settle` seconds; if it does not, `why` (a shell script) prints what is known of why.
    Tasks run in order, before the role's units are started (`before_units`) or after. `artifact` is a local file
    that is uploaded first; its place on the host is in `$ARTIFACT`. `fetch` is a path on this host that is brought
    to the controller after `run`, as input of another host's artifact. `in_turn` tasks belong to no host's own steps:
    hosts must go one after the other, in an order that is known only then, and `up` sees to it when all stages are
    done (operate/restart_pending.py). What they observe is a line of the plan, such as `restart PostgreSQL`.
    `ahead` tasks are done before the role's own turn, on all hosts side by side, those with 1 before those with 2: what
    takes long, or must be so everywhere, before the first host is drained. They find nothing that this role brings.
    `afterwards` tasks are done when all roles are through on all hosts: they take away what was needed until then.
    `confirm` is a shell script for what may shut us out: after `run` it must succeed over a connection opened for it,
    or the task has failed. `run` sees to it that what nobody confirms undoes itself.
    """

    name: str
    observe: str
    want: str
    run: str
    stdin: str = ""
    before_units: bool = False
    settle: int = 0
    timeout: int = 600
    artifact: Path | None = None
    fetch: tuple[str, Path] | None = None
    secret: bool = False
    in_turn: bool = False
    ahead: int = 0
    afterwards: bool = False
    why: str = ""
    confirm: str = ""


@dataclass(frozen=True, slots=True)
class Guard:
    """Something on a host that this role would endanger: read before anything is touched, and a reason to refuse.

    `observe` (as in Task) prints one line for each thing that would be lost, nothing when there is none. `instead` is
    what to do about it. `word` is what the user types after `--lose` to go on all the same; without one the answer is
    always no. `set_aside` then runs as root, before the plan is made: it moves what is in the way and deletes nothing.
    """

    name: str
    observe: str
    instead: str
    word: str = ""
    set_aside: str = ""


@dataclass(frozen=True, slots=True)
class Gate:
    """A shell command that must succeed within `seconds` after the role changed something on the host.

    `why` is a shell line that is run when it does not: what it prints goes with the failure. Once `hopeless` (a shell
    line) succeeds, it is no longer waited for.
    """

    name: str
    command: str
    seconds: int = 30
    why: str = ""
    hopeless: str = ""


@dataclass(frozen=True, slots=True)
class Back:
    """How a host returns by itself to what it ran, when the role's change fails on it.

    Its files, stamps and units are put back as they were; what else belongs to it is the role's: `keep` prints it
    before the change, `restore` finds that text in $KEPT and brings it back, before the units are restarted.
    `healthy` is a shell line that must succeed within `seconds` after that.
    """

    keep: str
    restore: str
    healthy: str
    seconds: int = 60


@dataclass(frozen=True, slots=True)
class Rolling:
    """How a role's running units are restarted: a part of the hosts at a time, each batch healthy before the next.

    `percent` of the role's hosts go together (at least one). A host is drained for `drain_seconds` first: while
    DRAIN exists on it, its health checks fail. Then, for up to `idle_seconds`, it is waited for `idle` (a shell line)
    to succeed: nothing is in flight any more. With `back` one host goes first, alone, and a host that fails goes back.
    """

    percent: int = 25
    drain_seconds: int = 0
    idle: str = ""
    idle_seconds: int = 0
    back: Back | None = None


@dataclass(frozen=True, slots=True)
class Handover:
    """What a role does on these hosts when a database cluster changes its leader: shell scripts, run as root.

    `prepare` comes first, while nobody is held back; it may fail. `pause` holds writing clients back without an error,
    and lets them go by itself after half a minute; when it cannot, it lets them go at once, says why on standard error
    and fails. `resume` lets them go, and does no harm when nobody is held. `hurry` is told who leads now, in NEW_LEADER
    (a host's name), before any health check has noticed. Any of them may be empty. A pause may print its host's time
    (seconds since 1970) after HELD, and a hurry after FREE: together they tell how long clients have waited.
    """

    hosts: tuple[str, ...]
    prepare: str = ""
    pause: str = ""
    resume: str = ""
    hurry: str = ""


HELD, FREE = "held", "free"
DRAIN = "/run/massive-deploy/drain"
"""While it exists on a host, its health checks fail."""
DRAINED = "/var/lib/massive-deploy/drain/on"
"""The same by hand (`massive-deploy drain`): stays through runs and restarts until it is taken back."""
MAINTENANCE = "/var/lib/massive-deploy/maintenance/on"
"""While it exists on an edge host, visitors see the maintenance page."""


@dataclass(frozen=True, slots=True)
class Desired:
    """Everything one role wants of one host. `absent` are paths that must not exist (files or links)."""

    packages: tuple[str, ...] = ()
    users: tuple[User, ...] = ()
    directories: tuple[Directory, ...] = ()
    files: tuple[File, ...] = ()
    absent: tuple[str, ...] = ()
    validators: tuple[Validator, ...] = ()
    units: tuple[Unit, ...] = ()
    tasks: tuple[Task, ...] = ()
    gates: tuple[Gate, ...] = field(default=())
    guards: tuple[Guard, ...] = ()
    rolling: Rolling | None = None

    def matching(self, paths: Iterable[str]) -> tuple[File, ...]:
        """This role's files named by exact path, or by a prefix that ends in "/"."""
        wanted = tuple(paths)
        return tuple(
            f for f in self.files if any(f.path == p or (p.endswith("/") and f.path.startswith(p)) for p in wanted)
        )

    def restart_fingerprint(self, unit: Unit) -> str:
        """Changes whenever the unit must be restarted."""
        return digest(unit.also, *(f.fingerprint for f in self.matching(unit.restart_on)))

    def reload_fingerprint(self, unit: Unit) -> str:
        """Changes whenever the unit must be reloaded."""
        return digest(*(f.fingerprint for f in self.matching(unit.reload_on)))
