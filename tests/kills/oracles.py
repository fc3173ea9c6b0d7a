"""What must hold on hosts and controller after any run: nothing left behind, no secret astray, no lock held."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Mapping
from pathlib import Path

from harness import Stack

LEFTOVERS = """
for path in /var/tmp/massive-deploy-* /var/lib/massive-deploy/stage.* /var/lib/massive-deploy/*/*.new \\
  /usr/sbin/policy-rc.d /usr/sbin/policy-rc.d.massive-deploy /run/massive-deploy/drain \\
  /run/lock/massive-deploy.holder* /srv/app/packed/.new; do
  [ ! -e "$path" ] || echo "$path"
done
find /etc /usr /var/lib/massive-deploy /srv /lib/systemd -xdev \\
  \\( -name '*.massive-deploy-new' -o -name '*.dpkg-new' -o -name '*.dpkg-tmp' -o -name '*.dpkg-dist' \\)
find /tmp /var/tmp -mindepth 1 -maxdepth 1 ! -name 'systemd-private-*' ! -name '.*-unix'
for release in /srv/app/releases/*/; do
  [ ! -d "$release" ] || [ -e "$release/.complete" ] || echo "$release (incomplete)"
done
dpkg --audit
"""
WHERE_SECRETS_MUST_NOT_BE = """
patterns=$(mktemp /dev/shm/patterns.XXXXXX)
trap 'rm -f "$patterns"' EXIT
cat >"$patterns"
[ -s "$patterns" ] || echo 'no patterns'
grep -raFlf "$patterns" /tmp /var/tmp /run /var/log /var/lib/massive-deploy 2>/dev/null
journalctl -o export --no-pager 2>/dev/null | grep -aFf "$patterns" | cut -c1-40 | sed 's/^/journal: /'
"""


def leftovers(stack: Stack) -> list[str]:
    """Traces of an interrupted run, on hosts and at the controller: `where: what`."""
    found = [f"{host}: {line}" for host in stack.hosts() for line in _settled(stack, host)]
    strays = ("*.part", ".*.age.*", ".placement.yaml.*", "*.new", "*.tmp")
    folders = (stack.folder, *(Path(stack.environment[name]) for name in ("XDG_STATE_HOME", "XDG_CACHE_HOME")))
    found += [f"controller: {path}" for folder in folders for stray in strays for path in folder.rglob(stray)]
    sources = Path(stack.environment["XDG_CACHE_HOME"]) / "massive-deploy/sources"
    return found + [f"controller: {path}" for path in sources.glob("*") if path.suffixes != [".tar", ".gz"]]


def _settled(stack: Stack, host: str) -> list[str]:
    """The lock's holder goes a moment after its run has: looked at again for two seconds."""
    end = time.monotonic() + 2
    while (found := stack.inside(host, LEFTOVERS).splitlines()) and time.monotonic() < end:
        time.sleep(0.2)
    return found


def secrets(stack: Stack) -> Mapping[str, str]:
    """The inventory's secrets by name."""
    shown = stack.command("secrets", "show", str(stack.folder), "--reveal", "--yes").stdout
    return dict(line.split(": ", 1) for line in shown.splitlines())


def astray(stack: Stack, values: Mapping[str, str]) -> list[str]:
    """Where one of these secrets is that is not its place: temporary folders, logs, journals, the tool's own state."""
    patterns = "".join(f"{value}\n" for value in values.values())
    found = [
        f"{host}: {line}"
        for host in stack.hosts()
        for line in stack.inside(host, WHERE_SECRETS_MUST_NOT_BE, patterns).splitlines()
    ]
    folders = [stack.environment[name] for name in ("XDG_STATE_HOME", "XDG_CACHE_HOME")]
    line = ["grep", "-raFlf", "-", *folders, str(stack.folder)]
    ours = subprocess.run(line, input=patterns, capture_output=True, text=True, check=False)
    return found + [f"controller: {path}" for path in ours.stdout.splitlines()]
