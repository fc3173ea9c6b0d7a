"""Requests as the access logs tell them."""

from __future__ import annotations

from massive_deploy.dashboards.model import Limits, Panel, Query, Row
from massive_deploy.topology.layout import Layout

_KINDS = (("2..", "fine"), ("3..", "elsewhere"), ("4..", "refused"), ("5..", "failed"))


def rows(layout: Layout) -> tuple[Row, ...]:  # noqa: ARG001 - the same for every stack
    """What visitors get and how long they wait; what the app servers give, and how busy they are."""
    return (
        Row("overview", "Now", (_failed("edge", "Requests that fail", kind="stat"),)),
        Row("overview", "Visitors", (_codes("edge"), _times("edge"))),
        Row("edge", "What visitors get", (_codes("edge"), _failed("edge", "Failed requests"), _times("edge"), _kept())),
        Row("app", "gunicorn", (_codes("app"), _failed("app", "Failed requests"), _times("app"), _busy())),
    )


def _codes(server: str) -> Panel:
    whose = "visitors" if server == "edge" else "app servers"
    return Panel(
        "Answers by status" if server == "edge" else "Answers of the project",
        tuple(
            Query(f'sum(rate(massive_requests_total{{server="{server}", code=~"{codes}"}}[$range]))', words)
            for codes, words in _KINDS
        ),
        "per second",
        f"By the first digit of the status, all {whose} together: 2 is fine, 3 leads elsewhere, 4 is the visitor's "
        "mistake or a limit, 5 is ours.",
        kind="stacked",
    )


def _failed(server: str, title: str, *, kind: str = "lines") -> Panel:
    by, legend = ("", "failed") if kind == "stat" else (" by (host)", "{host}")
    asked, bad = (
        f'sum{by} (rate(massive_requests_total{{server="{server}"{more}}}[$range]))' for more in ("", ', code=~"5.."')
    )
    return Panel(
        title,
        (Query(f"{bad} / ({asked} > 0)", legend),),
        "ratio",
        "Answers with a status of 500 and more, of all. Nothing is shown while nobody asks.",
        kind="stat" if kind == "stat" else "lines",
        limits=Limits(warning=0.001, critical=0.01),
        empty="Nobody has asked for anything in this time.",
    )


def _times(server: str) -> Panel:
    bucket = f'sum by (le) (rate(massive_first_byte_seconds_bucket{{server="{server}"}}[$range]))'
    return Panel(
        "Wait for the first byte" if server == "edge" else "Time the project takes",
        tuple(
            Query(f"histogram_quantile({share}, {bucket})", words)
            for share, words in ((0.5, "half"), (0.95, "19 of 20"), (0.99, "99 of 100"))
        ),
        "seconds",
        "Half of the requests, 19 of 20 and 99 of 100 wait no longer than this. Slow visitors are not in it: only the "
        "time until the answer begins counts.",
    )


def _kept() -> Panel:
    return Panel(
        "Answers by cache",
        (Query("sum by (cache, layer) (rate(massive_cached_requests_total[$range]))", "{layer} {cache}"),),
        "per second",
        "Which layer answered: nginx (edge), Varnish, or the project (miss, pass).",
        kind="stacked",
    )


def _busy() -> Panel:
    work = 'sum by (host) (rate(massive_upstream_seconds_total{server="app"}[$range]))'
    return Panel(
        "How busy gunicorn is",
        (Query(f"{work} / sum by (host) (massive_app_slots)"),),
        "ratio",
        "Requests it works on at the same time, of those it can (`roles: app`: workers and greenlets). Close to full, "
        "requests wait for one another.",
        limits=Limits(warning=0.7, critical=0.9),
    )
