"""What the edge is measured beside, set up by hand on the same hosts: nginx and Varnish as they come, plain Django."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from dataclasses import dataclass

from bench.load import LUA, WRK_LUA
from bench.process import Failed

PAGE = "/page/1k/"
STATIC, VARNISH, SYNC, PLAIN = 8091, 8092, 8111, 8112

# wrk looks for "http" in /etc/services, which is of netbase.
INSTALL = """
set -eu
export DEBIAN_FRONTEND=noninteractive
command -v wrk h2load >/dev/null || {
  apt-get -q update
  apt-get -q -y --no-install-recommends install netbase wrk nghttp2-client
} >/dev/null
mkdir -p /srv/bench/static
chmod 755 /srv/bench
cat >LUA
""".replace("LUA", LUA)
NGINX = """
daemon off;
user www-data;
worker_processes auto;
worker_rlimit_nofile 65536;
pid /run/bench-nginx.pid;
error_log /dev/null;
events { worker_connections 8192; }
http {
    access_log off;
    sendfile on;
    tcp_nopush on;
    keepalive_requests 100000;
%s
}
"""
# The same bytes as the page. Varnish keeps what says for how long.
STATIC_SITE = f"""
    types {{ }}
    default_type "text/html; charset=utf-8";
    server {{
        listen 127.0.0.1:{STATIC} backlog=4096;
        root /srv/bench/static;
        location / {{ try_files /page =404; expires 1h; }}
    }}
"""
# As gunicorn's documentation shows it.
PROXIED = """
    server {
        listen 127.0.0.1:%d backlog=4096;
        location / {
            proxy_set_header Host $http_host;
            proxy_set_header X-Forwarded-For $remote_addr;
            proxy_set_header X-Forwarded-Proto $scheme;
            proxy_set_header X-Real-IP $remote_addr;
            proxy_read_timeout 70s;
            proxy_pass http://127.0.0.1:%d;
        }
    }
"""
START = """
set -eu
systemctl stop bench-nginx bench-varnish bench-sync bench-plain 2>/dev/null || true
systemctl reset-failed bench-nginx bench-varnish bench-sync bench-plain 2>/dev/null || true
"""
EDGE = (
    START
    + f"""
cat >/srv/bench/nginx.conf
curl -fsS -o /srv/bench/static/page http://127.0.0.1{PAGE}
systemd-run -q --unit=bench-nginx -p LimitNOFILE=65536 nginx -c /srv/bench/nginx.conf
systemd-run -q --unit=bench-varnish -p LimitNOFILE=65536 -p LimitMEMLOCK=infinity \\
    varnishd -F -n /var/lib/varnish/bench -a 127.0.0.1:{VARNISH} -b 127.0.0.1:{STATIC} -s malloc,64m
for port in {STATIC} {VARNISH}; do
  curl -fsS --retry 20 --retry-connrefused --retry-delay 1 -o /dev/null http://127.0.0.1:$port{PAGE}
done
"""
)
SYNC_CONFIG = """
import multiprocessing
worker_class = "sync"
workers = 2 * multiprocessing.cpu_count() + 1
bind = "127.0.0.1:{port}"
timeout = 60
accesslog = None
errorlog = "-"
worker_tmp_dir = "/dev/shm"
control_socket_disable = True
"""
# The units differ from the stack's own in the configuration and, for `plain`, in the way to the database: pgbouncer and
# the pool in the process are left out. The password stays in a file that only root reads.
APP = (
    START
    + r"""
cat >/srv/bench/nginx.conf
for unit in sync plain; do
  systemctl cat app.service |
    sed -e "s#--config [^ ]*#--config /srv/bench/$unit.py#" -e 's/app\.socket//g' -e '/^\[Install\]/,$d' \
      >/etc/systemd/system/bench-$unit.service
done
mkdir -p /etc/systemd/system/bench-plain.service.d
printf '[Service]\nEnvironmentFile=/srv/bench/plain.env\n' >/etc/systemd/system/bench-plain.service.d/direct.conf
(
  umask 077
  sed -n 's#^\(DATABASE_[A-Z_]*URL="[^@]*@\).*"$#\1DIRECT"#p' /etc/massive-deploy/app.env >/srv/bench/plain.env
  echo DATABASE_POOL=0 >>/srv/bench/plain.env
)
systemctl daemon-reload
systemctl start bench-sync bench-plain
systemd-run -q --unit=bench-nginx -p LimitNOFILE=65536 nginx -c /srv/bench/nginx.conf
for port in SYNC PLAIN; do
  curl -fsS --retry 20 --retry-connrefused --retry-delay 1 -o /dev/null "http://127.0.0.1:$port/wait/?ms=1"
done
"""
)


@dataclass(frozen=True, slots=True)
class Machine:
    """One host of a stack of the Docker target."""

    inventory: str
    name: str
    address: str

    def run(self, script: str, stdin: str = "") -> str:
        """A shell script as root; what it printed.

        Raises:
            Failed: it ended with another code than 0.
        """
        line = ["docker", "exec", "-i", f"{self.inventory}-{self.name}", "sh", "-c", script]
        done = subprocess.run(line, input=stdin, capture_output=True, text=True, check=False, timeout=600)
        if done.returncode:
            said = f"{done.stdout[-1500:]}\n{done.stderr[-1500:]}"
            raise Failed(f"{self.name}: exit {done.returncode}: {script.strip()[:200]}\n{said}")
        return done.stdout


def install(machine: Machine) -> None:
    """The tools that make requests."""
    machine.run(INSTALL, WRK_LUA.read_text(encoding="utf-8"))


def beside_the_edge(edge: Machine) -> None:
    """Static nginx and bare Varnish on loopback of the edge host, both with the bytes of the page."""
    edge.run(EDGE, NGINX % STATIC_SITE)


def beside_the_app(app: Machine, database: str, name: str) -> None:
    """gunicorn's sync workers on the app host: with the stack's way to the database, and straight to it.

    `database` is the address of the leader, `name` the database's.
    """
    behind: Mapping[int, int] = {SYNC: 8101, PLAIN: 8102}
    for unit, port in (("sync", behind[SYNC]), ("plain", behind[PLAIN])):
        app.run(f"cat >/srv/bench/{unit}.py; chmod 644 /srv/bench/{unit}.py", SYNC_CONFIG.format(port=port))
    script = APP.replace("DIRECT", f"{database}:5432/{name}").replace("SYNC", str(SYNC)).replace("PLAIN", str(PLAIN))
    app.run(script, NGINX % "".join(PROXIED % ports for ports in behind.items()))
