"""What must not happen to a host."""

from __future__ import annotations

from massive_deploy.alerts.model import Alert, Rule, window
from massive_deploy.topology.layout import Layout

REAL = 'fstype!~"tmpfs|ramfs|squashfs"'
DISKS = f"max by (host, device) (node_filesystem_avail_bytes{{{REAL}}} / node_filesystem_size_bytes)"
# Every memory filesystem has the same device.
TMPFS = 'node_filesystem_avail_bytes{fstype="tmpfs"}'
IN_MEMORY = f"max by (host, device, mountpoint) ({TMPFS} / node_filesystem_size_bytes)"
PLACE = "{{ with $labels.mountpoint }}{{ . }}{{ else }}{{ $labels.device }}{{ end }} on {{ $labels.host }}"
USAGE = "massive-deploy exec INVENTORY --hosts {{ $labels.host }} -- sh -c 'df -h; du -xh / | sort -h | tail -n 20'"
BUSY = "massive-deploy exec INVENTORY --hosts {{ $labels.host }} -- top -b -n 1 -o %CPU"


def rules(layout: Layout) -> tuple[Rule, ...]:
    """Hosts that are gone, full, busy or out of time."""
    limits = layout.settings["monitoring"]
    return (
        Alert(
            "HostUnreachable",
            'up{role="node_exporter"} == 0',
            60,
            "critical",
            "{{ $labels.host }} does not answer",
            "What runs there is gone until another host takes over; where it is the only one of its kind, none does.",
            "massive-deploy status INVENTORY",
        ),
        Alert(
            "UnitFailed",
            'node_systemd_unit_state{state="failed"} == 1',
            60,
            "warning",
            "{{ $labels.name }} has failed on {{ $labels.host }}",
            "Nothing yet, unless another alert says so: systemd has given up on this unit.",
            "massive-deploy logs INVENTORY --hosts {{ $labels.host }} --unit {{ $labels.name }} --since 1h",
        ),
        Alert(
            "DiskWillBeFull",
            f"max by (host, device) (predict_linear(node_filesystem_avail_bytes{{{REAL}}}[6h], "
            f"{limits.disk_full_hours * 3600})) < 0 and {DISKS} < 0.5",
            1800,
            "warning",
            f"{{{{ $labels.device }}}} on {{{{ $labels.host }}}} will be full within {limits.disk_full_hours} h",
            "Nothing yet. Full, a database host stops writing and an edge keeps no pages.",
            USAGE,
        ),
        Alert(
            "DiskAlmostFull",
            f"{DISKS} < 0.05 or {IN_MEMORY} < 0.05",
            60,
            "critical",
            f"{PLACE} has {{{{ $value | humanizePercentage }}}} left",
            "Nothing yet. Full, a database host stops writing and an edge keeps no pages.",
            USAGE,
        ),
        Alert(
            "MemoryLow",
            f"node_memory_MemAvailable_bytes / node_memory_MemTotal_bytes * 100 < {limits.memory_low_percent}",
            300,
            "warning",
            "{{ $labels.host }} has {{ $value | humanize }} % of its memory available",
            "Slower answers. When nothing is left the kernel ends a process, and its requests fail.",
            "massive-deploy exec INVENTORY --hosts {{ $labels.host }} -- ps -e --sort=-rss -o rss,unit,args",
        ),
        Alert(
            "CpuBusy",
            f'100 * (1 - avg by (host) (rate(node_cpu_seconds_total{{mode="idle"}}[{window(layout, 300)}])))'
            f" > {limits.cpu_busy_percent}",
            1800,
            "warning",
            "{{ $labels.host }} has used {{ $value | humanize }} % of its CPUs for half an hour",
            "Slower answers, and none to spare for a peak or for the loss of another host.",
            BUSY,
        ),
        Alert(
            "ClockDiffers",
            # A scrape takes part of a second, so only seconds mean something here.
            "abs(node_time_seconds - timestamp(node_time_seconds)) > 3",
            60,
            "warning",
            "The clock of {{ $labels.host }} is {{ $value | humanizeDuration }} off the monitor's",
            "Sessions end early or late, certificates count as not yet valid, the age of replicas' data is unknown.",
            "massive-deploy exec INVENTORY --hosts {{ $labels.host }} -- timedatectl status",
        ),
    )
