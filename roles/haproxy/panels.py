"""What HAProxy shows of the connections it hands over."""

from __future__ import annotations

from massive_deploy.dashboards.model import Limits, Panel, Query, Row
from massive_deploy.topology.layout import Layout

WAYS = 'proxy=~"writes-.*|streaming-.*|replicas-.*|fallback-.*|redis"'


def rows(layout: Layout) -> tuple[Row, ...]:  # noqa: ARG001 - proxies are found by their names
    """Connections by where they go, and the servers each way has."""
    return (
        Row(
            "pooler",
            "HAProxy",
            (
                Panel(
                    "Servers each way has",
                    (
                        Query(
                            'min by (proxy) (haproxy_backend_active_servers{proxy=~"leader-.*|streaming-.*|redis"})',
                            "{proxy}",
                        ),
                    ),
                    "count",
                    "leader: 1 as long as someone leads. streaming: replicas within the limits of lag. The least that "
                    "any app server sees.",
                ),
                Panel(
                    "Open connections by way",
                    (Query(f"sum by (proxy) (haproxy_backend_current_sessions{{{WAYS}}})", "{proxy}"),),
                    "count",
                    "writes go to the leader; reads to streaming replicas, to the leader (fallback) when none is fit.",
                    kind="stacked",
                ),
                Panel(
                    "New connections by way",
                    (Query(f"sum by (proxy) (rate(haproxy_backend_sessions_total{{{WAYS}}}[$range]))", "{proxy}"),),
                    "per second",
                    "Poolers keep their connections, so this is low. A peak is a change of leader or a restart.",
                ),
                Panel(
                    "Connections that failed",
                    (
                        Query(
                            f"sum by (proxy) (rate(haproxy_backend_connection_errors_total{{{WAYS}}}[$range]))",
                            "{proxy}",
                        ),
                    ),
                    "per second",
                    "No server took them. For seconds while a new leader is chosen; otherwise something is down.",
                    limits=Limits(warning=0.1, critical=1),
                ),
                Panel(
                    "Time to connect",
                    (
                        Query(
                            f"max by (proxy) (haproxy_backend_connect_time_average_seconds{{{WAYS}}})",
                            "{proxy}",
                        ),
                    ),
                    "seconds",
                    "Over the last 1024 connections of each way. More than milliseconds: a slow network or server.",
                    limits=Limits(warning=0.1, critical=1),
                ),
            ),
        ),
    )
