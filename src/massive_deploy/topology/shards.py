"""Which cluster each logical shard lives in, as recorded beside the topology: shards stay until they are moved."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from itertools import groupby
from pathlib import Path
from typing import Annotated

from pydantic import Field, ValidationError

from massive_deploy import atomic
from massive_deploy.errors import InvalidInput, Problem

from .document import read
from .layout import Shard
from .model import Sharding, Strict, Topology
from .words import problems

FILE = "shards.yaml"
_HEAD = """\
# Managed by massive-deploy: which database cluster each logical shard lives in. Keep this file in git, and do not edit
# it: shards are moved by `massive-deploy shard move`.
"""
_RANGE = re.compile(r"([0-9]+)(?:-([0-9]+))?")
_BORN = ("logical", "strategy", "bounds", "epoch")


class ShardMap(Strict):
    """What is fixed at a sharded stack's birth, and where its logical shards are."""

    logical: int = Field(ge=1)
    """How many there are."""
    strategy: str
    """How a key finds its shard."""
    bounds: list[int] = Field(default_factory=list)
    """For `range`: the first key of each shard but the first."""
    epoch: int
    """Year in which the time in ids begins."""
    clusters: dict[Annotated[str, Field(pattern=r"^[0-9]+(-[0-9]+)?$")], int]
    """Cluster by shard, or by shards from the first to the last: `0-31: 1`."""

    def where(self) -> dict[int, int]:
        """Cluster by number of shard.

        Raises:
            ValueError: a shard is missing, twice there, or too high.
        """
        found: dict[int, int] = {}
        for words, cluster in self.clusters.items():
            for number in _numbers(words):
                if number in found:
                    raise ValueError(f"shard {number} is there twice")
                found[number] = cluster
        if set(found) != set(range(self.logical)):
            raise ValueError(f"it must name the shards 0 to {self.logical - 1}, each once")
        return found

    @property
    def shards(self) -> tuple[Shard, ...]:
        """In order of their numbers."""
        return tuple(Shard(number, cluster) for number, cluster in sorted(self.where().items()))


def recorded_shards(folder: Path) -> ShardMap | None:
    """The map of an inventory's folder, or None when there is none yet.

    Raises:
        InvalidInput: the file is not as massive-deploy writes it.
    """
    path = folder / FILE
    if not path.exists():
        return None
    document = read(path)
    try:
        found = ShardMap.model_validate(document.data)
    except ValidationError as error:
        raise InvalidInput(problems(error, document, ShardMap)) from error
    try:
        found.where()
    except ValueError as error:
        fix = "take the file back from git: it says where data are"
        raise InvalidInput([document.problem(("clusters",), str(error), fix)]) from error
    return found


def born(sharding: Sharding, clusters: int) -> ShardMap:
    """The map of a stack that is new: shards side by side over the clusters, as even as can be."""
    where = {number: 1 + number * clusters // sharding.logical for number in range(sharding.logical)}
    return ShardMap(
        logical=sharding.logical,
        strategy=sharding.strategy,
        bounds=sharding.bounds,
        epoch=sharding.epoch,
        clusters=_written(where),
    )


def moved(known: ShardMap, to: Mapping[int, int]) -> ShardMap:
    """The map after some shards were moved to other clusters."""
    return known.model_copy(update={"clusters": _written({**known.where(), **to})})


def agreed(topology: Topology, known: ShardMap | None, file: str, *, runs: bool = False) -> ShardMap | None:
    """The map that holds: the recorded one, else one for a new stack; None when the topology has no logical shards.

    `runs`: there is a stack already.

    Raises:
        InvalidInput: the topology contradicts what is recorded.
    """
    sharding = topology.sharding
    if sharding is None:
        if known is None:
            return None
        what = f"{known.logical} logical shards are recorded in {FILE}, and the topology has no `sharding`"
        fix = f"put `sharding: {{logical: {known.logical}, …}}` back; data are not taken out of shards"
        raise InvalidInput([Problem(file, 0, 0, "sharding", what, fix)])
    if known is None and runs:
        what = "this stack runs without logical shards; rows that are there would not be looked for any more"
        fix = "remove `sharding`; to shard, make a new inventory and load the data into it"
        raise InvalidInput([Problem(file, 0, 0, "sharding", what, fix)])
    if known is None:
        return born(sharding, topology.shards)
    wrong = list(_contradictions(topology, sharding, known, file))
    if wrong:
        raise InvalidInput(wrong)
    return known


def _contradictions(topology: Topology, sharding: Sharding, known: ShardMap, file: str) -> Iterator[Problem]:
    for name in _BORN:
        was, now = getattr(known, name), getattr(sharding, name)
        if was != now:
            what = f"this stack was born with {name} {was}; rows would be looked for where they are not"
            yield Problem(file, 0, 0, f"sharding.{name}", what, f"put `{name}: {was}` back")
    stranded = sorted(number for number, cluster in known.where().items() if cluster > topology.shards)
    if stranded:
        words = ", ".join(_ranges(stranded))
        what = f"logical shards {words} live in clusters above {topology.shards}"
        fix = "first move them: massive-deploy shard move, or shard rebalance"
        yield Problem(file, 0, 0, "shards", what, fix)


def save_shards(folder: Path, known: ShardMap) -> bool:
    """Write the file atomically; False when it holds this already and was left alone."""
    path, text = folder / FILE, dumped(known)
    if path.exists() and path.read_text(encoding="utf-8") == text:
        return False
    atomic.replace(path, text.encode(), 0o644)
    return True


def dumped(known: ShardMap) -> str:
    """The file's text, the same for equal maps."""
    lines = [f"{_HEAD}logical: {known.logical}", f"strategy: {known.strategy}"]
    lines += [f"bounds: {known.bounds}"] if known.bounds else []
    lines += [f"epoch: {known.epoch}", "clusters:"]
    lines += [f'  "{words}": {cluster}' for words, cluster in known.clusters.items()]
    return "\n".join(lines) + "\n"


def _written(where: Mapping[int, int]) -> dict[str, int]:
    found: dict[str, int] = {}
    for cluster, group in groupby(sorted(where), key=lambda number: where[number]):
        found |= dict.fromkeys(_ranges(list(group)), cluster)
    return found


def _ranges(numbers: Iterable[int]) -> list[str]:
    """`0-3`, `7`: numbers that follow each other as one word; `numbers` rise."""
    found: list[str] = []
    for _, group in groupby(enumerate(numbers), key=lambda pair: pair[1] - pair[0]):
        run = [number for _, number in group]
        found.append(f"{run[0]}-{run[-1]}" if len(run) > 1 else str(run[0]))
    return found


def _numbers(words: str) -> range:
    match = _RANGE.fullmatch(words)
    if match is None:
        raise ValueError(f"{words} is no range of shards")
    first = int(match[1])
    return range(first, int(match[2] or first) + 1)
