"""Secrets written out in the topology, which is kept in git: refused, and never repeated in a message."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from massive_deploy.errors import Problem

from .document import Document
from .nodes import Location, printable

_WORDS = r"PASS(WORD|WD|PHRASE)?|PWD|SECRETS?|TOKEN|CREDENTIALS?|(SECRET|PRIVATE|API|ACCESS|SIGNING|ENCRYPTION)_?KEY"
# The last words of a name say what the value is: SECRET_KEY and DB_PASSWORD_2, not PASSWORD_RESET_DAYS or TOKEN_FILE.
_NAME = re.compile(rf"(^|_)({_WORDS})(_?[0-9]+|_BASE|_OLD|_FALLBACKS?)?$", re.IGNORECASE)
_DOUBTFUL = re.compile(r"PASSWORD|PASSWD|SECRET|TOKEN|PRIVATE|API_?KEY|CREDENTIAL", re.IGNORECASE)
_HARMLESS = re.compile(r"^(true|false|yes|no|on|off|none|[0-9]{1,6}|/[\w./-]+|)$", re.IGNORECASE)
_SWITCH = re.compile(r"^(true|false|yes|no|on|off|none|)$", re.IGNORECASE)
# user:password@, or a token in the user's place.
_IN_URL = re.compile(r"://[^/\s@:]*:[^/\s@]+@|https?://[^/\s@]{20,}@", re.IGNORECASE)
_ITSELF = re.compile(
    r"-----BEGIN [A-Z ]*PRIVATE KEY|AGE-SECRET-KEY-1|\b(AKIA|ASIA)[A-Z0-9]{16}\b|\bgh[pousr]_[A-Za-z0-9]{20}"
    r"|\bgithub_pat_\w{20}|\bglpat-[\w-]{16}|\b[sr]k_live_\w{10}|\bxox[abpr]-\w{8}|\bpassword=[^\s'\"]",
    re.IGNORECASE,
)
_ENVIRONMENT = ("app", "environment")


def names_a_secret(name: str) -> bool:
    """Whether a key such as DB_PASSWORD says that its value is a secret."""
    return bool(_NAME.search(name.replace("-", "_")))


def check_secrets(document: Document) -> Iterator[Problem]:
    """Every value in the file that is a secret: by its name, as the password of a URL, or by its own form."""
    for location, value in _texts(document.data, ()):
        inside = location[:2] == _ENVIRONMENT and len(location) == 3
        if inside and names_a_secret(str(location[2])) and not _SWITCH.match(value):
            yield document.problem(location, "a secret in plain text", _moved(str(location[2])), key=True)
        elif _IN_URL.search(value):
            yield document.problem(location, "a URL with a password in it", _url(location))
        elif _ITSELF.search(value):
            fix = _moved(str(location[2])) if inside else "remove it: this file is kept in git"
            yield document.problem(location, "a secret in plain text", fix)


def warn_secrets(document: Document) -> Iterator[Problem]:
    """Variables that may hold a secret, going by their names."""
    for location, value in _texts(document.data, ()):
        doubtful = location[:2] == _ENVIRONMENT and _DOUBTFUL.search(str(location[-1]))
        if doubtful and not names_a_secret(str(location[-1])) and not _HARMLESS.match(value):
            what = "may be a secret, and this file is kept in git"
            yield document.problem(location, what, f"if it is one, {_moved(str(location[-1]))}", key=True)


def _texts(value: Any, location: Location) -> Iterator[tuple[Location, str]]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _texts(inner, (*location, key))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from _texts(inner, (*location, index))
    elif isinstance(value, (str, int, float)):
        yield location, str(value)


def _moved(name: str) -> str:
    if name == "SECRET_KEY":
        return "remove it: the stack makes one and keeps it encrypted"
    return (
        f"list the name under `app: secret_environment: [{printable(name)}]` instead, "
        "and set the value with massive-deploy secrets edit"
    )


def _url(location: Location) -> str:
    if location[:2] == _ENVIRONMENT and len(location) == 3:
        return _moved(str(location[2]))
    if location[:1] == ("app",):
        return "use an SSH URL such as git@example.com:you/site.git, or let git's credential helper give the password"
    return "remove the password: this file is kept in git"
