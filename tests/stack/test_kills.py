"""Runs that are killed or interrupted, and hosts changed by hand: the next run makes up for all of it.

One seed of each scenario of tests/kills, on hosts that have their packages; `make kills` has twenty, from plain Debian.
"""

from __future__ import annotations

import json
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest
from digest import State, differences, state
from harness import Stack
from scenarios import Config, Pair, Replica, inventory, nothing_there, site
from trial import Kill, look, run, trial
from warm import warm

pytestmark = pytest.mark.stack
NAME = "md-kills"
SEED = 20


class Warm(Stack):
    """Its hosts have their packages from the beginning."""

    def write(self, text: str) -> None:
        super().write(warm(text))


class Anew(Pair):
    """The pair of hosts from nothing."""

    name = "anew"

    def variant(self, seed: int) -> str:  # noqa: ARG002
        return self.name

    def reset(self, seed: int) -> None:  # noqa: ARG002
        self.topology(0, 0)
        nothing_there(self.stack)

    def before(self, seed: int) -> None:
        """There is no database yet."""

    def after(self) -> list[str]:
        return site(self.stack, "web-1")


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    plain = inventory(tmp_path_factory.mktemp("kills"), NAME)
    made = Warm(plain.folder, plain.name, plain.environment)
    try:
        yield made
    finally:
        made.destroy()


@pytest.fixture(scope="module")
def uninterrupted(pair: Stack) -> tuple[State, list[float]]:
    """State of a run from nothing that nobody disturbed, and when each line of its log came."""
    Anew(pair).reset(SEED)
    _, timeline = run(pair)
    pair.command("plan", str(pair.folder))
    assert look(pair, None) == []
    return state(pair), timeline


def within_lines(count: int, seed: int) -> Kill:
    """Some moment of a run whose log has about that many lines."""
    return Kill(0, random.Random(seed).randint(1, count), 0.3)


def test_a_run_killed_while_it_adds_a_replica(pair: Stack, uninterrupted: tuple[State, list[float]]) -> None:  # noqa: ARG001
    assert trial(Replica(pair), SEED, within_lines(60, SEED), 0, None).problems == []


def test_a_replica_taken_out_leaves_nothing_behind(pair: Stack, uninterrupted: tuple[State, list[float]]) -> None:
    Pair(pair).base()
    # Patroni's cluster knows a member that has stopped for as long as its key lives: `ttl`.
    left: list[str] = []
    end = time.monotonic() + 60
    while left := differences(uninterrupted[0], state(pair)):
        if time.monotonic() > end:
            break
        time.sleep(5)
    assert left == []


@pytest.mark.proof
def test_changes_killed_there_and_back(pair: Stack, uninterrupted: tuple[State, list[float]]) -> None:
    assert trial(Config(pair), SEED, within_lines(60, SEED), 0, None).problems == []
    assert "-m 70" in pair.on("web-1", "tr '\\0' ' ' </proc/$(systemctl show -p MainPID --value memcached)/cmdline")
    assert trial(Config(pair), SEED + 1, within_lines(60, SEED + 1), 0, uninterrupted[0]).problems == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_run_says_what_is_done_and_how_to_go_on(
    pair: Stack, uninterrupted: tuple[State, list[float]], number: signal.Signals
) -> None:
    Pair(pair).topology(0, 1 if number == signal.SIGINT else 0)
    # Tests that were begun in the background ignore SIGINT, and what they start would as well.
    line = ["env", "--default-signal=INT", sys.executable, "-m", "massive_deploy", "up", str(pair.folder)]
    process = subprocess.Popen(
        line,
        env=dict(pair.environment),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        bufsize=1,
    )
    assert process.stdout is not None
    stages = (heard for heard in process.stdout if heard.startswith("["))
    next(stages)
    next(stages)
    process.send_signal(number)
    said = process.communicate(timeout=60)[1]
    assert process.returncode == 130, said
    assert "interrupted in stage 2 of" in said
    assert "operations done" in said
    assert f"next: massive-deploy up {pair.folder}" in said
    assert "Traceback" not in said
    last = json.loads(pair.command("history", str(pair.folder), "-n", "1", "--json").stdout)
    assert "interrupted" in json.dumps(last)
    pair.up()
    pair.command("plan", str(pair.folder))
    assert look(pair, None if number == signal.SIGINT else uninterrupted[0]) == []


PSQL = "runuser -u postgres -- psql -qX -d postgres -c"
DATABASE = NAME.replace("-", "_")
DRIFTS = {
    ("web-1", "sed -i 's/^-m .*/-m 17/' /etc/memcached.conf"): "~ /etc/memcached.conf (content)",
    ("web-1", "rm /etc/nginx/conf.d/edge.conf"): "+ /etc/nginx/conf.d/edge.conf (missing)",
    ("web-1", "chmod 644 /etc/redis/redis.conf"): "~ /etc/redis/redis.conf (mode",
    ("web-1", "chown nobody /etc/pgbouncer/pgbouncer.ini"): "~ /etc/pgbouncer/pgbouncer.ini (mode",
    ("web-1", "systemctl stop prometheus-node-exporter"): "start prometheus-node-exporter",
    ("web-1", "systemctl disable --quiet prometheus-redis-exporter"): "enable prometheus-redis-exporter",
    (
        "web-1",
        "systemctl mask --quiet --now prometheus-varnish-exporter",
    ): "enable, start prometheus-varnish-exporter",
    ("web-1", "touch /etc/nginx/sites-enabled/default"): "- /etc/nginx/sites-enabled/default (unwanted)",
    ("web-1", "chmod 777 /etc/massive-deploy"): "+ directory /etc/massive-deploy",
    (
        "web-1",
        "apt-get -qq -y purge prometheus-nginx-exporter 2>/dev/null; apt-get -qq -y purge logrotate >/dev/null",
    ): "+ packages: ",
    ("web-1", "ln -sf /dev/null /etc/varnish/default.vcl"): "~ /etc/varnish/default.vcl",
    ("web-1", "ln -sfn /nonexistent /srv/app/current"): "> release",
    ("db-1", f"{PSQL} \"alter role {DATABASE} password 'x'\""): "> SQL roles",
    ("db-1", f"{PSQL} 'grant connect on database {DATABASE} to public'"): "> database",
    ("web-1", "echo X=1 >>/etc/massive-deploy/app.env"): "~ /etc/massive-deploy/app.env (content, content not shown)",
    ("web-1", ": >/etc/massive-deploy/gunicorn.conf.py"): "~ /etc/massive-deploy/gunicorn.conf.py (content)",
    ("web-1", "echo Nice=1 >>/etc/systemd/system/haproxy.service.d/massive-deploy.conf"): "restart haproxy",
    ("db-1", "echo 192.0.2.1 elsewhere >>/etc/hosts"): "~ /etc/hosts (content)",
    ("web-1", "sed -i s/15s/16s/ /etc/prometheus/prometheus.yml; echo >>/etc/prometheus/prometheus.yml"): (
        "reload prometheus"
    ),
    ("web-1", "systemctl stop app.socket app.service"): "start app.socket",
    ("db-1", "rm /etc/systemd/journald.conf.d/massive-deploy.conf"): "restart systemd-journald",
    ("web-1", "chmod -x /usr/local/bin/manage"): "~ /usr/local/bin/manage (mode)",
    ("web-1", "rm /var/lib/massive-deploy/stamps/redis.redis-server"): "restart redis-server",
    ("web-1", "rm -r /etc/prometheus/rules"): "+ /etc/prometheus/rules/alerts.yml (missing)",
    ("web-1", "echo '# x' >>/etc/haproxy/haproxy.cfg"): "~ /etc/haproxy/haproxy.cfg",
    ("db-1", "rm /etc/apt/apt.conf.d/90massive-deploy"): "+ /etc/apt/apt.conf.d/90massive-deploy (missing)",
}


def test_every_drift_is_found_by_plan_and_healed_by_up(pair: Stack, uninterrupted: tuple[State, list[float]]) -> None:
    for host, drift in DRIFTS:
        pair.inside(host, drift)
    shown = pair.command("plan", str(pair.folder), code=2).stdout
    assert [needle for needle in DRIFTS.values() if needle not in shown] == []
    pair.up()
    pair.command("plan", str(pair.folder))
    pair.command("verify", str(pair.folder))
    assert differences(uninterrupted[0], state(pair)) == []


def test_a_run_killed_on_the_way_up_from_nothing(pair: Stack, uninterrupted: tuple[State, list[float]]) -> None:
    reference, timeline = uninterrupted
    kill = Kill.at(random.Random(SEED).uniform(0, timeline[-1]), timeline)
    assert trial(Anew(pair), SEED, kill, timeline[-1], reference).problems == []
