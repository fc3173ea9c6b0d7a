"""The inventory's secrets: generated where missing, kept age-encrypted beside the topology."""

from __future__ import annotations

import json
import os
import secrets as randomness
import string
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any

from massive_deploy.errors import MassiveDeployError
from massive_deploy.paths import config_dir

FILE = "secrets.age"
RECIPIENTS = "recipients.txt"
LENGTH = 32
_ALPHABET = string.ascii_letters + string.digits


def identity_file() -> Path:
    """The private age key of this user: `MASSIVE_DEPLOY_IDENTITY`, or identity.txt in the configuration folder."""
    given = os.environ.get("MASSIVE_DEPLOY_IDENTITY")
    return Path(given) if given else config_dir() / "identity.txt"


class Secrets:
    """Secrets by name (`redis/password`), each 32 letters and digits.

    Args:
        folder: the inventory; holds secrets.age and recipients.txt.
    """

    def __init__(self, folder: Path) -> None:
        self._file = folder / FILE
        self._recipients = folder / RECIPIENTS
        self._values: dict[str, str] | None = None
        self._changed = False

    def __call__(self, name: str) -> str:
        """The secret of that name, generated if there is none yet (kept by `save`)."""
        values = self._read()
        if name not in values:
            values[name] = "".join(randomness.choice(_ALPHABET) for _ in range(LENGTH))
            self._changed = True
        return values[name]

    def save(self) -> bool:
        """Encrypt and write what was generated since; returns whether the file changed. Atomic, 0600."""
        if not self._changed or self._values is None:
            return False
        import pyrage

        keys = [pyrage.x25519.Recipient.from_str(line) for line in self._public_keys()]
        sealed = pyrage.encrypt(json.dumps(self._values, sort_keys=True).encode(), keys)
        with NamedTemporaryFile(dir=self._file.parent, prefix=f".{FILE}.", delete=False) as handle:
            handle.write(sealed)
            handle.flush()
            os.fsync(handle.fileno())
        Path(handle.name).replace(self._file)
        self._changed = False
        return True

    def _read(self) -> dict[str, str]:
        if self._values is None:
            self._values = self._decrypt() if self._file.exists() else {}
        return self._values

    def _decrypt(self) -> dict[str, str]:
        import pyrage

        path = identity_file()
        if not path.exists():
            raise MassiveDeployError(
                f"{self._file} is encrypted and this machine has no age identity at {path}",
                "set MASSIVE_DEPLOY_IDENTITY to the file with a private key named in recipients.txt",
            )
        identity = pyrage.x25519.Identity.from_str(_private_key(path))
        try:
            opened = json.loads(pyrage.decrypt(self._file.read_bytes(), [identity]))
        except pyrage.DecryptError as error:
            raise MassiveDeployError(
                f"{self._file} cannot be opened with {path}: {error}",
                "ask a colleague whose key is in recipients.txt to add yours",
            ) from error
        return {str(name): str(value) for name, value in opened.items()}

    def _public_keys(self) -> list[str]:
        own = str(_own_identity().to_public())
        if not self._recipients.exists():
            self._recipients.write_text(f"# age keys that open {FILE}, one per line\n{own}\n", encoding="ascii")
        lines = self._recipients.read_text(encoding="ascii").splitlines()
        return [line.strip() for line in lines if line.strip() and not line.startswith("#")]


def _private_key(path: Path) -> str:
    for line in path.read_text(encoding="ascii").splitlines():
        if line.startswith("AGE-SECRET-KEY-"):
            return line.strip()
    raise MassiveDeployError(f"no age private key in {path}", "write one line AGE-SECRET-KEY-… (age-keygen makes one)")


def _own_identity() -> Any:  # pyrage ships no types
    import pyrage

    path = identity_file()
    if not path.exists():
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="ascii") as handle:
            handle.write(f"{pyrage.x25519.Identity.generate()}\n")
    return pyrage.x25519.Identity.from_str(_private_key(path))
