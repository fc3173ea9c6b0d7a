"""What must not happen to anything that is watched, to the site as a whole, and to monitoring itself."""

from __future__ import annotations

from collections.abc import Iterator

from massive_deploy.alerts.collect import watched
from massive_deploy.alerts.model import Alert, Rule, Watched, window
from massive_deploy.collected import SENDER
from massive_deploy.topology.layout import Layout

from .outside import ROLE, encrypted, probes
from .targets import jobs

BLIND = "Nothing of itself. Other alerts may be missing."
STATUS = "massive-deploy status INVENTORY"
HERE = "massive-deploy logs INVENTORY --roles monitoring --since 15m"

RENEW = {
    "own": "massive-deploy up INVENTORY",
    "given": "massive-deploy secrets certificate INVENTORY CHAIN.pem KEY.pem",
    "acme": "massive-deploy logs INVENTORY --unit acme-certificate --since 2d",
}


def rules(layout: Layout) -> tuple[Rule, ...]:
    """Services first, then the site, then monitoring."""
    return (*_services(layout), *_site(layout), *_itself(layout))


def _services(layout: Layout) -> Iterator[Rule]:
    yield Alert(
        "MetricsUnreachable",
        'up{role!="node_exporter"} == 0 unless on (host) up{role="node_exporter"} == 0',
        60,
        "critical",
        "{{ $labels.job }} on {{ $labels.host }} does not answer",
        "Nothing of itself. Whether all is well there is not known, and alerts about it are missing.",
        "massive-deploy logs INVENTORY --hosts {{ $labels.host }} --since 15m",
    )
    for one in watched(layout):
        yield from _unit(layout, one)


def _unit(layout: Layout, one: Watched) -> Iterator[Alert]:
    hosts, labels = "|".join(one.hosts), {"role": one.role, "unit": one.unit}
    look = f"massive-deploy logs INVENTORY --hosts {{{{ $labels.host }}}} --unit {one.unit} --since 15m"
    yield Alert(
        "ServiceDown",
        # "unless active": a unit that systemd has forgotten has no metric at all.
        f'up{{role="node_exporter", host=~"{hosts}"}} == 1 '
        f'unless on (host) node_systemd_unit_state{{name="{one.unit}", state="active"}} == 1',
        30,
        "critical",
        f"{one.unit} is not running on {{{{ $labels.host }}}}",
        one.feels,
        look,
        labels,
    )
    if one.role == SENDER:
        # It ends whenever the receiver is away, and is started again: the way it waits.
        return
    restarts = f'node_systemd_service_restart_total{{name="{one.unit}", host=~"{hosts}"}}'
    yield Alert(
        "ServiceRestarted",
        f"round(increase({restarts}[{window(layout, 600)}])) > 0",
        0,
        "warning",
        f"{one.unit} on {{{{ $labels.host }}}} ended by itself and was started again "
        "({{ $value }} times in ten minutes)",
        f"For as long as it was away: {one.feels[0].lower()}{one.feels[1:]}",
        look,
        labels,
    )


def _site(layout: Layout) -> Iterator[Rule]:
    # A site that is closed on purpose is closed on all edge hosts.
    closed = "unless on () max(massive_maintenance == 1)"
    yield Alert(
        "SiteDown",
        f'(probe_http_status_code{{role="{ROLE}"}} and probe_success == 0) {closed}',
        60,
        "critical",
        "The site does not answer at {{ $labels.host }}: "
        "{{ if eq $value 0.0 }}no answer{{ else }}status {{ $value }}{{ end }}",
        "Visitors that come to this address do not get the site.",
        STATUS,
    )
    if encrypted(layout):
        days = layout.settings["monitoring"].certificate_days
        yield Alert(
            "CertificateEnds",
            f'(probe_ssl_earliest_cert_expiry{{role="{ROLE}"}} - time()) / 86400 < {days}',
            60,
            "warning",
            "The certificate at {{ $labels.host }} ends in {{ $value | humanize }} days",
            "Nothing yet. From then on browsers show a warning instead of the site.",
            RENEW.get(getattr(layout.settings.get("nginx"), "tls", ""), STATUS),
        )


def _itself(layout: Layout) -> Iterator[Rule]:
    count = sum(len(job.targets) for job in jobs(layout)) + len(probes(layout))
    # Always fires. When whoever gets it hears nothing, monitoring itself is dead.
    yield Alert(
        "DeadMansSwitch",
        "vector(1)",
        0,
        "none",
        "Monitoring lives",
        "Nothing. It is well that this fires: when it stops, nobody is told of anything else.",
        STATUS,
    )
    yield Alert(
        "TargetsVanished",
        # After a clock jumps ahead and back, Prometheus refuses every sample: `up` is then not 0 but absent.
        f"(count(up) or vector(0)) < {count}",
        90,
        "critical",
        f"{{{{ $value }}}} of {count} targets are looked at",
        BLIND,
        HERE,
    )
    yield Alert(
        "RulesFail",
        "increase(prometheus_rule_evaluation_failures_total[5m]) > 0",
        300,
        "warning",
        "Prometheus on {{ $labels.host }} cannot evaluate {{ $labels.rule_group }}",
        BLIND,
        HERE,
    )
    yield Alert(
        "ConfigurationRejected",
        "prometheus_config_last_reload_successful == 0 or alertmanager_config_last_reload_successful == 0",
        120,
        "warning",
        "{{ $labels.job }} on {{ $labels.host }} runs with an older configuration than the one on disk",
        BLIND,
        HERE,
    )
    yield Alert(
        "NotificationsFail",
        "increase(alertmanager_notifications_failed_total[5m]) > 0",
        300,
        "critical",
        "Alertmanager on {{ $labels.host }} cannot reach its {{ $labels.integration }}",
        "Nothing of itself. People may not be told of other alerts.",
        HERE,
    )
