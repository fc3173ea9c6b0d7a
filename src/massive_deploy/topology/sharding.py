"""What is wrong or doubtful about logical shards."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from massive_deploy.errors import Problem

from .document import Document
from .model import Sharding, Topology

ADVISED = 256
"""Logical shards beyond this cost each connection tens of MiB (58 at 512 shards of ten tables, measured)."""


def check_sharding(topology: Topology, document: Document) -> Iterator[Problem]:
    """Everything that makes it impossible, with its place."""
    sharding = topology.sharding
    if sharding is None:
        return
    if topology.pooler != "pgbouncer":
        what = "logical shards are aliases of pgbouncer, each with a role of its own"
        yield document.problem(("pooler",), what, "set `pooler: pgbouncer`")
    if topology.shards > sharding.logical:
        what = f"{sharding.logical} logical shards do not fill {topology.shards} clusters"
        yield document.problem(("sharding", "logical"), what, "lower `shards`, or begin with more logical shards")
    if not topology.app.overlay:
        what = "the project learns of its shards by settings that are laid over its own"
        yield document.problem(("app", "overlay"), what, "set `overlay: true`")
    if not topology.app.runtime:
        what = "django-massive finds the shard of a row, and it is not installed"
        yield document.problem(("app", "runtime"), what, "set `runtime: true`")
    if both := sorted(set(sharding.apps) & set(sharding.common)):
        what = f"{', '.join(both)}: spread over the shards or common to all of them, not both"
        yield document.problem(("sharding", "common"), what, "take them out of `apps` or out of `common`")
    yield from _bounds(sharding, document)


def _bounds(sharding: Sharding, document: Document) -> Iterator[Problem]:
    wanted = sharding.logical - 1 if sharding.strategy == "range" else 0
    key = ("sharding", "bounds")
    if len(sharding.bounds) != wanted:
        what = f"strategy '{sharding.strategy}' with {sharding.logical} logical shards has {wanted} bounds"
        yield document.problem(key, what, f"give {wanted}, not {len(sharding.bounds)}")
    elif any(after <= before for before, after in pairwise(sharding.bounds)):
        yield document.problem(key, "bounds must rise", "sort them, each once")


def warn_sharding(topology: Topology, document: Document) -> Iterator[Problem]:
    """What works, but may not be what was meant."""
    if topology.sharding is not None and topology.sharding.logical > ADVISED:
        what = f"more than {ADVISED} logical shards make every connection and every migration heavy"
        yield document.problem(("sharding", "logical"), what, f"{ADVISED} are enough for {ADVISED} clusters")
