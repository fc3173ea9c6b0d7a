"""A Prometheus of Debian 13 in a container, with series of a stack that is not there, and that stack's pages."""

from __future__ import annotations

import subprocess
import sys
import tarfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path

from harness import http, within
from synthetic import QUIET, Story, openmetrics
from warm import warm_image

from massive_deploy.inventory import open_inventory
from massive_deploy.render import Renderer
from massive_deploy.topology.layout import Layout
from massive_deploy.view import Release

STEP, BEFORE, AFTER = 30, 4 * 3600, 1800
ETC = "etc/prometheus"
MADE = "promtool tsdb create-blocks-from openmetrics --quiet /series.om /tsdb"
RUN = (
    "exec prometheus --config.file=/etc/prometheus/prometheus.yml --storage.tsdb.path=/tsdb --web.listen-address=:9090 "
    "--web.user-assets=/etc/prometheus/pages --storage.tsdb.retention.time=30d --log.level=warn"
)


def layout_of(folder: Path, text: str) -> Layout:
    """The layout of a topology, as `massive-deploy` reads it."""
    (folder / "topology.yaml").write_text(text, encoding="utf-8")
    return open_inventory(folder).layout


def monitor_files(folder: Path) -> dict[str, str]:
    """What the monitoring role wants in /etc/prometheus, but nothing to scrape: the series are there already."""
    opened = open_inventory(folder)
    renderer = Renderer(opened.layout, opened.roles, lambda name: name, release=Release("0f1e2d3c4b5a", "/nowhere"))
    (host,) = opened.layout.running("monitoring")
    wanted = {f.path.lstrip("/"): f.content for f in renderer.desired("monitoring", host.name).files}
    kept = {path: text for path, text in wanted.items() if path.startswith(f"{ETC}/")}
    kept[f"{ETC}/prometheus.yml"] = kept[f"{ETC}/prometheus.yml"].partition("scrape_configs:")[0]
    return kept


@contextmanager
def prometheus(folder: Path, layout: Layout, name: str, story: Story = QUIET, *words: str) -> Iterator[str]:
    """Its address. `words` are more arguments of `docker run`."""
    subprocess.run(["docker", "rm", "--force", name], capture_output=True, check=False)
    _docker("run", "--detach", "--name", name, *words, warm_image(), "sleep", "infinity")
    try:
        now = int(time.time()) // STEP * STEP
        series = "\n".join(openmetrics(layout, now - BEFORE, now, STEP, story, AFTER)) + "\n"
        _copy(name, {"series.om": series, **monitor_files(folder)})
        _docker("exec", name, "sh", "-c", MADE)
        _docker("exec", "--detach", name, "sh", "-c", RUN)
        address = _docker("inspect", "--format", "{{.NetworkSettings.Networks.bridge.IPAddress}}", name).strip()
        url = f"http://{address}:9090"
        within(60, lambda: http(f"{url}/-/ready").status == 200, "Prometheus")
        yield url
    finally:
        subprocess.run(["docker", "rm", "--force", name], capture_output=True, check=False)


def _copy(container: str, files: dict[str, str]) -> None:
    packed = BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        for path, text in files.items():
            info = tarfile.TarInfo(path)
            info.size, info.mode = len(text.encode()), 0o644
            archive.addfile(info, BytesIO(text.encode()))
    subprocess.run(["docker", "cp", "--quiet", "-", f"{container}:/"], input=packed.getvalue(), check=True)


def _docker(*words: str) -> str:
    done = subprocess.run(["docker", *words], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"docker {words[0]}: {done.stderr}")
    return done.stdout


TRIAL = """
name: shop
stack: massive
target: docker
docker: {subnet: 10.203.99.0/24}
app_servers: 2
replicas: 1
app: {source: ., settings: shop.settings, worker: shop}
"""

if __name__ == "__main__":
    # For a look at pages while they are made: python tests/stack/pages_rig.py FOLDER [TOPOLOGY]
    place = Path(sys.argv[1])
    place.mkdir(exist_ok=True)
    given = Path(sys.argv[2]).read_text(encoding="utf-8") if len(sys.argv) > 2 else TRIAL
    shown = layout_of(place, given)
    told = Story(stopped=frozenset({("app-2", "app.service")}), cut=frozenset({"db-2"}))
    with prometheus(place, shown, "md-try-pages", told, "--cpus", "0.5") as at:
        sys.stdout.write(f"{at}/user/\n")
        sys.stdout.flush()
        sys.stdin.read()
