"""Releases on a real stack: good ones nobody notices, bad ones that go back by themselves, and what lies around them.

The tests share one stack of two app hosts behind one edge and run in order.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from harness import ROOT, Stack, http, stack, visitors, within
from warm import warm

pytestmark = pytest.mark.stack
NAME = "md-releases"
SHAPE = """
summary: An edge, app hosts, and all the rest on one host.
hosts:
  edge: {parts: [edge], count: 1}
  app: {parts: [app], count: app_servers}
  rest: {parts: [database, memcached, redis, monitor], count: databases}
quorum: [rest]
"""
TOPOLOGY = """
name: {name}
stack: trial
target: docker
app_servers: 2
replicas: 0
app:
  source: {source}
  ref: main
  settings: shop.settings
  worker: shop
  health: /trial/health
"""
TRIAL = """
import socket
import time

from django.http import HttpResponse, JsonResponse
from django.urls import path

from shop.celery import app
from shop.trial_version import MODE, VERSION


def version(request):
    return JsonResponse({"version": VERSION, "host": socket.gethostname()}, headers={"Cache-Control": "no-store"})


def cached(request):
    return HttpResponse(f"cached {VERSION}", headers={"Cache-Control": "s-maxage=1"})


def health(request):
    return HttpResponse(status=500 if MODE == "500" else 200)


def file(request):
    headers = {"X-Accel-Redirect": "/_protected/big", "Cache-Control": "private"}
    return HttpResponse(content_type="application/octet-stream", headers=headers)


def slow(request):
    time.sleep(6)
    return HttpResponse("slow", headers={"Cache-Control": "no-store"})


@app.task(name="trial.mark")
def mark(name):
    time.sleep(8)
    open(f"/srv/app/media/{name}", "w").close()


def task(request, name):
    mark.delay(name)
    return HttpResponse("queued", headers={"Cache-Control": "no-store"})


urls = [
    path("trial/version", version), path("trial/cached", cached), path("trial/health", health),
    path("trial/file", file), path("trial/slow", slow), path("trial/task/<slug:name>", task),
]
"""
CRASH = """
import sys
from shop.trial_version import MODE
if MODE == "crash" and "gunicorn.arbiter" in sys.modules:
    raise RuntimeError("this release cannot start")
"""
APPS = ("app-1", "app-2")


@dataclass
class Site:
    """The stack, and the repository its project comes from."""

    made: Stack
    repository: Path

    def git(self, *words: str) -> str:
        who = ["-c", "user.name=trial", "-c", "user.email=trial@example.com"]
        line = ["git", "-C", str(self.repository), *who, *words]
        return subprocess.run(line, capture_output=True, text=True, check=True).stdout.strip()

    def commit(self, version: str, mode: str = "good") -> str:
        folder = self.repository / "shop"
        (folder / "trial_version.py").write_text(f"VERSION = {version!r}\nMODE = {mode!r}\n", encoding="utf-8")
        (folder / "static/trial.css").write_text(f"/* {version} */\n" * 100, encoding="utf-8")
        self.git("add", "--all")
        self.git("commit", "--quiet", f"--message={version}")
        return self.git("rev-parse", "HEAD")

    @property
    def folder(self) -> str:
        return str(self.made.folder)

    def deploy(self, *words: str, code: int = 0) -> str:
        done = self.made.command("deploy", self.folder, *words, code=code)
        return done.stdout + done.stderr

    def url(self, path: str) -> str:
        return f"http://{self.made.hosts()['edge-1']['address']}{path}"

    def version(self) -> str:
        answer = http(self.url("/trial/version"))
        return str(answer.json["version"]) if answer.status == 200 else f"status {answer.status}"

    def releases(self) -> list[dict[str, object]]:
        listed: list[dict[str, object]] = json.loads(self.made.command("releases", self.folder, "--json").stdout)
        return listed

    def running(self) -> dict[str, str]:
        """Release by app host, as the hosts' processes say."""
        ask = "curl -fsS http://$(hostname -i | cut -d' ' -f1):8000/.massive-deploy/release"
        return {host: self.made.on(host, ask).strip() for host in APPS}

    def started(self) -> dict[str, str]:
        """When gunicorn of each host was started."""
        return {host: self.made.on(host, "systemctl show -p ExecMainStartTimestamp app.service") for host in APPS}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("releases")
    (folder / "stacks").mkdir()
    (folder / "stacks/trial.yaml").write_text(SHAPE, encoding="utf-8")
    repository = folder / "site"
    shutil.copytree(ROOT / "examples/shop", repository, ignore=shutil.ignore_patterns(".*", "__pycache__"))
    (repository / "shop/trial.py").write_text(TRIAL, encoding="utf-8")
    with (repository / "shop/urls.py").open("a", encoding="utf-8") as urls:
        urls.write("\nfrom shop import trial\nurlpatterns += trial.urls\n")
    with (repository / "shop/celery.py").open("a", encoding="utf-8") as celery:
        celery.write('\napp.autodiscover_tasks(["shop"], related_name="trial")\n')
    with (repository / "shop/wsgi.py").open("a", encoding="utf-8") as wsgi:
        wsgi.write(CRASH)
    subprocess.run(["git", "init", "--quiet", "--initial-branch=main", str(repository)], check=True)
    with stack(folder, NAME) as made:
        found = Site(made, repository)
        found.commit("1")
        made.write(warm(TOPOLOGY.format(name=NAME, source=repository.as_uri())))
        made.up()
        yield found


@dataclass
class Seen:
    """What uncached requests were answered, in order: (host, version)."""

    answers: list[tuple[str, str]] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)

    def gone_back(self) -> list[tuple[str, str, str]]:
        """(host, newer, older): a host answered with a version it had left."""
        left: dict[str, list[str]] = {}
        wrong = []
        for host, version in self.answers:
            before = left.setdefault(host, [version])
            if version in before[:-1]:
                wrong.append((host, before[-1], version))
            elif version != before[-1]:
                before.append(version)
        return wrong


@contextmanager
def watched(site: Site) -> Iterator[Seen]:
    """One visitor after the other on an uncached page, each answer kept."""
    seen, done = Seen(), threading.Event()

    def watch() -> None:
        while not done.is_set():
            answer = http(site.url("/trial/version"), timeout=30)
            if answer.status == 200:
                seen.answers.append((answer.json["host"], answer.json["version"]))
            else:
                seen.failures.append(f"{answer.status} {answer.body[:80]}")
            time.sleep(0.02)

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield seen
    finally:
        done.set()
        thread.join(40)


def unnoticed(site: Site, versions: Sequence[str]) -> None:
    """Deploy these, one after the other, under constant load."""
    first = site.version()
    requests = [(site.url(path), None) for path in ("/", "/trial/cached", "/trial/version")]
    with visitors(requests, at_once=4) as failures, watched(site) as seen:
        for version in versions:
            site.commit(version)
            said = site.deploy()
            assert f"release {site.running()['app-1']}" in said
            assert len(set(site.running().values())) == 1
            assert site.version() == version
    assert failures == []
    assert seen.failures == []
    assert {version for _, version in seen.answers} >= {first, *versions}
    assert seen.gone_back() == []
    assert site.made.command("plan", site.folder).returncode == 0


def test_releases_that_nobody_notices(site: Site) -> None:
    assert site.version() == "1"
    unnoticed(site, ["2", "3", "4"])


def test_static_files_of_releases_before_are_served(site: Site) -> None:
    find = "cd /srv/app/releases && for r in *; do ls $r/static/trial.*.css; done | sed 's|.*/||'"
    for host in APPS:
        names = site.made.on(host, find).split()
        assert len(set(names)) == 3
        for name in names:
            assert http(site.url(f"/static/{name}")).status == 200, name
        assert site.made.on(host, "ls /srv/app/current/static/*.css.br /srv/app/current/static/*.css.gz")


@pytest.mark.parametrize(
    ("mode", "said"),
    [
        ("crash", "this release cannot start"),
        pytest.param("500", "/trial/health answers 500", marks=pytest.mark.proof),
    ],
)
def test_a_bad_release_goes_back_by_itself(site: Site, mode: str, said: str) -> None:
    before, started, version = site.running(), site.started(), site.version()
    site.commit(f"bad {mode}", mode)
    requests = [(site.url(path), None) for path in ("/trial/cached", "/trial/version")]
    with visitors(requests, at_once=4) as failures, watched(site) as seen:
        told = site.deploy(code=5)
    assert failures == []
    assert seen.failures == []
    assert said in told
    assert "app-1 went back by itself" in told
    assert site.running() == before
    assert site.version() == version
    assert site.started()["app-2"] == started["app-2"]
    assert {answered for _, answered in seen.answers} == {version}
    bad = next(one for one in site.releases() if one["went_back"] == ["app-1"])
    assert bad["current"] == []


def test_a_bad_release_that_up_brings_goes_back_as_well(site: Site) -> None:
    before = site.running()
    site.commit("bad again", "500")
    done = site.made.command("up", site.folder, code=5)
    assert "app-1 went back by itself" in done.stdout + done.stderr
    assert site.running() == before
    while "bad" in site.git("log", "-1", "--format=%s"):
        site.git("reset", "--quiet", "--hard", "HEAD~1")
    assert site.made.command("plan", site.folder).returncode == 0


def test_rollback_and_what_up_makes_of_it(site: Site) -> None:
    assert site.version() == "4"
    with visitors([(site.url("/trial/cached"), None), (site.url("/trial/version"), None)]) as failures:
        site.made.command("rollback", site.folder)
    assert failures == []
    assert site.version() == "3"
    assert "as `rollback` chose" in site.made.up()
    assert site.version() == "3"
    assert "runs on app-1, app-2 already" not in site.deploy()
    assert site.version() == "4"
    assert "already" in site.deploy()


@pytest.mark.proof
def test_a_chosen_ref_stays_until_the_next_deploy(site: Site) -> None:
    site.git("tag", "v2", "HEAD~2")
    site.deploy("--ref", "v2")
    assert site.version() == "2"
    site.made.up()
    assert site.version() == "2"
    (current,) = (one for one in site.releases() if one["current"])
    assert (current["ref"], current["commit"]) == ("v2", site.git("rev-parse", "v2"))
    site.deploy("--ref", "no-such-ref", code=1)
    site.deploy()
    assert site.version() == "4"


def test_a_drained_host_gets_nothing_until_it_is_put_back(site: Site) -> None:
    site.made.command("drain", site.folder, "app-1")
    assert {http(site.url("/trial/version")).json["host"] for _ in range(12)} == {"app-2"}
    assert "no app host would be left" in site.made.command("drain", site.folder, "app-2", code=3).stderr
    site.commit("7")
    with watched(site) as seen:
        site.deploy()
    assert seen.failures == []
    assert {host for host, _ in seen.answers} == {"app-2"}
    site.made.command("undrain", site.folder, "app-1")
    within(20, lambda: http(site.url("/trial/version")).json["host"] == "app-1", "app-1 gets requests again")
    assert len(set(site.running().values())) == 1


def test_requests_and_tasks_that_run_are_finished(site: Site) -> None:
    for number in range(4):
        assert http(site.url(f"/trial/task/warm-{number}")).status == 200
    slow: list[int] = []
    asking = threading.Thread(target=lambda: slow.append(http(site.url("/trial/slow"), timeout=60).status))
    asking.start()
    time.sleep(0.5)
    site.commit("8")
    site.deploy()
    asking.join(60)
    assert slow == [200]
    look = "ls /srv/app/media/ | grep -c warm- || true"
    within(90, lambda: sum(int(site.made.on(host, look)) for host in APPS) == 4, "all tasks are done, each once")
    for host in APPS:
        said = site.made.on(host, "journalctl -u app-worker.service --no-pager | grep -c 'SIGKILL' || true")
        assert int(said) == 0


def test_a_large_private_file_keeps_nothing_of_django_busy(site: Site) -> None:
    # In microseconds, of ticks of ten milliseconds; a process's name may have blanks.
    ticks = "awk '{sum += $12 + $13} END {print sum * 10000}'"
    cpu = f"for id in $(pgrep -u app -f gunicorn); do sed 's/.*) //' /proc/$id/stat; done | {ticks}"
    memory = "systemctl show -p MemoryCurrent --value app.service"
    nginx = "ps -o rss= -C nginx | awk '{sum += $1} END {print sum}'"
    for host in APPS:
        make = "truncate -s 1G /srv/app/private/big && chown app:www-data /srv/app/private/big"
        site.made.on(host, f"{make} && chmod 640 /srv/app/private/big")
        assert http(f"{site.url('/_protected/big')}").status == 404
    before = {host: (int(site.made.on(host, cpu)), int(site.made.on(host, nginx))) for host in APPS}
    fetch = ["curl", "-sS", "-o", "/dev/null", "-w", "%{size_download}", "--limit-rate", "50M", site.url("/trial/file")]
    with subprocess.Popen(fetch, stdout=subprocess.PIPE, text=True) as download:
        time.sleep(5)
        assert download.poll() is None, "the download was over too soon to look at it"
        grown = {host: int(site.made.on(host, nginx)) - before[host][1] for host in APPS}
        assert download.stdout is not None
        assert int(download.stdout.read()) == 2**30
    assert max(grown.values()) < 30_000, grown  # KiB
    spent = {host: int(site.made.on(host, cpu)) - before[host][0] for host in APPS}
    assert max(spent.values()) < 500_000, spent  # microseconds
    find = "grep -h trial/file /var/log/nginx/access.log | tail -n 1"
    line = within(10, lambda: "".join(site.made.on(host, find) for host in APPS), "an app server's log tells of it")
    logged = json.loads(line)
    assert (logged["status"], logged["bytes"]) == (200, 2**30)
    # Django answered and was free: the first of the times, before nginx went on by itself.
    assert float(logged["upstream_seconds"].split()[0]) < logged["seconds"] / 10, line
    assert all(site.made.on(host, memory).strip() for host in APPS)


def test_logs_tell_of_all_hosts(site: Site) -> None:
    def told(host: str) -> bool:
        line = ["logs", site.folder, "--roles", "app,nginx", "--since", "10m", "--grep", "trial/file"]
        return bool(re.search(rf"^{host} +\| \{{", site.made.command(*line).stdout, re.MULTILINE))

    within(10, lambda: told("edge-1") and told("app-[12]"), "the edge and an app server tell of the file")
    lines = site.made.command("logs", site.folder, "--hosts", "app-1", "--unit", "app.service", "--json").stdout
    assert all(json.loads(line)["host"] == "app-1" for line in lines.splitlines())
    assert "Booting worker" in lines


def test_pages_as_files_outlast_everything_behind_nginx(site: Site) -> None:
    assert http(site.url("/about/")).headers.get("X-Cache-Layer") != "disk"
    page = http(site.url("/about/")).body
    site.made.command("prerender", site.folder)
    site.made.on("edge-1", "systemctl stop varnish")
    try:
        answer = http(site.url("/about/"))
        assert (answer.status, answer.headers["X-Cache-Layer"], answer.body) == (200, "disk", page)
    finally:
        site.made.on("edge-1", "systemctl start varnish")
    refused = site.made.command("prerender", site.folder, "/trial/version", code=5)
    assert "/trial/version: it is application/json" in refused.stdout + refused.stderr


def test_the_maintenance_flag_is_on_every_edge(site: Site) -> None:
    site.made.command("maintenance", "on", site.folder)
    assert "since" in site.made.command("maintenance", "status", site.folder).stdout
    assert site.made.on("edge-1", "runuser -u www-data -- test -e /var/lib/massive-deploy/maintenance/on") == ""
    site.made.command("maintenance", "off", site.folder)
    assert "serves the site" in site.made.command("maintenance", "status", site.folder).stdout


def test_everything_is_as_the_topology_says(site: Site) -> None:
    site.made.command("verify", site.folder)


@pytest.mark.proof
def test_five_more_releases(site: Site) -> None:
    unnoticed(site, [str(number) for number in range(101, 106)])
