"""The site as visitors see it: what is asked from the monitor host, and how."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import urlsplit

from massive_deploy.desired import File
from massive_deploy.topology.layout import Layout
from massive_deploy.view import HostView

CONFIG = "/etc/prometheus/blackbox.yml"
AUTHORITY = "/etc/prometheus/stack-ca.crt"
DEFAULTS = "/etc/default/prometheus-blackbox-exporter"
ROLE = "outside"


@dataclass(frozen=True, slots=True)
class Probe:
    """An address that is asked in one of the ways of the exporter's configuration; `host` names it in alerts."""

    url: str
    way: str
    host: str


def probes(layout: Layout) -> tuple[Probe, ...]:
    """Each edge host, the address they share, and what the settings name."""
    return tuple(_probes(layout))


def _probes(layout: Layout) -> Iterator[Probe]:
    site = f"{'https' if layout.https else 'http'}://{{}}{layout.topology.app.health}"
    for host in layout.running("nginx"):
        yield Probe(site.format(host.address), "edge", host.name)
    if layout.topology.edge_address:
        shared = layout.topology.edge_address.partition("/")[0]
        yield Probe(site.format(shared), "edge", shared)
    for url in layout.settings["monitoring"].outside:
        yield Probe(url, "site", urlsplit(url).hostname or url)


def encrypted(layout: Layout) -> bool:
    """Whether any of them has a certificate."""
    return any(probe.url.startswith("https:") for probe in probes(layout))


def files(view: HostView, port: int) -> tuple[File, ...]:
    """The exporter's configuration."""
    domains = view.topology.app.domains
    # Certificates of the stack's own authority can be checked; who others trust is for `verify` to say.
    own = "nginx" in view.layout.settings and view.settings_of("nginx").tls == "own"
    config = view.render(
        "blackbox.yml.j2",
        name=domains[0].replace("*.", "www.", 1) if domains else "",
        authority=AUTHORITY if own else "",
        seconds=min(view.settings.scrape_seconds, 10) - 1,
    )
    authority = (File(AUTHORITY, view.authority),) if own else ()
    return (File(CONFIG, config), File(DEFAULTS, view.render("prometheus-blackbox-exporter.j2", port=port)), *authority)
