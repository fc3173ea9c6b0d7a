"""nginx's second layer, with the configuration an edge gets and a stand-in for Varnish: never late, never gone."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from harness import ROOT
from warm import EVERYTHING, warm_image

pytestmark = pytest.mark.stack
NAME = f"md-second-layer-{os.getpid()}"
# In a process of its own: the roles of one project are loaded once.
RENDER = """
import sys
from pathlib import Path
from massive_deploy.inventory import open_inventory
from massive_deploy.operate.prepare import prepare

files = prepare(open_inventory(Path(sys.argv[1])), offline=True).rendered["edge-1"]["nginx"].files
for file in files:
    if file.path.startswith("/etc/nginx/"):
        target = Path(sys.argv[2]) / file.path.removeprefix("/etc/nginx/")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(file.content, encoding="utf-8")
"""
START = """
rm -f /etc/nginx/sites-enabled/default
# There is no systemd here to raise the limit.
sed -i /worker_rlimit_nofile/d /etc/nginx/nginx.conf
nginx
exec python3 /trial.py
"""


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    folder = tmp_path_factory.mktemp("second-layer")
    topology = EVERYTHING.format(pooler="pgbouncer", source=ROOT / "examples/shop")
    (folder / "topology.yaml").write_text(topology, encoding="utf-8")
    _run(sys.executable, "-c", RENDER, str(folder), str(folder / "nginx"))
    _run("docker", "run", "--detach", "--name", NAME, "--entrypoint", "sleep", warm_image(), "600")
    try:
        _run("docker", "cp", f"{folder / 'nginx'}/.", f"{NAME}:/etc/nginx/")
        _run("docker", "cp", str(Path(__file__).with_name("second_layer_trial.py")), f"{NAME}:/trial.py")
        said = _run("docker", "exec", NAME, "sh", "-euc", START)
        yield json.loads(said.splitlines()[-1])
    finally:
        subprocess.run(["docker", "rm", "--force", NAME], capture_output=True, check=False)


def test_most_visitors_are_answered_by_nginx_and_none_later_than_the_second_the_page_was_made_in(
    seen: dict[str, Any],
) -> None:
    assert seen["answers"] > 100
    assert seen["from the edge"] > seen["answers"] / 2
    assert seen["late"] == 0


def test_nobody_is_shown_the_old_page_while_the_new_one_is_made(seen: dict[str, Any]) -> None:
    assert seen["late while a new one is made"] == 0


def test_a_page_that_is_kept_no_longer_is_not_shown_from_before(seen: dict[str, Any]) -> None:
    assert seen["late when it is kept no longer"] == 0


def test_pages_that_are_not_kept_do_not_wait_for_each_other(seen: dict[str, Any]) -> None:
    """20 of half a second each."""
    assert seen["seconds for pages not kept"] < 5


@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_a_failure_does_not_reach_who_asks_for_a_known_page(seen: dict[str, Any], status: int) -> None:
    assert seen[f"upstream says {status}"] == [200, "STALE edge", True]


def test_a_page_that_is_gone_is_gone(seen: dict[str, Any]) -> None:
    assert seen["upstream says 404"][0] == 404


@pytest.mark.parametrize("when", ["upstream is gone", "upstream is gone, nginx restarted"])
def test_pages_outlive_varnish_and_a_restart_of_nginx(seen: dict[str, Any], when: str) -> None:
    assert seen[when] == [200, "STALE edge", True]


def test_a_page_never_seen_is_the_branded_one(seen: dict[str, Any]) -> None:
    assert seen["a page never seen"] == [503, "", True]


def test_varnish_is_believed_again_at_once(seen: dict[str, Any]) -> None:
    assert seen["upstream is back"] == [200, True]


def _run(*words: str) -> str:
    done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, f"{words[:3]}: {done.stdout[-2000:]} {done.stderr[-2000:]}"
    return done.stdout
