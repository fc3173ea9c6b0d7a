"""The SSH key of one inventory and the host keys of its machines, kept in one private folder."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from massive_deploy import atomic
from massive_deploy.errors import MassiveDeployError


@dataclass(frozen=True, slots=True)
class Keys:
    """Files in `folder` (mode 0700): the key (0600), its public half, and known_hosts."""

    folder: Path

    @property
    def private(self) -> Path:
        """The private key's file."""
        return self.folder / "id_ed25519"

    @property
    def public(self) -> Path:
        """The public key's file."""
        return self.folder / "id_ed25519.pub"

    @property
    def known_hosts(self) -> Path:
        """The host keys' file."""
        return self.folder / "known_hosts"

    def make(self, comment: str) -> bool:
        """Makes the key pair unless it exists; true as long as no machine is recorded that knows it."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self.folder.chmod(0o700)
        if self.private.exists() and self.public.exists():
            return not self.known_hosts.exists()
        for path in (self.private, self.known_hosts):
            path.unlink(missing_ok=True)
        command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", comment, "-f", str(self.private)]
        try:
            subprocess.run(command, check=True, capture_output=True, text=True)
        except FileNotFoundError as error:
            raise MassiveDeployError(
                "ssh-keygen is not installed here", "sudo apt-get install openssh-client"
            ) from error
        except subprocess.CalledProcessError as error:
            raise MassiveDeployError(f"ssh-keygen failed in {self.folder}: {error.stderr.strip()}") from error
        return True

    def trusted(self) -> Mapping[str, str]:
        """The recorded host key (its kind and text) of each address."""
        text = self.known_hosts.read_text() if self.known_hosts.exists() else ""
        return {address: key for address, _, key in (line.partition(" ") for line in text.splitlines())}

    def trust(self, host_keys: Mapping[str, str]) -> None:
        """Records the host key of each address; those of other addresses stay."""
        present = self.known_hosts.read_text() if self.known_hosts.exists() else ""
        wanted = merge_known_hosts(present, host_keys)
        if wanted != present:
            # ssh may read the file at any moment, so it is replaced whole.
            atomic.replace(self.known_hosts, wanted.encode())

    def remove(self) -> None:
        """Removes the files, and the folder unless something else is in it."""
        for path in (self.private, self.public, self.known_hosts):
            path.unlink(missing_ok=True)
        if self.folder.is_dir() and not any(self.folder.iterdir()):
            self.folder.rmdir()


def known_hosts_line(address: str, public_key: str, port: int = 22) -> str:
    """A known_hosts line from a public key file's text (its comment is dropped)."""
    kind, key = public_key.split()[:2]
    host = address if port == 22 else f"[{address}]:{port}"
    return f"{host} {kind} {key}"


def merge_known_hosts(present: str, host_keys: Mapping[str, str]) -> str:
    """The text with each address's line replaced or added, sorted."""
    kept = [line for line in present.splitlines() if line.split(" ", 1)[0] not in host_keys]
    new = [known_hosts_line(address, key) for address, key in host_keys.items()]
    return "".join(f"{line}\n" for line in sorted(kept + new))
