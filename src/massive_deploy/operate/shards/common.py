"""How far each cluster's copy of the common data is behind."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from massive_deploy.operate.shards.side import Side

LINK = "massive_common_"
"""Before a cluster's number: its subscription, and its slot at the publisher."""
PLACES = f"""
    SELECT substr(slot_name, {len(LINK) + 1}), active, pg_wal_lsn_diff(pg_current_wal_lsn(), confirmed_flush_lsn)
      FROM pg_replication_slots WHERE starts_with(slot_name, '{LINK}') AND slot_type = 'logical'
"""


@dataclass(frozen=True, slots=True)
class Copy:
    """A cluster's copy. `behind` is in bytes of the publisher's log; None while it follows nothing."""

    cluster: int
    behind: int | None

    def __str__(self) -> str:
        """In words."""
        how = "follows nobody: it is made anew" if self.behind is None else f"{self.behind} bytes behind"
        return f"common data in cluster {self.cluster} | {how}"


def copies(publisher: Side, clusters: Sequence[int]) -> list[Copy]:
    """That of each of these clusters, as its publisher sees it."""
    places = {cluster: int(behind) for cluster, active, behind in publisher.ask(PLACES, step="places") if active == "t"}
    return [Copy(number, places.get(str(number))) for number in clusters]
