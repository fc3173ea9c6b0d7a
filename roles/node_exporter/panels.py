"""What every host shows of itself."""

from __future__ import annotations

from massive_deploy.dashboards.model import Limits, Panel, Query, Row
from massive_deploy.topology.layout import Layout

REAL = 'fstype!~"tmpfs|ramfs|squashfs"'
CPU = Panel(
    "CPU in use",
    (Query('1 - avg by (host) (rate(node_cpu_seconds_total{mode="idle"}[$range]))'),),
    "ratio",
    "Of all its CPUs together. Hours near 100 % mean that this tier needs another host.",
    limits=Limits(warning=0.85, critical=0.97),
)
MEMORY = Panel(
    "Memory in use",
    (Query("1 - node_memory_MemAvailable_bytes / node_memory_MemTotal_bytes"),),
    "ratio",
    "Without what the kernel can give back at once. When it is full, the kernel ends a process.",
    limits=Limits(warning=0.85, critical=0.95),
)
DISK = Panel(
    "Fullest disk",
    (Query(f"max by (host) (1 - node_filesystem_avail_bytes{{{REAL}}} / node_filesystem_size_bytes{{{REAL}}})"),),
    "ratio",
    "The fullest file system of each host. A full one stops its database; an alert comes a day before.",
    limits=Limits(warning=0.8, critical=0.95),
)


def rows(layout: Layout) -> tuple[Row, ...]:
    """CPU, memory, disks, network, and what systemd has given up on."""
    count = len(layout.running("node_exporter"))
    return (
        Row(
            "overview",
            "Now",
            (
                Panel(
                    "Hosts that answer",
                    (Query('sum(up{role="node_exporter"})', f"of {count}"),),
                    "count",
                    "Hosts of the stack that the monitor reaches.",
                    kind="stat",
                    limits=Limits(critical=count - 1, below=True),
                ),
            ),
        ),
        Row("overview", "Hosts", (CPU, MEMORY, DISK)),
        Row("hosts", "Processors and memory", (CPU, MEMORY, *_pressure())),
        Row("hosts", "Disks", (DISK, *_disks())),
        Row("hosts", "Network and clock", _network()),
        Row("hosts", "Services", (_failed(),)),
    )


def _pressure() -> tuple[Panel, ...]:
    return (
        Panel(
            "Load for each CPU",
            (Query('node_load1 / on (host) group_left () count by (host) (node_cpu_seconds_total{mode="idle"})'),),
            "count",
            "Processes that want to run, divided by the CPUs. Above 1 they wait for each other.",
            limits=Limits(warning=1.5, critical=4),
        ),
        Panel(
            "Swapped in and out",
            (Query("rate(node_vmstat_pswpin[$range]) + rate(node_vmstat_pswpout[$range])"),),
            "per second",
            "Pages of memory that went to disk and back. If this goes on, the host has too little memory.",
            limits=Limits(warning=100),
        ),
    )


def _disks() -> tuple[Panel, ...]:
    return (
        Panel(
            "Busiest disk",
            (Query("max by (host) (rate(node_disk_io_time_seconds_total[$range]))"),),
            "ratio",
            "The part of the time in which its busiest disk had something to do.",
            limits=Limits(warning=0.9),
        ),
        Panel(
            "Read from disks",
            (Query("sum by (host) (rate(node_disk_read_bytes_total[$range]))"),),
            "bytes/s",
            "Databases that read much do not find their data in memory.",
        ),
        Panel(
            "Written to disks",
            (Query("sum by (host) (rate(node_disk_written_bytes_total[$range]))"),),
            "bytes/s",
            "Peaks at database hosts are checkpoints.",
        ),
    )


def _network() -> tuple[Panel, ...]:
    return (
        Panel(
            "Sent",
            (Query('sum by (host) (rate(node_network_transmit_bytes_total{device!="lo"}[$range]))'),),
            "bytes/s",
            "Over all network interfaces.",
        ),
        Panel(
            "Received",
            (Query('sum by (host) (rate(node_network_receive_bytes_total{device!="lo"}[$range]))'),),
            "bytes/s",
            "Over all network interfaces.",
        ),
        Panel(
            "Segments sent again",
            (Query("rate(node_netstat_Tcp_RetransSegs[$range]) / rate(node_netstat_Tcp_OutSegs[$range])"),),
            "ratio",
            "Lost on the way. More than one in a hundred makes everything slow that crosses the network.",
            limits=Limits(warning=0.01, critical=0.1),
        ),
        Panel(
            "Clock against the monitor's",
            (Query("abs(node_time_seconds - timestamp(node_time_seconds))"),),
            "seconds",
            "A scrape takes part of a second, so only seconds mean something. Lag and certificates need right clocks.",
            limits=Limits(warning=2, critical=3),
        ),
    )


def _failed() -> Panel:
    return Panel(
        "Failed units",
        (Query('node_systemd_unit_state{state="failed"} == 1', "{host} {name}"),),
        "on/off",
        "What systemd has given up on. Type on the host: `systemctl status NAME`.",
        limits=Limits(warning=1),
        empty="No unit has failed.",
    )
