"""A live stack and two light hosts beside it, reached as given machines, to break and to heal."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import docker
from docker.models.containers import Container
from harness import ROOT, Stack, stack, within

from massive_deploy.targets import Machine
from massive_deploy.targets.docker import DockerTarget

NAME = "md-faults"
NETWORK = "10.203.250"
CONTROLLER = f"{NETWORK}.1"
HOSTS = {"all-1": 11, "lamp-1": 12, "lamp-2": 13}
TOPOLOGY = """
name: {name}
stack: lamps
target: ssh
hosts:
  all-1: {{address: {network}.11, group: all, key: {keys}/id_ed25519, known_hosts: {keys}/known_hosts}}
  lamp-1: {{address: {network}.12, group: lamp, key: {keys}/id_ed25519, known_hosts: {keys}/known_hosts}}
  lamp-2: {{address: {network}.13, group: lamp, user: deploy, key: {keys}/id_ed25519, known_hosts: {keys}/known_hosts}}
app:
  source: {source}
  settings: shop.settings
  health: /-/health
roles:
  base: {{apt_lock_timeout: 90}}
  lamp: {{brightness: 1, warm_up: 0}}
"""
DEPLOY = """
useradd --create-home --shell /bin/bash deploy
echo 'deploy ALL=(ALL) NOPASSWD: ALL' >/etc/sudoers.d/deploy
cp -r /root/.ssh /home/deploy/
chown -R deploy: /home/deploy/.ssh
"""
LEFTOVERS = """
for path in /var/tmp/massive-deploy-* /var/lib/massive-deploy/stage.* \\
  /usr/sbin/policy-rc.d /usr/sbin/policy-rc.d.massive-deploy /run/massive-deploy/drain; do
  [ ! -e "$path" ] || echo "$path"
done
find /etc /usr/local /var/lib/massive-deploy -name '*.massive-deploy-new' -o -name '*.new'
dpkg --audit
"""


@dataclass
class Lamps:
    """The stack, its containers, and how a run of it that meets a fault is judged."""

    stack: Stack
    keys: Path
    containers: dict[str, Container]
    secrets: Sequence[str] = field(default=(), repr=False)
    brightness: int = 1

    def sh(self, host: str, script: str, code: int | None = 0) -> str:
        """Run a script as root past the network: it works on a host that is cut off."""
        found, output = self.containers[host].exec_run(["sh", "-c", script])
        text = str(output.decode(errors="replace"))
        assert code is None or found == code, f"{host}: {script}: exit {found}: {text}"
        return text

    def digest(self) -> dict[str, str]:
        """Of every host: what a run could change."""
        script = (
            "find /etc /usr/local /var/lib/massive-deploy /var/lib/lamp-warm -type f -printf '%p %T@ %m %s\\n'"
            " 2>/dev/null | sort | grep -v -e ^/usr/local/bin/ -e journal.jsonl; dpkg-query -W | sha256sum;"
            " sed -n 's/^unit //p' /var/lib/massive-deploy/managed/* | sort -u | xargs -r systemctl show -p Id,MainPID"
        )
        return {host: self.sh(host, script, code=None) for host in self.containers}

    def change(self, warm_up: int = 0) -> int:
        """Ask for another brightness, reached after some seconds; returns it."""
        path = self.stack.folder / "topology.yaml"
        self.brightness += 1
        wish = f"lamp: {{brightness: {self.brightness}, warm_up: {warm_up}}}"
        path.write_text(re.sub(r"lamp: \{bright.*\}", wish, path.read_text(encoding="utf-8")), encoding="utf-8")
        return self.brightness

    def start(self, *more: str) -> subprocess.Popen[str]:
        """`up` in the background."""
        line = [sys.executable, "-m", "massive_deploy", "up", str(self.stack.folder), *more]
        return subprocess.Popen(
            line, env=dict(self.stack.environment), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )

    def log(self) -> str:
        """The log of the latest run."""
        runs = Path(self.stack.environment["XDG_STATE_HOME"]) / "massive-deploy" / NAME / "runs"
        return max(runs.iterdir(), key=lambda path: path.stat().st_mtime_ns).read_text(encoding="utf-8")

    def warming(self) -> None:
        """Wait until the latest run is in the middle of changing the lamps."""
        seen = self.log()
        within(40, lambda: (new := self.log()) != seen and "start lamp-1 lamp: warm up" in new, "the lamps warm up")
        time.sleep(1.5)

    def fails(self, *rows: str, run: subprocess.Popen[str] | None = None, code: int = 5) -> str:
        """`up` (or the given run) ends with this code and a table of exactly these `host | step` rows; returns it."""
        if run is None:
            done = self.stack.command("up", str(self.stack.folder), code=code)
            out, err = done.stdout, done.stderr
        else:
            out, err = run.communicate(timeout=200)
            assert run.returncode == code, f"{out}\n{err}"
        found = re.findall(r"^(\S+) \| .+ \| (.+)$", err, re.MULTILINE)
        assert [" | ".join(row) for row in found] == list(rows), err
        assert err.count("\n    next: ") == len(rows), err
        self.clean_words(out, err, self.log())
        return err

    def clean_words(self, *texts: str) -> None:
        """No traceback, no secret."""
        for text in texts:
            assert "Traceback" not in text
            assert "unexpected" not in text
            assert [secret for secret in self.secrets if secret in text] == []

    def healed(self, *more: str) -> str:
        """`up` does what is left, `plan` then finds nothing, and nothing lies about; returns what `up` printed."""
        done = self.stack.command("up", str(self.stack.folder), *more)
        self.clean_words(done.stdout, done.stderr, self.log())
        self.stack.command("plan", str(self.stack.folder))
        for host in self.containers:
            assert self.sh(host, LEFTOVERS, code=None) == ""
        for host in ("lamp-1", "lamp-2"):
            assert self.sh(host, "cat /etc/beacon.conf /var/lib/lamp-warm").split() == [str(self.brightness)] * 2
            assert self.sh(host, "systemctl is-active lamp; dpkg-query -W -f '${Status}' sl").split()[:2] == [
                "active",
                "install",
            ]
        return done.stdout

    @contextmanager
    def with_(self, host: str, wound: str, cure: str) -> Iterator[None]:
        """A host with a fault, cured at the end of the block whatever happens."""
        self.sh(host, wound)
        try:
            yield
        finally:
            self.sh(host, cure)


@contextmanager
def live_lamps(folder: Path) -> Iterator[Lamps]:
    """The containers and the running stack; removed at the end."""
    keys = folder / "keys"
    target = DockerTarget(NAME, f"{NETWORK}.0/24", None, keys)
    sizes = {name: 3072 if name == "all-1" else 512 for name in HOSTS}
    client = docker.from_env()
    try:
        target.ensure([Machine(name, f"{NETWORK}.{last}", sizes[name], 2) for name, last in HOSTS.items()], print)
        containers = {name: client.containers.get(f"{NAME}-{name}") for name in HOSTS}
        project = folder / "project"
        shutil.copytree(Path(__file__).parent / "lamps_project", project, ignore=shutil.ignore_patterns("__pycache__"))
        with stack(project, NAME, destroy=False) as made:
            made.write(TOPOLOGY.format(name=NAME, network=NETWORK, keys=keys, source=ROOT / "examples/shop"))
            lamps = Lamps(made, keys, containers)
            lamps.sh("lamp-2", DEPLOY)
            made.up()
            shown = made.command("secrets", "show", str(made.folder), "--reveal", "--yes").stdout
            lamps.secrets = tuple(re.findall(r"\b[A-Za-z0-9]{32}\b", shown))
            assert len(lamps.secrets) > 3
            yield lamps
    finally:
        target.destroy(print)
        client.close()
