"""Who can open an inventory's secrets: this user's age identity, and the public keys in recipients.txt."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from massive_deploy import atomic
from massive_deploy.errors import InvalidInput, MassiveDeployError, Problem, Refused, Unusable
from massive_deploy.paths import config_dir

_HEADER = "# age keys that open secrets.age, one per line\n"


def identity_file() -> Path:
    """The private age key of this user: `MASSIVE_DEPLOY_IDENTITY`, or identity.txt in the configuration folder."""
    given = os.environ.get("MASSIVE_DEPLOY_IDENTITY")
    return Path(given) if given else config_dir() / "identity.txt"


def require_identity() -> bool:
    """Make this user's identity (0600) when there is none; returns whether it was made."""
    import pyrage

    path = identity_file()
    if path.exists():
        return False
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="ascii") as handle:
        handle.write(f"{pyrage.x25519.Identity.generate()}\n")
    return True


def own_key() -> str:
    """This user's public key."""
    return str(_identity().to_public())


def seal(content: bytes, keys: list[str]) -> bytes:
    """Encrypt for these public keys."""
    import pyrage

    return bytes(pyrage.encrypt(content, [pyrage.x25519.Recipient.from_str(key) for key in keys]))


def open_sealed(path: Path, mend: str) -> bytes:
    """Decrypt a file with this user's identity.

    Args:
        path: the encrypted file.
        mend: what to do when the file is damaged.

    Raises:
        Unusable: it was not encrypted for this identity, or it is damaged.
    """
    import pyrage

    identity = _identity()
    try:
        return bytes(pyrage.decrypt(path.read_bytes(), [identity]))
    except pyrage.DecryptError as error:
        if "No matching keys" not in str(error):
            raise Unusable(f"{path} is damaged: {error}", mend) from error
        add = f"massive-deploy secrets recipients add {path.parent} {identity.to_public()}"
        raise Unusable(
            f"{path} is not encrypted for the key in {identity_file()}",
            f"ask a colleague whose key is in recipients.txt to run: {add}",
        ) from error


def _identity() -> Any:  # pyrage ships no types
    import pyrage

    path = identity_file()
    hint = "write one line AGE-SECRET-KEY-… (age-keygen makes one)"
    try:
        lines = path.read_text(encoding="ascii").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise Unusable(f"cannot read the age identity {path}: {type(error).__name__}", hint) from error
    for line in lines:
        if line.startswith("AGE-SECRET-KEY-"):
            try:
                return pyrage.x25519.Identity.from_str(line.strip())
            except pyrage.IdentityError:
                raise Unusable(f"the age private key in {path} is damaged", hint) from None
    raise Unusable(f"no age private key in {path}", hint)


def _check(key: str) -> str:
    import pyrage

    try:
        pyrage.x25519.Recipient.from_str(key)
    except pyrage.RecipientError as error:
        return str(error)
    return ""


class Recipients:
    """The file recipients.txt: one public key a line, comments begin with #."""

    def __init__(self, file: Path) -> None:
        self.file = file

    def read(self) -> list[str]:
        """The public keys in the file, in order; none when there is no file.

        Raises:
            InvalidInput: a line is no age public key.
        """
        if not self.file.exists():
            return []
        lines = self.file.read_text(encoding="utf-8", errors="replace").splitlines()
        found = [(number, line.strip()) for number, line in enumerate(lines, 1)]
        found = [(number, line) for number, line in found if line and not line.startswith("#")]
        wrong = [
            Problem(str(self.file), number, 1, "", f"no age public key: {why}", "one key age1… a line; # begins a note")
            for number, line in found
            if (why := _check(line))
        ]
        if wrong:
            raise InvalidInput(wrong)
        return [line for _, line in found]

    def for_sealing(self) -> list[str]:
        """The keys to encrypt for; a first file names this user's.

        Raises:
            MassiveDeployError: this user's key is missing, so that the file could not be opened here again.
        """
        if not self.read():
            self.add(own_key())
        if own_key() not in self.read():
            raise MassiveDeployError(
                f"{self.file} does not name this user's key, so the secrets could not be opened here again",
                f"massive-deploy secrets recipients add {self.file.parent} {own_key()}",
            )
        return self.read()

    def add(self, key: str) -> bool:
        """Add a public key; False when it is there already."""
        if why := _check(key):
            raise MassiveDeployError(f"'{key}' is no age public key: {why}", "give a key that begins with age1")
        if key in self.read():
            return False
        text = self.file.read_text(encoding="utf-8") if self.file.exists() else _HEADER
        end = "" if text.endswith("\n") or not text else "\n"
        self._write(f"{text}{end}{key}\n")
        return True

    def remove(self, key: str) -> None:
        """Take a public key out.

        Raises:
            Refused: it is this user's own.
            MassiveDeployError: it is not there.
        """
        if key not in self.read():
            known = ", ".join(self.read()) or "none"
            raise MassiveDeployError(f"{self.file} does not name '{key}'", f"there are: {known}")
        if key == own_key():
            raise Refused("this is your own key: you could not open the secrets any more", "let a colleague remove it")
        lines = self.file.read_text(encoding="utf-8").splitlines(keepends=True)
        self._write("".join(line for line in lines if line.strip() != key))

    def _write(self, text: str) -> None:
        atomic.replace(self.file, text.encode(), 0o644)
