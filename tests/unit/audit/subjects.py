"""Hosts of a small layout as an audit sees them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from massive_deploy.audit.check import Check, Finding, Subject, catalogue
from massive_deploy.desired import Desired
from massive_deploy.inventory import open_inventory
from massive_deploy.operate.prepare import prepare

TOPOLOGY = """
name: trial
target: docker
docker: {{subnet: 10.203.77.0/24, memory: 4GiB}}
app: {{source: ., settings: shop.settings}}
{more}
"""
NOW = 1_800_000_000.0


def subject(folder: Path, host: str = "app-1", more: str = "") -> Subject:
    """That host of the stack `massive`."""
    (folder / "topology.yaml").write_text(TOPOLOGY.format(more=more), encoding="utf-8")
    opened = open_inventory(folder)
    return Subject("prod", opened.layout.host(host), opened.layout, prepare(opened, offline=True).rendered[host], NOW)


def with_desired(of: Subject, desired: Mapping[str, Desired]) -> Subject:
    """The same host, with other wishes."""
    return Subject(of.inventory, of.host, of.layout, desired, of.now)


def check(name: str) -> Check:
    """The check of that id."""
    return catalogue()[name]


def found(name: str, of: Subject, seen: str) -> list[Finding]:
    """What the check finds in this output."""
    return list(check(name).judge(of, seen))


def said(name: str, of: Subject, seen: str) -> list[str]:
    """The same as sentences."""
    return [finding.what for finding in found(name, of, seen)]
