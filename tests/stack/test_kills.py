"""The controller is killed in the middle of `up`, again and again: the next run goes on, and nothing is left behind."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest
from harness import ROOT, Stack, stack

pytestmark = pytest.mark.stack
NAME = "md-kills"
SEED = 20
TOPOLOGY = """
name: {name}
stack: small
target: docker
docker: {{memory: 3GiB}}
app:
  source: {source}
  settings: shop.settings
  health: /-/health
"""
LEFTOVERS = """
for path in /var/tmp/massive-deploy-* /var/lib/massive-deploy/stage.* \\
  /usr/sbin/policy-rc.d /run/massive-deploy/drain; do
  [ ! -e "$path" ] || echo "$path"
done
find /etc /usr/local /var/lib/massive-deploy -name '*.massive-deploy-new'
dpkg --audit
"""


@pytest.fixture(scope="module")
def killed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with stack(tmp_path_factory.mktemp("kills"), NAME) as made:
        made.write(TOPOLOGY.format(name=NAME, source=ROOT / "examples/shop"))
        yield made


def kill_after(made: Stack, seconds: float) -> bool:
    """Start `up`, SIGKILL it after some seconds; whether it was still at work."""
    line = [sys.executable, "-m", "massive_deploy", "up", str(made.folder)]
    process = subprocess.Popen(line, env=dict(made.environment), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    time.sleep(seconds)
    running = process.poll() is None
    process.send_signal(signal.SIGKILL)
    process.wait()
    return running


def test_a_run_killed_four_times_converges_and_leaves_nothing_behind(killed: Stack) -> None:
    moments = random.Random(SEED)
    assert kill_after(killed, moments.uniform(6, 15))
    for _ in range(3):
        kill_after(killed, moments.uniform(5, 35))
    killed.up()
    killed.command("plan", str(killed.folder))
    assert "0 operations" in killed.up()
    assert killed.on("all-1", LEFTOVERS, code=None).strip() == ""
    assert killed.http("/", host="all-1").status == 200


def test_a_killed_change_is_made_up_for(killed: Stack) -> None:
    killed.edit("app:\n", "roles: {memcached: {memory: 70}, varnish: {grace: 7200}}\napp:\n")
    kill_after(killed, random.Random(SEED + 1).uniform(3, 7))
    killed.up()
    killed.command("plan", str(killed.folder))
    assert "-m 70" in killed.on("all-1", "cat /etc/memcached.conf")
    assert "-m 70" in killed.on("all-1", "tr '\\0' ' ' </proc/$(systemctl show -p MainPID --value memcached)/cmdline")
    killed.command("verify", str(killed.folder))


PSQL = "runuser -u postgres -- psql -qX -d postgres -c"
DATABASE = NAME.replace("-", "_")
DRIFTS = {
    "sed -i 's/^-m .*/-m 17/' /etc/memcached.conf": "~ /etc/memcached.conf (content)",
    "rm /etc/nginx/conf.d/edge.conf": "+ /etc/nginx/conf.d/edge.conf (missing)",
    "chmod 644 /etc/redis/redis.conf": "~ /etc/redis/redis.conf (mode",
    "chown nobody /etc/pgbouncer/pgbouncer.ini": "~ /etc/pgbouncer/pgbouncer.ini (mode",
    "systemctl stop prometheus-node-exporter": "start prometheus-node-exporter",
    "systemctl disable --quiet prometheus-redis-exporter": "enable prometheus-redis-exporter",
    "systemctl mask --quiet --now prometheus-varnish-exporter": "enable, start prometheus-varnish-exporter",
    "touch /etc/nginx/sites-enabled/default": "- /etc/nginx/sites-enabled/default (unwanted)",
    "chmod 777 /etc/massive-deploy": "+ directory /etc/massive-deploy",
    "apt-get -qq -y purge postgresql-client-17 2>/dev/null; apt-get -qq -y purge logrotate >/dev/null": "+ packages: ",
    "ln -sf /dev/null /etc/varnish/default.vcl": "~ /etc/varnish/default.vcl",
    "ln -sfn /nonexistent /srv/app/current": "> release",
    f"{PSQL} \"alter role {DATABASE} password 'x'\"": "> SQL roles",
    f"{PSQL} 'grant connect on database {DATABASE} to public'": "> database",
    "echo X=1 >>/etc/massive-deploy/app.env": "~ /etc/massive-deploy/app.env (content, content not shown)",
    ": >/etc/massive-deploy/gunicorn.conf.py": "~ /etc/massive-deploy/gunicorn.conf.py (content)",
    "echo Nice=1 >>/etc/systemd/system/haproxy.service.d/massive-deploy.conf": "restart haproxy",
    "echo 192.0.2.1 elsewhere >>/etc/hosts": "~ /etc/hosts (content)",
    "sed -i s/15s/16s/ /etc/prometheus/prometheus.yml; echo >>/etc/prometheus/prometheus.yml": "reload prometheus",
    "systemctl stop app.socket app.service": "start app.socket",
    "rm /etc/systemd/journald.conf.d/massive-deploy.conf": "restart systemd-journald",
    "chmod -x /usr/local/bin/manage": "~ /usr/local/bin/manage (mode)",
    "rm /var/lib/massive-deploy/stamps/redis.redis-server": "restart redis-server",
    "rm -r /etc/prometheus/rules": "+ /etc/prometheus/rules/hosts.yml (missing)",
    "echo '# x' >>/etc/haproxy/haproxy.cfg": "~ /etc/haproxy/haproxy.cfg",
    "rm /etc/apt/apt.conf.d/90massive-deploy": "+ /etc/apt/apt.conf.d/90massive-deploy (missing)",
}


def test_every_drift_is_found_by_plan_and_healed_by_up(killed: Stack) -> None:
    for drift in DRIFTS:
        killed.on("all-1", drift, code=None)
    shown = killed.command("plan", str(killed.folder), code=2).stdout
    assert [needle for needle in DRIFTS.values() if needle not in shown] == []
    killed.up()
    killed.command("plan", str(killed.folder))
    killed.command("verify", str(killed.folder))
