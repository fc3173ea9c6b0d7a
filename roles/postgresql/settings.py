"""Settings of the postgresql role, and the names its parts share."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from massive_deploy.topology.model import AbsolutePath, Strict
from massive_deploy.topology.units import Megabytes

SQL = 5432
REST = 8008
METRICS = 9187
READS = 8009
VERSION = 17
HOME = f"/var/lib/postgresql/{VERSION}"
DATA = f"{HOME}/patroni"
SOCKETS = "/var/run/postgresql"
CONFIG = "/etc/patroni/config.yml"

REPLICATION_ROLE = "massive_replication"
REWIND_ROLE = "massive_rewind"
MONITOR_ROLE = "massive_monitor"
HEARTBEAT_ROLE = "massive_heartbeat"
MOVER_ROLE = "massive_mover"

Locale = Annotated[str, Field(pattern=r"^(C\.UTF-8|[a-z]{2,3}(-[A-Za-z0-9]{2,8})*)$")]


class Settings(Strict):
    """Sizes and habits of every cluster; who leads and how failover goes is under `failover`."""

    version: Literal[17] = 17
    """Major version of PostgreSQL: the one Debian 13 ships."""
    data: AbsolutePath = DATA
    """Data directory of each node. Its parent folder is given to the user postgres."""
    locale: Locale = "C.UTF-8"
    """Collation of new clusters, fixed at their birth: C.UTF-8 (fast, no upgrade changes it) or an ICU language
    (`de-DE`)."""
    checksums: bool = True
    """Data checksums of new clusters, fixed at their birth."""
    max_connections: int = Field(default=200, ge=20, le=5000)
    """Server connections of each node. The poolers' pools are derived from it."""
    reserved_connections: int = Field(default=15, ge=5, le=100)
    """Of those, kept free of the poolers: for Patroni, the exporter and people."""
    memory: Megabytes | None = Field(default=None, ge=16, json_schema_extra={"talk": "Get lots of RAM."})
    """Shared buffers (MiB). Default: 20 % of the host's memory."""
    work_memory: Megabytes | None = Field(default=None, ge=1)
    """Memory (MiB) of one sort or hash. Default: a quarter of the host's memory divided by max_connections, 2 to 64."""
    wal_kept: Megabytes = Field(default=128, ge=0)
    """WAL (MiB) always kept for replicas that come back."""
    wal_kept_for_slots: Megabytes = Field(default=2048, ge=64)
    """WAL (MiB) at most kept for a replica that is away; beyond it the disk is safer than the replica."""
    wal_before_checkpoint: Megabytes = Field(default=1024, ge=64)
    """WAL (MiB) written before a checkpoint is forced."""
    idle_in_transaction_seconds: int = Field(
        default=60, ge=1, json_schema_extra={"talk": "Keep transactions short and to the point."}
    )
    """A transaction that does nothing this long is ended."""
    slow_query_ms: int = Field(default=1000, ge=-1)
    """Statements that take longer (milliseconds) are logged; -1 logs none."""
    watchdog: Literal["off", "automatic", "required"] = "automatic"
    """Use of /dev/watchdog, which resets a leader that hangs."""
    join_seconds: int = Field(default=600, ge=60)
    """Seconds a new or returning node has to copy the data and to stream."""
    parameters: dict[str, str | int | float | bool] = Field(default_factory=dict)
    """Further PostgreSQL parameters, or other values of those set here."""
