"""A host's state as sections of lines that two right runs have in common."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from harness import Stack

SCRIPT = (Path(__file__).parent / "digest.sh").read_text(encoding="utf-8")
# Of /etc: made by chance (keys, ids), by the numbers of users, or by Docker.
NOT_COMPARED = "|".join(
    (
        "^/etc/ssh/ssh_host_",
        "^/etc/(machine-id|hostname|resolv.conf|mtab|ld.so.cache|.pwd.lock)( |$)",
        "^/etc/(passwd|group|shadow|gshadow|subuid|subgid)-?( |$)",
        "^/etc/ssl/private/ssl-cert-snakeoil.key",
        "^/etc/ssl/certs/(ssl-cert-snakeoil.pem|[0-9a-f]{8}[.][0-9])( |$)",
        "^/etc/varnish/secret( |$)",
    )
)

State = Mapping[str, Mapping[str, Sequence[str]]]
"""host → section → lines."""


def state(stack: Stack) -> dict[str, dict[str, list[str]]]:
    """Of every host of the stack, read from inside, without the tool."""
    script = f"NOT_COMPARED='{NOT_COMPARED}'\n{SCRIPT}"
    names = list(stack.hosts())
    with ThreadPoolExecutor() as pool:
        texts = pool.map(lambda name: stack.inside(name, script), names)
        return {name: _sections(text) for name, text in zip(names, texts, strict=True)}


def _sections(text: str) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for line in text.splitlines():
        if line.startswith("== "):
            found[line.removeprefix("== ")] = current = []
        else:
            current.append(line)
    return found


def differences(wanted: State, seen: State) -> list[str]:
    """Lines that only one has: `host section -line` (only wanted) and `host section +line` (only seen)."""
    found = []
    for host in sorted(set(wanted) | set(seen)):
        left, right = wanted.get(host, {}), seen.get(host, {})
        for section in sorted(set(left) | set(right)):
            before, after = Counter(left.get(section, ())), Counter(right.get(section, ()))
            found += [f"{host} {section} -{line}" for line in (before - after).elements()]
            found += [f"{host} {section} +{line}" for line in (after - before).elements()]
    return found
