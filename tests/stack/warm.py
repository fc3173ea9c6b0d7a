"""An image with every role's packages installed and nothing of it enabled: for stacks whose first run is not the point.

Installing packages is nine tenths of a first run. The suites that test first runs make their hosts from plain Debian.
"""

from __future__ import annotations

import fcntl
import hashlib
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory, gettempdir

from harness import ROOT, Stack, stack

REPOSITORY = "massive-deploy/warm"
EVERYTHING = """
name: warm
stack: massive
target: docker
replicas: 2
pooler: {pooler}
failover: {{early: true}}
app: {{source: {source}, settings: shop.settings, worker: shop}}
"""
ONE_CLUSTER = """
summary: Everything on one host, the database cluster on hosts of its own.
hosts:
  rest: {parts: [edge, app, memcached, redis, monitor], count: 1}
  db: {parts: [database], count: databases}
quorum: [db]
"""
SHOP = """
name: {name}
stack: one-cluster
target: docker
app_servers: 1
replicas: 2
{more}
app:
  source: {source}
  settings: shop.settings
  health: /-/health
"""
INSTALL = """
set -eu
export DEBIAN_FRONTEND=noninteractive LC_ALL=C
printf '#!/bin/sh\\nexit 101\\n' >/usr/sbin/policy-rc.d
chmod 755 /usr/sbin/policy-rc.d
mkdir -p /etc/postgresql-common/createcluster.d
echo 'create_main_cluster = false' >/etc/postgresql-common/createcluster.d/warm.conf
enabled() { systemctl --root=/ list-unit-files --no-legend --state=enabled | awk '{print $1}' | sort; }
enabled >/tmp/before
apt-get -q update
apt-get -q -y --no-install-recommends -o Dpkg::Options::=--force-confold install "$@"
enabled >/tmp/after
comm -13 /tmp/before /tmp/after | xargs -r systemctl --root=/ --quiet disable
rm -rf /usr/sbin/policy-rc.d /tmp/before /tmp/after /var/lib/etcd/default
rm /etc/postgresql-common/createcluster.d/warm.conf
apt-get clean
"""


def packages() -> list[str]:
    """Of all roles, sorted."""
    # In a process of its own: the roles of one project are loaded once.
    script = (
        "import sys; from pathlib import Path; from massive_deploy.inventory import open_inventory; "
        "from massive_deploy.operate.prepare import prepare; "
        "found = prepare(open_inventory(Path(sys.argv[1])), offline=True).rendered; "
        "print(*sorted({p for roles in found.values() for d in roles.values() for p in d.packages}))"
    )
    found: set[str] = set()
    for pooler in ("pgbouncer", "pgpool"):
        with TemporaryDirectory() as folder:
            (Path(folder) / "topology.yaml").write_text(
                EVERYTHING.format(pooler=pooler, source=ROOT / "examples/shop"), encoding="utf-8"
            )
            found |= set(_output(sys.executable, "-c", script, folder).split())
    return sorted(found)


@cache
def warm_image() -> str:
    """Its name; it is made when packages or the host image have changed since it was made last."""
    with (Path(gettempdir()) / "massive-deploy-warm.lock").open("w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # tests of several stacks run at a time
        return _made()


def _made() -> str:
    base, wanted = _host_image(), packages()
    tag = f"{REPOSITORY}:{hashlib.sha256(repr((base, wanted, INSTALL)).encode()).hexdigest()[:12]}"
    if subprocess.run(["docker", "image", "inspect", tag], capture_output=True, check=False).returncode == 0:
        return tag
    name = tag.replace("/", "-").replace(":", "-")
    try:
        _output("docker", "run", "--name", name, base, "sh", "-c", INSTALL, "sh", *wanted)
        _output("docker", "commit", "--change", 'CMD ["/sbin/init"]', name, tag)
    finally:
        subprocess.run(["docker", "rm", "--force", name], capture_output=True, check=False)
    return tag


def warm(topology: str) -> str:
    """A topology of the docker target whose hosts have their packages already."""
    image = f'image: "{warm_image()}"'
    if "\ndocker: {" in topology:
        return topology.replace("\ndocker: {", f"\ndocker: {{{image}, ")
    return topology.replace("\ntarget: docker\n", f"\ntarget: docker\ndocker: {{{image}}}\n")


@contextmanager
def one_cluster(folder: Path, name: str, more: str) -> Iterator[Stack]:
    """The shop on one host and its database on three, db-1 to db-3, up; `more` are further lines of its topology."""
    (folder / "stacks").mkdir()
    (folder / "stacks/one-cluster.yaml").write_text(ONE_CLUSTER, encoding="utf-8")
    with stack(folder, name) as made:
        made.write(warm(SHOP.format(name=name, more=more.strip(), source=ROOT / "examples/shop")))
        made.up()
        yield made


def _host_image() -> str:
    from massive_deploy.targets.docker_engine import connect
    from massive_deploy.targets.image import host_image

    with connect() as client:
        return host_image(client, None, lambda _: None)


def _output(*words: str) -> str:
    done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=1200)
    if done.returncode != 0:
        said = f"{done.stdout[-2000:]}\n{done.stderr[-2000:]}"
        raise RuntimeError(f"{words[0]} {words[1]}: exit {done.returncode}\n{said}")
    return done.stdout


if __name__ == "__main__":
    sys.stdout.write(f"{warm_image()}\n")
