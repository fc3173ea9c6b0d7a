"""The host image as a value: everything that goes into it, and the name that follows from that."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from massive_deploy.targets.tarball import Entry, pack

REPOSITORY = "massive-deploy/host"
SUITE = "trixie"
REGISTRY_BASE = f"debian:{SUITE}-slim"
SOURCE = Path(__file__).parent / "host_image"
DPKG_CONFIG = SOURCE / "rootfs/etc/dpkg/dpkg.cfg.d/massive-deploy-test-host"


@dataclass(frozen=True, slots=True)
class Apt:
    """Where apt finds packages. Proxies are URLs by scheme (`http`, `https`)."""

    mirror: str = "http://deb.debian.org/debian"
    security: str = "http://deb.debian.org/debian-security"
    proxies: Mapping[str, str] = field(default_factory=dict)

    def sources(self) -> str:
        """The deb822 source list of a host."""
        suites = ((self.mirror, f"{SUITE} {SUITE}-updates"), (self.security, f"{SUITE}-security"))
        return "\n".join(
            f"Types: deb\nURIs: {uri}\nSuites: {names}\nComponents: main\n"
            "Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg\n"
            for uri, names in suites
        )

    def options(self) -> list[str]:
        """The proxies as apt.conf statements."""
        return [f'Acquire::{scheme}::Proxy "{url}";' for scheme, url in sorted(self.proxies.items())]


@dataclass(frozen=True, slots=True)
class Recipe:
    """Inputs of the image: the shipped files, apt's sources, and extra CA certificates by file name."""

    apt: Apt
    certificates: Mapping[str, bytes] = field(default_factory=dict)

    def entries(self) -> list[Entry]:
        """The files the build gets, in a fixed order."""
        shipped = [path for path in sorted(SOURCE.rglob("*")) if path.is_file()]
        entries = [
            # An installer may lose the executable bit, so it is said here: scripts are those with a shebang.
            Entry(f"recipe/{path.relative_to(SOURCE)}", content, 0o755 if content[:2] == b"#!" else 0o644)
            for path in shipped
            for content in [path.read_bytes()]
        ]
        entries.append(Entry("recipe/apt/debian.sources", self.apt.sources().encode()))
        if self.apt.proxies:
            text = "\n".join(self.apt.options()) + "\n"
            entries.append(Entry("recipe/apt/proxy.conf", text.encode()))
        entries += [Entry(f"recipe/ca/{name}", content) for name, content in sorted(self.certificates.items())]
        return entries

    def digest(self) -> str:
        """Twelve hex digits that change with any input."""
        return hashlib.sha256(pack(self.entries()) + dockerfile("").encode()).hexdigest()[:12]

    def tag(self) -> str:
        """Name of the image made by this recipe."""
        return f"{REPOSITORY}:{SUITE}-{self.digest()}"

    def context(self, base: str) -> bytes:
        """The Docker build context that turns the base image into the host image."""
        return pack([Entry("Dockerfile", dockerfile(base).encode()), *self.entries()])


def dockerfile(base: str) -> str:
    """The build file; the work is in host_image/install.sh."""
    return (
        f"FROM {base}\n"
        "COPY recipe /recipe\n"
        "RUN sh /recipe/install.sh && rm -rf /recipe\n"
        "ENV container=docker\n"
        "STOPSIGNAL SIGRTMIN+3\n"
        'CMD ["/sbin/init"]\n'
    )
