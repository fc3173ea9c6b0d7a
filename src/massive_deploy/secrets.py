"""The inventory's secrets: generated where missing, kept age-encrypted beside the topology."""

from __future__ import annotations

import json
import re
import secrets as randomness
import string
from collections.abc import Iterable, Mapping
from pathlib import Path

from massive_deploy import atomic
from massive_deploy.age_keys import Recipients, identity_file, open_sealed, own_key, require_identity, seal
from massive_deploy.certificates import GIVEN as CERTIFICATES
from massive_deploy.certificates import OWN as AUTHORITY
from massive_deploy.errors import MassiveDeployError, Refused, Unusable

__all__ = ["FILE", "LENGTH", "RECIPIENTS", "Secrets", "identity_file", "problem_with"]

FILE = "secrets.age"
RECIPIENTS = "recipients.txt"
LENGTH = 32
_ALPHABET = string.ascii_letters + string.digits
# Values become parts of URLs, connection strings and configuration files: what needs quoting in none of them.
_VALUE = re.compile(r"[A-Za-z0-9_.~-]+")
# Values other people issued: kept as they are, and never made up.
GIVEN = ("app/env/", "alerts/", CERTIFICATES)
_NAME = re.compile(r"[a-z0-9][a-z0-9._-]*(/[a-z0-9][a-z0-9._-]*)*")


def generate() -> str:
    """A new value: 32 letters and digits."""
    return "".join(randomness.choice(_ALPHABET) for _ in range(LENGTH))


def problem_with(name: str, value: str) -> str:
    """Why this cannot be a secret; empty when it can. Never shows the value."""
    if not _NAME.fullmatch(name):
        return "a name is lower-case words joined by /, such as redis/password"
    if not value:
        return "the value is empty"
    if name.startswith((AUTHORITY, CERTIFICATES)):
        return _problem_with_certificate(value)
    if name.startswith(GIVEN):
        return "" if value.isprintable() else "a value is one line without control characters"
    if not _VALUE.fullmatch(value):
        return "a value has letters, digits and -_.~ only, because it becomes part of URLs"
    return ""


def _problem_with_certificate(value: str) -> str:
    from massive_deploy.authority import from_word

    try:
        from_word(value)
    except ValueError as error:
        return str(error)
    return ""


class MissingSecret(Unusable):
    """A value that only the user can give is not there yet."""


class Secrets:
    """Secrets by name (`redis/password`).

    Args:
        folder: the inventory; holds secrets.age and recipients.txt.
    """

    def __init__(self, folder: Path) -> None:
        self.file = folder / FILE
        self.recipients = Recipients(folder / RECIPIENTS)
        self._values: dict[str, str] | None = None
        self._changed = False

    def __call__(self, name: str) -> str:
        """The secret of that name, generated if there is none yet (kept by `save`).

        Raises:
            MissingSecret: the value is one that only the user can give.
        """
        values = self._read()
        if name not in values and name.startswith(GIVEN):
            folder = self.file.parent
            fix = f"massive-deploy secrets edit {folder} (or first: secrets init), and add the line {name}: VALUE"
            if name.startswith(CERTIFICATES):
                fix = f"massive-deploy secrets certificate {folder} CHAIN.pem KEY.pem"
            raise MissingSecret(f"{self.file} has no value for {name}", fix)
        if name not in values:
            values[name] = generate()
            self._changed = True
        return values[name]

    def values(self) -> Mapping[str, str]:
        """All secrets, by name in order.

        Raises:
            MassiveDeployError: secrets.age cannot be opened here, or it is damaged.
        """
        return dict(sorted(self._read().items()))

    def update(self, values: Mapping[str, str], remove: Iterable[str] = ()) -> None:
        """Set these secrets and forget those; kept by `save`."""
        kept = self._read()
        for name, value in values.items():
            if why := problem_with(name, value):
                raise MassiveDeployError(f"{name}: {why}", "correct it and save again")
            self._changed |= kept.get(name) != value
            kept[name] = value
        for name in remove:
            self._changed |= kept.pop(name, None) is not None

    def rotate(self, names: Iterable[str]) -> None:
        """A new generated value for each of these; kept by `save`. Certificates are made when they are asked for next.

        Raises:
            Refused: one of them was issued by others, and a made-up value would not work.
        """
        names = list(names)
        if given := [name for name in names if name.startswith(GIVEN)]:
            what = f"{', '.join(given)}: only who issued it can give a new value"
            raise Refused(what, f"massive-deploy secrets edit {self.file.parent}")
        certificates = {name for name in names if name.startswith(AUTHORITY)}
        self.update({name: generate() for name in names if name not in certificates}, certificates)

    def admit(self, key: str) -> bool:
        """Let this public key open the secrets; False when it could already."""
        self._read()
        if not self.recipients.read():
            self.recipients.add(self.own_key())
        return self.recipients.add(key) and self._reseal()

    def expel(self, key: str) -> None:
        """Encrypt for everyone but this public key from now on."""
        self._read()
        self.recipients.remove(key)
        self._reseal()

    def _reseal(self) -> bool:
        self._changed = self.file.exists()
        self.save()
        return True

    def save(self) -> bool:
        """Encrypt and write what changed since; returns whether the file changed. Atomic, 0600."""
        if not self._changed or self._values is None:
            return False
        require_identity()
        sealed = seal(json.dumps(self._values, sort_keys=True).encode(), self.recipients.for_sealing())
        atomic.replace(self.file, sealed)
        self._changed = False
        return True

    def _read(self) -> dict[str, str]:
        if self._values is None:
            self._values = self._decrypt() if self.file.exists() else {}
        return self._values

    def _decrypt(self) -> dict[str, str]:
        if not identity_file().exists():
            raise Unusable(
                f"{self.file} is encrypted and this machine has no age identity at {identity_file()}",
                "set MASSIVE_DEPLOY_IDENTITY to the file with a private key named in recipients.txt; "
                f"or make one with: massive-deploy secrets init {self.file.parent}",
            )
        damaged = f"take {FILE} from version control or a backup: git checkout -- {self.file}"
        try:
            opened = json.loads(open_sealed(self.file, damaged))
        except ValueError:
            raise Unusable(f"{self.file} is damaged: no JSON inside", damaged) from None
        if not isinstance(opened, dict):
            raise Unusable(f"{self.file} is damaged: no names inside", damaged)
        return {str(name): str(value) for name, value in opened.items()}

    @staticmethod
    def own_key() -> str:
        """This user's public key; the identity is made when there is none."""
        require_identity()
        return own_key()
