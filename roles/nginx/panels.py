"""What the edge's nginx shows of itself."""

from __future__ import annotations

from massive_deploy.dashboards.model import Limits, Panel, Query, Row
from massive_deploy.topology.layout import Layout

REQUESTS = Panel(
    "Requests by edge server",
    (Query("sum by (host) (rate(nginx_http_requests_total[$range]))"),),
    "per second",
    "Requests that visitors make, by the server that took them. A server without any is not reached.",
)


def rows(layout: Layout) -> tuple[Row, ...]:  # noqa: ARG001 - the same for every stack
    """Requests and connections of each edge server."""
    return (
        Row(
            "overview",
            "Now",
            (
                Panel(
                    "Requests",
                    (Query("sum(rate(nginx_http_requests_total[$range]))", "requests"),),
                    "per second",
                    "Requests that visitors make, at all edge servers together.",
                    kind="stat",
                ),
            ),
        ),
        Row("overview", "Visitors", (REQUESTS,)),
        Row(
            "edge",
            "nginx",
            (
                REQUESTS,
                Panel(
                    "Open connections",
                    (Query("sum by (host) (nginx_connections_active)"),),
                    "count",
                    "Connections that visitors hold open, whether they ask for something at the moment or not.",
                ),
                Panel(
                    "What connections do",
                    (
                        Query("sum(nginx_connections_reading)", "sending a request"),
                        Query("sum(nginx_connections_writing)", "getting an answer"),
                        Query("sum(nginx_connections_waiting)", "idle"),
                    ),
                    "count",
                    "All edge servers together. Many that get an answer and few new requests: what is behind is slow.",
                    kind="stacked",
                ),
                Panel(
                    "New connections",
                    (Query("sum by (host) (rate(nginx_connections_accepted[$range]))"),),
                    "per second",
                    "Far more of them than requests is an attack, or a client that forgets its connections.",
                ),
                Panel(
                    "Refused connections",
                    (
                        Query(
                            "sum by (host) (rate(nginx_connections_accepted[$range])"
                            " - rate(nginx_connections_handled[$range]))"
                        ),
                    ),
                    "per second",
                    "Taken and dropped at once, because nginx had no room for more. Always 0 on a healthy edge.",
                    limits=Limits(warning=0.01, critical=1),
                ),
            ),
        ),
    )
