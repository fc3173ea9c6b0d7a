"""Users that services run as cannot log in, nobody has an empty password, and only root is root."""

from __future__ import annotations

from collections.abc import Iterator

from massive_deploy.audit.check import Finding, Subject, Unclear

LOOKS_AT = "/etc/passwd and /etc/shadow, beside the users that roles make"
WHY = "whoever breaks into the project must not find a shell that is meant for people"

_SHELLS = ("/usr/sbin/nologin", "/sbin/nologin", "/bin/false", "/usr/bin/false")


def script(subject: Subject) -> str:  # noqa: ARG001
    """Of every user: name, number, shell, and whether a password is set, locked or empty; no hash is printed."""
    return """
awk -F: '
    FNR == NR { state[$1] = $2 == "" ? "empty" : $2 ~ /^[!*]/ ? "locked" : "set"; next }
    { print "user", $1, $3, $7 == "" ? "/bin/sh" : $7, ($1 in state) ? state[$1] : "none" }
' /etc/shadow /etc/passwd
"""


def judge(subject: Subject, seen: str) -> Iterator[Finding]:
    """Services' users with a shell or a password, empty passwords, second roots."""
    users = [words for line in seen.splitlines() if (words := line.split(" "))[0] == "user" and len(words) == 5]
    if not any(name == "root" for _, name, *_ in users):
        raise Unclear(f"root is not among the users: {seen.strip()[:200]}")
    ours = {user.name for desired in subject.desired.values() for user in desired.users}
    for _, name, number, shell, password in users:
        if password == "empty":  # noqa: S105 - a word
            yield Finding(f"{name} has an empty password", subject.on_host(f"passwd --lock {name}"))
        if number == "0" and name != "root":
            yield Finding(f"{name} is root by another name", subject.on_host(f"userdel {name}"))
        if name in ours and shell not in _SHELLS:
            fix = subject.on_host(f"usermod --shell /usr/sbin/nologin {name}")
            yield Finding(f"{name}, which services run as, has the shell {shell}", fix)
        if name in ours and password == "set":  # noqa: S105 - a word
            yield Finding(f"{name}, which services run as, has a password", subject.on_host(f"passwd --lock {name}"))
    for name in sorted(ours - {words[1] for words in users}):
        yield Finding(f"{name}, which services run as, is not there", subject.up)
