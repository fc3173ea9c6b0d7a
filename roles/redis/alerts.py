"""What must not happen to Redis."""

from __future__ import annotations

from collections.abc import Mapping

from massive_deploy.alerts.model import Alert, Rule, logs, unanswered
from massive_deploy.topology.layout import Layout

FEELS = "Nobody is logged in any more, and no task is taken in. Kept pages are shown as ever."


def units(layout: Layout) -> Mapping[str, str]:  # noqa: ARG001 - the same for every stack
    """What must be active."""
    return {"redis-server.service": FEELS}


def rules(layout: Layout) -> tuple[Rule, ...]:
    """A server that hangs or is full, and tasks that pile up in it."""
    full = Alert(
        "RedisMemoryFull",
        "redis_memory_used_bytes / (redis_memory_max_bytes > 0) > 0.9",
        300,
        "warning",
        "Redis on {{ $labels.host }} uses {{ $value | humanizePercentage }} of its memory",
        "Nothing yet. Full, it takes no new session and no task.",
        "massive-deploy explain roles.redis.memory",
    )
    return (unanswered("redis", "redis_up", FEELS), full, *(_queues(layout) if layout.topology.app.worker else ()))


def _queues(layout: Layout) -> tuple[Rule, ...]:
    limit = layout.settings["monitoring"].queue_length
    length = "redis_script_values"
    return (
        Alert(
            "CeleryQueueGrows",
            # Not one that is long but gets shorter.
            f"{length} > {limit} and min_over_time({length}[10m]) > {limit} and delta({length}[10m]) >= 0",
            60,
            "warning",
            "{{ $value }} tasks wait in the queue {{ $labels.key }} on {{ $labels.host }}, and they do not get fewer",
            "What is done in the background comes later and later: mails, thumbnails, reports.",
            logs("app", everywhere=True),
        ),
    )
