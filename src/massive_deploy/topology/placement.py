"""Which host plays which part, as recorded beside the topology: what runs stays where it is."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Literal

from pydantic import Field, ValidationError

from massive_deploy import atomic
from massive_deploy.errors import InvalidInput

from .document import read
from .model import HostName, Identifier, Ipv4, Name, Strict
from .words import problems

FILE = "placement.yaml"
_HEAD = """\
# Managed by massive-deploy: which host plays which part. Keep this file in git, and do not edit it:
# it is what keeps running hosts in their place when the topology changes.
"""


class Placed(Strict):
    """One host's place."""

    group: Name
    """Host group of the stack."""
    number: int = Field(ge=1)
    """Position within the group; never taken twice while recorded."""
    cluster: int | None = Field(default=None, ge=1)
    """Database cluster the host belongs to."""
    address: Ipv4
    """Address the other hosts reach it by."""
    cpus: int = Field(default=2, ge=1)
    """CPUs, as made or as last seen."""
    memory_mb: int = Field(default=1024, ge=1)
    """Memory in MiB, as made or as last seen."""
    parts: list[Identifier] = Field(default_factory=list)
    """Parts it plays; none while it waits to be removed."""


class Placement(Strict):
    """All recorded hosts of one inventory, the leaving ones included until they are removed."""

    target: Literal["docker", "ssh"]
    """Where the machines come from."""
    name: Name | None = None
    """The inventory's name when it was placed; it is in the names of machines and of database clusters."""
    hosts: dict[HostName, Placed] = Field(default_factory=dict)
    """Hosts by name."""


def load_placement(path: Path) -> Placement | None:
    """The recorded placement, or None when there is none yet.

    Raises:
        InvalidInput: the file is not as massive-deploy writes it.
    """
    if not path.exists():
        return None
    document = read(path)
    try:
        return Placement.model_validate(document.data)
    except ValidationError as error:
        raise InvalidInput(problems(error, document, Placement)) from error


def dumped(placement: Placement) -> str:
    """The file's text: one host a line, the same for equal placements."""
    lines = [f"{_HEAD}target: {placement.target}"]
    lines += [f"name: {_flow(placement.name)}"] if placement.name is not None else []
    lines.append("hosts:" if placement.hosts else "hosts: {}")
    for name, host in placement.hosts.items():
        values = host.model_dump(exclude_none=True)
        inner = ", ".join(f"{key}: {_flow(value)}" for key, value in values.items())
        lines.append(f"  {_flow(name)}: {{{inner}}}")
    return "\n".join(lines) + "\n"


def save_placement(path: Path, placement: Placement) -> bool:
    """Write the file atomically; False when it holds this already and was left alone."""
    text = dumped(placement)
    if path.exists() and path.read_text(encoding="utf-8") == text:
        return False
    atomic.replace(path, text.encode(), 0o644)
    return True


def without(placement: Placement, names: Collection[str]) -> Placement:
    """The placement after these hosts were removed."""
    return placement.model_copy(update={"hosts": {n: host for n, host in placement.hosts.items() if n not in names}})


def with_sizes(placement: Placement, sizes: Mapping[str, tuple[int, int]]) -> Placement:
    """The placement with CPUs and MiB as seen on the hosts."""
    hosts = {
        name: host.model_copy(update=dict(zip(("cpus", "memory_mb"), sizes[name], strict=True)))
        if name in sizes
        else host
        for name, host in placement.hosts.items()
    }
    return placement.model_copy(update={"hosts": hosts})


def _flow(value: object) -> str:
    if isinstance(value, list):
        return f"[{', '.join(map(_flow, value))}]"
    text = str(value)
    plain = (
        not isinstance(value, str)
        or (text[:1].isalpha() and text not in {"true", "false", "null"})
        or text.count(".") == 3
    )
    return text if plain else json.dumps(text)
