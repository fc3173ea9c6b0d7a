"""Patroni's dynamic configuration: what a whole cluster shares. Patroni reads its file only once, at bootstrap."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from massive_deploy.view import HostView

from .capacity import shared_buffers, work_memory
from .settings import SOCKETS, Settings

TIMING = {"fast": (20, 2, 9), "normal": (30, 5, 10), "safe": (60, 10, 20)}
"""speed → seconds a leader may be silent, between looks, and of retrying the store."""


def dynamic(view: HostView) -> dict[str, Any]:
    """The configuration kept in etcd."""
    parameters = _parameters(view.settings, _followers(view))
    ttl, loop, retry = TIMING[view.topology.failover.speed]
    return {
        "ttl": ttl,
        "loop_wait": loop,
        "retry_timeout": retry,
        "maximum_lag_on_failover": view.topology.failover.max_lag,
        # 0: a crashed leader is replaced by a fit replica at once, not restarted for up to 300 s.
        "primary_start_timeout": 0,
        "failsafe_mode": True,
        "check_timeline": True,
        **_synchronous(view),
        **({"ignore_slots": [{"type": "logical", "plugin": "pgoutput"}]} if view.layout.shards else {}),
        "postgresql": {"use_pg_rewind": True, "use_slots": True, "parameters": parameters},
    }


def _followers(view: HostView) -> dict[str, Any]:
    """A shard that moves has an apply worker and a slot until its move is completed; one that is pushed has, always.

    With reports that are pulled as much: to push them then needs no restart, and to go back lowers nothing.
    """
    sharding = view.topology.sharding
    if sharding is None or not view.layout.shards:
        return {}
    pushed = len(view.layout.shards) if sharding.reporting is not None else 0
    return {
        "max_logical_replication_workers": 16 + pushed,
        "max_worker_processes": 32 + pushed,
        "max_wal_senders": 20 + pushed,
        "max_replication_slots": 20 + pushed,
    }


def _synchronous(view: HostView) -> dict[str, Any]:
    wish = view.topology.failover.commits(len(view.cluster.hosts))
    mode: str | bool = False if wish == "off" else "quorum"
    return {"synchronous_mode": mode, "synchronous_mode_strict": wish == "strict", "synchronous_node_count": 1}


def _parameters(settings: Settings, moves: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "max_connections": settings.max_connections,
        "superuser_reserved_connections": 5,
        "max_worker_processes": 16,
        "max_wal_senders": 20,
        "max_replication_slots": 20,
        "max_locks_per_transaction": 128,
        "wal_level": "logical",
        "wal_log_hints": "on",
        "hot_standby": "on",
        "wal_keep_size": f"{settings.wal_kept}MB",
        "max_slot_wal_keep_size": f"{settings.wal_kept_for_slots}MB",
        "max_wal_size": f"{settings.wal_before_checkpoint}MB",
        "wal_compression": "lz4",
        "wal_receiver_timeout": "10s",
        "wal_sender_timeout": "10s",
        "checkpoint_timeout": "15min",
        "password_encryption": "scram-sha-256",
        "idle_in_transaction_session_timeout": f"{settings.idle_in_transaction_seconds}s",
        "tcp_keepalives_idle": 30,
        "tcp_keepalives_interval": 10,
        "tcp_keepalives_count": 3,
        "random_page_cost": 1.1,
        "jit": "off",
        "shared_preload_libraries": "pg_stat_statements",
        "log_min_duration_statement": settings.slow_query_ms,
        "log_lock_waits": "on",
        "log_line_prefix": "%m [%p] %q%u@%d ",
        "unix_socket_directories": SOCKETS,
        **moves,
        **settings.parameters,
    }


def of_this_host(view: HostView) -> dict[str, Any]:
    """Parameters that follow the host's own size."""
    settings: Settings = view.settings
    ours = {
        "shared_buffers": f"{shared_buffers(settings, view.host)}MB",
        "effective_cache_size": f"{max(64, view.host.memory_mb // 2)}MB",
        "work_mem": f"{work_memory(settings, view.host)}MB",
        "maintenance_work_mem": f"{min(1024, max(32, view.host.memory_mb // 16))}MB",
        "max_parallel_workers": max(1, view.host.cpus),
        "max_parallel_workers_per_gather": min(2, view.host.cpus // 2),
    }
    return {name: value for name, value in ours.items() if name not in settings.parameters}


def canonical(config: Mapping[str, Any]) -> str:
    """One text per value, whatever the order of keys."""
    return json.dumps(config, sort_keys=True, separators=(",", ":"))
