"""What memcached shows of itself."""

from __future__ import annotations

from massive_deploy.dashboards.model import Limits, Panel, Query, Row
from massive_deploy.topology.layout import Layout

_GETS = 'rate(memcached_commands_total{{command="get", status="{status}"}}[$range])'


def rows(layout: Layout) -> tuple[Row, ...]:  # noqa: ARG001 - the same for every stack
    """Hits, work and room of each node."""
    hits, misses = (f"sum by (host) ({_GETS.format(status=status)})" for status in ("hit", "miss"))
    return (
        Row(
            "cache",
            "memcached",
            (
                Panel(
                    "Values found",
                    (Query(f"{hits} / ({hits} + {misses})"),),
                    "ratio",
                    "Of what the project asked for, the part that was there. It falls after a restart, and must "
                    "rise again.",
                ),
                Panel(
                    "Values asked for and set",
                    (
                        Query(f"sum({_GETS.format(status='hit')})", "found"),
                        Query(f"sum({_GETS.format(status='miss')})", "missed"),
                        Query('sum(rate(memcached_commands_total{command="set"}[$range]))', "set"),
                    ),
                    "per second",
                    "All nodes together. As much set as found: what is kept does not live long enough to be of use.",
                    kind="stacked",
                ),
                Panel(
                    "Memory of values",
                    (Query("sum by (host) (memcached_current_bytes) / sum by (host) (memcached_limit_bytes)"),),
                    "ratio",
                    "Full is well: what was not asked for longest goes.",
                ),
                Panel(
                    "Thrown out for lack of memory",
                    (Query("sum by (host) (rate(memcached_items_evicted_total[$range]))"),),
                    "per second",
                    "Values that had to go before their time. With few values found: more memory "
                    "(`roles: memcached: memory`) or more nodes.",
                ),
                Panel(
                    "Connections to memcached",
                    (
                        Query(
                            "sum by (host) (memcached_current_connections) / sum by (host) (memcached_max_connections)"
                        ),
                    ),
                    "ratio",
                    "Of what it takes. When none is left, the project goes on without this node, and slower.",
                    limits=Limits(warning=0.8, critical=0.95),
                ),
            ),
        ),
    )
