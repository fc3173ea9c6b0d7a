"""The kernel tells strangers little, takes no route from them, and keeps processes apart."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from massive_deploy.audit.check import Finding, Skipped, Subject, Unclear

LOOKS_AT = "/proc/sys; in a container only its own network's part, the rest is the machine's"
WHY = "these make a small hole larger, or a forged packet believed"


@dataclass(frozen=True, slots=True)
class _Wanted:
    """A key, the least and the most it may be."""

    key: str
    least: int
    most: int


_MACHINE = (
    _Wanted("kernel.kptr_restrict", 1, 2),
    _Wanted("kernel.dmesg_restrict", 1, 1),
    _Wanted("kernel.randomize_va_space", 2, 2),
    _Wanted("kernel.unprivileged_bpf_disabled", 1, 2),
    _Wanted("kernel.yama.ptrace_scope", 1, 3),
    _Wanted("fs.protected_hardlinks", 1, 1),
    _Wanted("fs.protected_symlinks", 1, 1),
    _Wanted("fs.protected_fifos", 1, 2),
    _Wanted("fs.protected_regular", 1, 2),
    _Wanted("fs.suid_dumpable", 0, 0),
)
_NETWORK = (
    _Wanted("net.ipv4.tcp_syncookies", 1, 2),
    _Wanted("net.ipv4.icmp_echo_ignore_broadcasts", 1, 1),
    *(_Wanted(f"net.ipv4.conf.{of}.{key}", 0, 0) for of in ("all", "default") for key in ("accept_source_route",)),
    *(_Wanted(f"net.{ip}.conf.{of}.accept_redirects", 0, 0) for ip in ("ipv4", "ipv6") for of in ("all", "default")),
    *(_Wanted(f"net.ipv4.conf.{of}.send_redirects", 0, 0) for of in ("all", "default")),
)


def script(subject: Subject) -> str:  # noqa: ARG001
    """Each key with its value, and whether this is a container. A key the kernel does not have is left out."""
    paths = " ".join(f"/proc/sys/{one.key.replace('.', '/')}" for one in (*_MACHINE, *_NETWORK))
    return (
        'echo "container $(systemd-detect-virt --container)"\n'
        '[ -w /proc/sys/net/ipv4/tcp_syncookies ] && echo "network own" || echo "network read-only"\n'
        f"grep -H '' {paths} 2>/dev/null | sed 's,^/proc/sys/,key ,; s,:, ,'\n"
    )


def judge(subject: Subject, seen: str) -> Iterator[Finding]:
    """Keys with another value."""
    lines = [line.split() for line in seen.splitlines()]
    found = {words[1].replace("/", "."): words[2] for words in lines if len(words) == 3 and words[0] == "key"}
    facts = {words[0]: words[1] for words in lines if len(words) == 2}
    if not found or "container" not in facts:
        raise Unclear(f"the kernel's settings are not told: {seen.strip()[:200]}")
    contained = facts["container"] != "none"
    if contained and facts.get("network") != "own":
        raise Skipped("a container that may set none of them: they are its machine's")
    for one in _NETWORK if contained else (*_MACHINE, *_NETWORK):
        value = found.get(one.key)
        if value is not None and not (value.isdigit() and one.least <= int(value) <= one.most):
            line = f"{one.key} = {one.least}"
            fix = f"{line} in a file below /etc/sysctl.d, then: {subject.on_host('sysctl --system')}"
            yield Finding(f"{one.key} is {value}, not {one.least}", fix)
