"""Settings of the journal_remote role."""

from __future__ import annotations

from pydantic import Field

from massive_deploy.topology.model import Strict
from massive_deploy.topology.units import Megabytes

PORT = 19532
BEHIND = 19533
"""Loopback port of systemd-journal-remote itself, which asks nobody for a certificate."""


class Settings(Strict):
    """What the receiver keeps."""

    disk: Megabytes | None = Field(default=None, ge=64, json_schema_extra={"talk": "Disk space."})
    """The collected journals together take no more; the oldest entries go first. Default: 4 GiB, and for more than 128
    hosts 32 MiB for each."""
