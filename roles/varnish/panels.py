"""What Varnish shows of itself."""

from __future__ import annotations

from massive_deploy.dashboards.model import Limits, Panel, Query, Row
from massive_deploy.topology.layout import Layout

RATE = "sum{by} (rate(varnish_main_cache_{what}[$range]))"


def hits(by: str = "") -> str:
    """PromQL of the part of the lookups that found the page, of all servers together or `by` something."""
    hit, miss = (RATE.format(by=by, what=what) for what in ("hit", "miss"))
    return f"{hit} / ({hit} + {miss})"


RATIO = Panel(
    "Pages found in the cache",
    (Query(hits(" by (host)")),),
    "ratio",
    "Of the requests that may be answered from memory, the part that was. It falls after a purge or a restart and must "
    "rise again; while it is low, the app servers carry the visitors.",
)


def rows(layout: Layout) -> tuple[Row, ...]:  # noqa: ARG001 - the same for every stack
    """How well the cache works, what it holds, and how the app servers look from it."""
    return (
        Row(
            "overview",
            "Now",
            (
                Panel(
                    "Found in the cache",
                    (Query(hits(), "hits"),),
                    "ratio",
                    "Of the requests that may be answered from memory, the part that was. Nothing is shown while "
                    "nobody asks.",
                    kind="stat",
                ),
            ),
        ),
        Row("overview", "Visitors", (RATIO,)),
        Row("edge", "The way to the app servers", (_backends(),)),
        Row(
            "cache",
            "Varnish",
            (
                RATIO,
                Panel(
                    "How requests are answered",
                    tuple(
                        Query(f"sum(rate({metric}[$range]))", words)
                        for metric, words in (
                            ("varnish_main_cache_hit", "from memory"),
                            ("varnish_main_cache_miss", "fetched, then kept"),
                            ("varnish_main_s_pass", "passed on"),
                            ("varnish_main_s_synth", "by Varnish itself"),
                        )
                    ),
                    "per second",
                    "Requests with a session are passed on. Varnish itself answers redirects, purges and error pages.",
                    kind="stacked",
                ),
                _backends(),
                Panel(
                    "Failed fetches",
                    (Query("sum by (host) (rate(varnish_main_backend_fail[$range]))"),),
                    "per second",
                    "Connections to app servers that could not be made. Visitors get a kept page or an error page.",
                    limits=Limits(warning=0.1, critical=1),
                ),
                Panel(
                    "Memory of kept pages",
                    (Query('sum by (host) (varnish_sma_g_bytes{type!="transient"})'),),
                    "bytes",
                    "What kept pages take. Once it is full, the pages that were not asked for longest go.",
                ),
                Panel(
                    "Kept pages",
                    (Query("sum by (host) (varnish_main_n_object)"),),
                    "count",
                    "Pages and fragments in memory. It drops to nothing when Varnish is restarted.",
                ),
                Panel(
                    "Thrown out for lack of room",
                    (Query("sum by (host) (rate(varnish_main_n_lru_nuked[$range]))"),),
                    "per second",
                    "Pages that had to go before their time. If this goes on: more memory for Varnish "
                    "(`roles: varnish: memory`).",
                    limits=Limits(warning=1),
                ),
                Panel(
                    "Waiting for a thread",
                    (Query("sum by (host) (varnish_main_thread_queue_len)"),),
                    "count",
                    "Requests that wait because all threads are busy, as a rule with slow app servers.",
                    limits=Limits(warning=1, critical=100),
                ),
            ),
        ),
    )


def _backends() -> Panel:
    return Panel(
        "App servers as Varnish sees them",
        (
            # Backends are named after their hosts. A reload leaves those of the program before it for a while.
            Query(
                'label_replace(min by (backend) (max by (host, backend) (varnish_backend_up)), "server", "$1", '
                '"backend", "app_(.*)")',
                "{server}",
            ),
        ),
        "on/off",
        "Off: at least one edge server's health checks fail there, and it sends no requests. A drained server is off.",
        limits=Limits(critical=0, below=True),
    )
