"""What the app servers show of the project."""

from __future__ import annotations

from massive_deploy.dashboards.model import Limits, Panel, Query, Row
from massive_deploy.topology.layout import Layout

ACTIVE = 'node_systemd_unit_state{{name="{unit}", state="active", {where}}}'


def rows(layout: Layout) -> tuple[Row, ...]:
    """Which servers run the project, and how busy their hosts are."""
    hosts = [host.name for host in layout.running("app")]
    where = f'host=~"{"|".join(hosts)}"'
    units = {"app.service": "gunicorn"}
    if layout.topology.app.worker:
        units["app-worker.service"] = "Celery"
    cpu = Panel(
        "CPU of the app servers",
        (Query(f'1 - avg by (host) (rate(node_cpu_seconds_total{{mode="idle", {where}}}[$range]))'),),
        "ratio",
        "Near 100 % pages get slow: add servers with `massive-deploy scale INVENTORY app_servers=+1`.",
        limits=Limits(warning=0.85, critical=0.97),
        needs=("node_exporter",),
    )
    return (
        Row(
            "overview",
            "Now",
            (
                Panel(
                    "App servers that run",
                    (Query(f"sum({ACTIVE.format(unit='app.service', where=where)})", f"of {len(hosts)}"),),
                    "count",
                    "The others take over for one that does not run.",
                    kind="stat",
                    limits=Limits(warning=len(hosts) - 1, critical=0, below=True),
                    needs=("node_exporter",),
                ),
            ),
        ),
        Row("overview", "Visitors", (cpu,)),
        Row(
            "app",
            "Project",
            (
                Panel(
                    "Services that run",
                    tuple(
                        Query(ACTIVE.format(unit=unit, where=where), f"{{host}} {words}")
                        for unit, words in units.items()
                    ),
                    "on/off",
                    "Off: the service does not run there. For a moment during a release that is as it should be.",
                    limits=Limits(critical=0, below=True),
                    needs=("node_exporter",),
                ),
                cpu,
                Panel(
                    "Memory of the app servers",
                    (Query(f"1 - node_memory_MemAvailable_bytes{{{where}}} / node_memory_MemTotal_bytes{{{where}}}"),),
                    "ratio",
                    "Rises between releases if the project leaks; gunicorn replaces processes that grew too large.",
                    limits=Limits(warning=0.85, critical=0.95),
                    needs=("node_exporter",),
                ),
                Panel(
                    "Network of the app servers",
                    (
                        Query(
                            f'sum by (host) (rate(node_network_transmit_bytes_total{{device!="lo", {where}}}[$range]))'
                        ),
                    ),
                    "bytes/s",
                    "What they send: pages to the edge, queries to the databases.",
                    needs=("node_exporter",),
                ),
            ),
        ),
    )
