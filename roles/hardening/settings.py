"""Settings of the hardening role."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from massive_deploy.topology.model import Strict

Pattern = Annotated[str, Field(pattern=r"^[A-Za-z0-9^$.*+?\[\]-]+$")]


class Settings(Strict):
    """How hosts are closed to strangers, and kept up to date."""

    sshd: bool = True
    """Take passwords and weak cryptography away from sshd. Turned off, sshd is as it was."""
    passwords: bool = False
    """Let sshd ask for passwords and one-time codes, where people of yours log in by them."""
    confirm_seconds: int = Field(default=60, ge=45, le=600)
    """sshd's new configuration is taken back when no new connection has confirmed it within so many seconds."""
    upgrades: bool = True
    """Install security upgrades every night. Databases, etcd and the host itself are never restarted by them."""
    keep_back: list[Pattern] = Field(default_factory=list)
    """Packages that are not upgraded at night, as regular expressions of their names' beginnings."""
