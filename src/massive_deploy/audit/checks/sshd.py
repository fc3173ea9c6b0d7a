"""sshd lets nobody in by a password, root by a key at most, and speaks no weak cryptography."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from massive_deploy.audit.check import Finding, Subject, Unclear

LOOKS_AT = "sshd -T: the configuration that is in effect"
WHY = "its port is open to whoever finds the host, and passwords are guessed day and night"

_ROOT = {"no", "prohibit-password", "without-password", "forced-commands-only"}
_NO = ("passwordauthentication", "kbdinteractiveauthentication", "permitemptypasswords", "hostbasedauthentication")
_WEAK: Mapping[str, tuple[str, ...]] = {
    "macs": ("hmac-sha1", "hmac-md5", "umac-64"),
    "kexalgorithms": ("nistp", "-sha1", "group1-", "group14-sha1"),
    "ciphers": ("-cbc", "3des", "arcfour"),
}
_KEYS = {"ED25519", "RSA"}
_FILE = "/etc/ssh/sshd_config.d/"


def script(subject: Subject) -> str:  # noqa: ARG001
    """The effective configuration, for connections no Match block is about, and the host's keys that are there."""
    return """
sshd -T
for key in $(sshd -T 2>/dev/null | sed -n 's/^hostkey //p'); do
    [ ! -e "$key" ] || echo "offers $(ssh-keygen -l -f "$key" | sed 's/.*(\\(.*\\))$/\\1/') $key"
done
"""


def judge(subject: Subject, seen: str) -> Iterator[Finding]:
    """Ways in by a password, and weak algorithms by name."""
    found = {key: value for key, _, value in (line.partition(" ") for line in seen.splitlines())}
    if "permitrootlogin" not in found:
        raise Unclear(f"sshd -T does not say: {seen.strip()[:200] or 'it printed nothing'}")
    again = f"{subject.on_host('systemctl reload ssh')}, and try a new connection before the old one ends"
    if found["permitrootlogin"] not in _ROOT:
        what = f"root may log in by a password (PermitRootLogin {found['permitrootlogin']})"
        yield Finding(what, f"PermitRootLogin prohibit-password in a file below {_FILE}; {again}")
    for key in _NO:
        if found.get(key, "no") != "no":
            yield Finding(f"{key} is {found[key]}", f"{key} no in a file below {_FILE}; {again}")
    for line in seen.splitlines():
        kind, _, path = line.removeprefix("offers ").partition(" ")
        if line.startswith("offers ") and kind not in _KEYS:
            fix = f"HostKey lines for the others in a file below {_FILE}; {again}"
            yield Finding(f"the host has a key of kind {kind} ({path})", fix)
    for key, words in _WEAK.items():
        offered = found.get(key, "").split(",")
        weak = [name for name in offered if any(word in name for word in words)]
        if key == "macs":
            weak += [name for name in offered if name and "-etm@" not in name and name not in weak]
        if weak:
            strong = ",".join(name for name in offered if name not in weak)
            yield Finding(f"{key} offers {', '.join(weak)}", f"{key} {strong} in a file below {_FILE}; {again}")
