"""What test hosts take over from the controller to reach the network: CA certificates, apt's ways."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

from massive_deploy.targets.image_recipe import Apt, Recipe

CERTIFICATES = Path("/usr/local/share/ca-certificates")
DEFAULT = Apt()


def controller_recipe() -> Recipe:
    """The recipe for hosts that live beside this controller."""
    return Recipe(apt=_apt(), certificates=_certificates(CERTIFICATES))


def _certificates(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.glob("*.crt")) if path.is_file()}


def _apt() -> Apt:
    if shutil.which("apt-config") is None:
        return DEFAULT
    targets = _output("apt-get", "indextargets", "--format", "$(LABEL) $(REPO_URI)")
    mirrors = debian_mirrors(targets)
    return Apt(
        mirror=mirrors.get("Debian", DEFAULT.mirror),
        security=mirrors.get("Debian-Security", DEFAULT.security),
        proxies=reachable_proxies({scheme: _setting(f"Acquire::{scheme}::Proxy") for scheme in ("http", "https")}),
    )


def debian_mirrors(targets: str) -> dict[str, str]:
    """Debian's archives among lines of `label uri`: the first http(s) URI for each label."""
    mirrors: dict[str, str] = {}
    for line in targets.splitlines():
        words = line.split()
        if len(words) == 2 and words[0] in {"Debian", "Debian-Security"} and _is_web(words[1]):
            mirrors.setdefault(words[0], words[1].rstrip("/"))
    return mirrors


def reachable_proxies(proxies: Mapping[str, str]) -> dict[str, str]:
    """Without those unset, `DIRECT`, or on the controller's own loopback, which no container can reach."""
    loopback = {"localhost", "127.0.0.1", "::1"}
    return {scheme: url for scheme, url in proxies.items() if _is_web(url) and urlsplit(url).hostname not in loopback}


def _is_web(uri: str) -> bool:
    return urlsplit(uri).scheme in {"http", "https"}


def _setting(name: str) -> str:
    value = _output("apt-config", "dump", "--format", "%v%n", name)
    return value.strip()


def _output(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.stdout if done.returncode == 0 else ""
