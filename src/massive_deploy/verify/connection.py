"""SSH for many small commands: one generated configuration, one multiplexed connection per host."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import testinfra

from massive_deploy.targets import Ssh


def _quoted(value: object) -> str:
    """A value for ssh_config, which takes double quotes and expands percent signs in file names."""
    return '"' + str(value).replace("%", "%%") + '"'


def ssh_config(reach: Mapping[str, Ssh], sockets: Path) -> str:
    """An ssh_config with each host under its own name; control sockets go to the folder `sockets`.

    A host without a known_hosts file of ours also gets what the user's own configuration says, such as a
    jump host.
    """
    blocks = []
    for number, (name, ssh) in enumerate(reach.items()):
        lines = [f"Host {name}", f"HostName {ssh.host}", f"Port {ssh.port}", f"User {ssh.user}"]
        # Numbers, not names: a socket's path has about 100 characters.
        lines.append(f"ControlPath {_quoted(sockets / str(number))}")
        if ssh.key is not None:
            lines += [f"IdentityFile {_quoted(ssh.key.expanduser().resolve())}", "IdentitiesOnly yes"]
        if ssh.known_hosts is not None:
            lines.append(f"UserKnownHostsFile {_quoted(ssh.known_hosts.expanduser().resolve())}")
            lines.append("GlobalKnownHostsFile none")
        blocks.append("\n  ".join(lines))
    common = [
        "Host *",
        "BatchMode yes",
        "StrictHostKeyChecking yes",
        "ConnectTimeout 10",
        "ServerAliveInterval 5",
        "ServerAliveCountMax 3",
        "ControlMaster auto",
        "ControlPersist 60s",
        "LogLevel ERROR",
    ]
    blocks.append("\n  ".join(common))
    own = [name for name, ssh in reach.items() if ssh.known_hosts is None]
    if own:
        blocks.append(f"Host {' '.join(own)}\n  Include ~/.ssh/config")
    return "\n".join(blocks) + "\n"


class Connections:
    """testinfra hosts by name; those whose user is not root use sudo."""

    def __init__(self, reach: Mapping[str, Ssh], config: Path) -> None:
        self.reach = reach
        self.config = config

    def __call__(self, name: str) -> testinfra.host.Host:
        """The host of that name. Nothing is sent until a check asks something."""
        return testinfra.get_host(f"ssh://{name}", ssh_config=str(self.config), sudo=self.reach[name].user != "root")

    def close(self) -> None:
        """Ends the connections that are still open."""
        for number, name in enumerate(self.reach):
            if (self.config.parent / str(number)).exists():
                command = ["ssh", "-F", str(self.config), "-O", "exit", name]
                subprocess.run(command, check=False, capture_output=True, timeout=10)


@contextmanager
def connections(reach: Mapping[str, Ssh], folder: Path) -> Iterator[Connections]:
    """Connections whose configuration and sockets are in the (private, temporary) folder."""
    config = folder / "ssh_config"
    config.write_text(ssh_config(reach, folder))
    opened = Connections(reach, config)
    try:
        yield opened
    finally:
        opened.close()
