"""What must not happen to visitors' requests."""

from __future__ import annotations

from massive_deploy.alerts.model import Alert, Rule, logs, window
from massive_deploy.topology.layout import Layout

LEAST = 5
"""Failed requests within the window; a single one on a quiet site is no share."""
ENOUGH = 20
"""Requests from which a percentile means something."""
REQUESTS = 'massive_requests_total{{server="{server}"{more}}}'
FIRST_BYTE = "massive_first_byte_seconds"


def rules(layout: Layout) -> tuple[Rule, ...]:
    """Errors, slowness, saturation, a cache that does not help."""
    return (
        *_errors(layout),
        *_slow(layout),
        _saturated(layout),
        _cache(layout),
        Alert(
            "MaintenanceForgotten",
            "massive_maintenance == 1",
            4 * 3600,
            "warning",
            "{{ $labels.host }} has shown the maintenance page for four hours",
            "Visitors see the maintenance page instead of the site.",
            "massive-deploy maintenance off INVENTORY",
        ),
    )


def _errors(layout: Layout) -> tuple[Rule, ...]:
    limit, span = layout.settings["monitoring"].errors_percent, window(layout, 60)

    def share(server: str, but: str = "") -> str:
        failed = REQUESTS.format(server=server, more=', code=~"5.."')
        every = REQUESTS.format(server=server, more="")
        return (
            f"(100 * sum by (host) (rate({failed}[{span}])) / sum by (host) (rate({every}[{span}])) > {limit:g}"
            f" and sum by (host) (increase({failed}[{span}])) >= {LEAST}){but}"
        )

    return (
        Alert(
            "SiteErrors",
            share("edge", " unless on (host) massive_maintenance == 1"),
            60,
            "critical",
            "{{ $value | humanize }} % of the requests at {{ $labels.host }} are answered with an error (5xx)",
            "Visitors see error pages.",
            "massive-deploy logs INVENTORY --hosts {{ $labels.host }} --roles nginx --grep '\"status\":5' --since 15m",
        ),
        Alert(
            "AppErrors",
            share("app"),
            60,
            "critical",
            "{{ $value | humanize }} % of what {{ $labels.host }} is asked fails (5xx)",
            "Kept pages are shown as they were; whoever is logged in, searches or orders sees errors.",
            logs("app"),
        ),
    )


def _slow(layout: Layout) -> tuple[Rule, ...]:
    limit, span = layout.settings["monitoring"].slow_seconds, window(layout, 300)

    def slow(server: str) -> str:
        times = f'sum by (host, le) (rate({FIRST_BYTE}_bucket{{server="{server}"}}[{span}]))'
        count = f'sum by (host) (increase({FIRST_BYTE}_count{{server="{server}"}}[{span}]))'
        return f"histogram_quantile(0.95, {times}) > {limit:g} and {count} >= {ENOUGH}"

    return (
        Alert(
            "SiteSlow",
            slow("edge"),
            120,
            "warning",
            "One request in twenty at {{ $labels.host }} waits {{ $value | humanize }} s or longer for its first byte",
            "Pages come late, those from the cache included.",
            "massive-deploy status INVENTORY",
        ),
        Alert(
            "AppSlow",
            slow("app"),
            120,
            "warning",
            "One request in twenty to {{ $labels.host }} takes {{ $value | humanize }} s or longer",
            "Pages that are not kept come late; whoever is logged in feels it most.",
            logs("app"),
        ),
    )


def _saturated(layout: Layout) -> Alert:
    limit, span = layout.settings["monitoring"].busy_percent, window(layout, 120)
    # Little's law: what arrives in a second times how long it stays is what is there.
    at_once = f'sum by (host) (rate(massive_upstream_seconds_total{{server="app"}}[{span}]))'
    return Alert(
        "AppSaturated",
        f"100 * {at_once} / on (host) massive_app_slots > {limit}",
        60,
        "warning",
        "gunicorn on {{ $labels.host }} works on {{ $value | humanize }} % of what it can work on at once",
        "Soon requests wait for one another, and pages that are not kept come late.",
        "massive-deploy scale INVENTORY app_servers=+1 --dry-run",
    )


def _cache(layout: Layout) -> Alert:
    limit, span = layout.settings["monitoring"].cache_hit_percent, window(layout, 900)

    def rate(which: str) -> str:
        return f'sum by (host) (rate(massive_cached_requests_total{{cache=~"{which}"}}[{span}]))'

    kept = rate("HIT|STALE|MISS")
    return Alert(
        "CacheHitsLow",
        f"100 * {rate('HIT|STALE')} / {kept} < {limit} and {kept} > 1",
        900,
        "warning",
        "{{ $value | humanize }} % of the pages that may be kept are found in the caches of {{ $labels.host }}",
        "Slower pages: the app servers make what the caches should have.",
        "massive-deploy exec INVENTORY --hosts {{ $labels.host }} -- varnishstat -1 -f MAIN.cache_* -f MAIN.n_lru*",
    )
