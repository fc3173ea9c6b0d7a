"""The edge's benchmark understands its load generators, makes ratios of pairs, and has the goals that were promised."""

from __future__ import annotations

import io
import subprocess
from pathlib import Path

import pytest
from rich.console import Console

from bench import figures, rigs, usage
from bench.edge import describe, targets
from bench.figures import BARE, CACHED, GEVENT, PLAIN, SYNC, Measured
from bench.load import WRK_LUA, Load, from_h2load, from_wrk, paced, percentile, ratio, wrk
from bench.process import Failed
from bench.stack import Stack
from massive_deploy import roles
from massive_deploy.inventory import open_inventory

SAID = """\
Running 2s test @ http://127.0.0.1/
  2 threads and 64 connections
Requests/sec:  29100.31
{"requests": 60000, "time": 2000000, "p50": 1200, "p99": 8400, "status": 3, "socket": 2, "timeout": 1}
"""


def load(rate: float, p99: float = 1.0, failed: int = 0) -> Load:
    return Load(requests=int(rate * 10) + failed, seconds=10, p50=0.5, p99=p99, failed=failed)


def measured(*loads: Load, others: float = 0.0, **units: float) -> Measured:
    return Measured(list(loads), [usage.Usage(units, others) for _ in loads])


def test_wrk_tells_its_run_in_one_line_of_json() -> None:
    found = from_wrk(SAID)
    assert (found.requests, found.seconds, found.p50, found.p99, found.failed) == (60000, 2.0, 1.2, 8.4, 6)
    assert found.rate == (60000 - 6) / 2


@pytest.mark.parametrize("said", ["", "unable to connect to 127.0.0.1\n", SAID.replace("60000", "0")])
def test_a_run_without_answers_is_no_figure(said: str) -> None:
    with pytest.raises(Failed):
        from_wrk(said)


def test_wrk_lua_counts_every_kind_of_failure_and_hooks_into_no_request() -> None:
    script = WRK_LUA.read_text(encoding="utf-8")
    for kind in ("connect", "read", "write", "status", "timeout"):
        assert f"errors.{kind}" in script
    assert [line for line in script.splitlines() if line.startswith("function")] == ["function done(summary, latency)"]


def test_paced_requests_have_latencies_from_the_log() -> None:
    rows = [f"200\t{1000 * number}" for number in range(1, 101)] + ["503\t9000000", "-1\t1"]
    found = from_h2load("\n".join(rows), 4)
    assert (found.requests, found.failed) == (102, 2)
    assert found.p50 == 50
    assert found.p99 == 100
    assert found.rate == 25
    with pytest.raises(Failed, match="no answer"):
        from_h2load("", 4)


def test_the_rate_is_spread_over_the_connections() -> None:
    assert "--rps=156.250" in paced("http://h/", 64, 8, 10_000)
    assert "'http://h/?a=1&b=2'" in wrk("http://h/?a=1&b=2", 64, 6)


def test_a_percentile_is_one_of_the_values() -> None:
    assert [percentile([1, 2, 3, 4], share) for share in (0, 0.25, 0.5, 0.51, 1)] == [1, 1, 2, 3, 4]


def test_a_ratio_is_the_median_of_the_rounds_own() -> None:
    # A round in which the machine was slow slows both.
    assert ratio([100, 10, 90], [50, 5, 30]) == 2
    for broken in ([], [1, 0, 1], [1, 2]):
        with pytest.raises(Failed):
            ratio([1, 2, 3], broken)


def test_others_are_what_is_busy_and_not_ours() -> None:
    before = usage.read("cpu 100 0 100 800 0 0 0 0 0 0\ncontainer 500000\nunit nginx 10\nunit nginx 10\n")
    after = usage.read("cpu 600 0 200 1200 0 0 0 0 0 0\ncontainer 2500000\nunit nginx 30\nunit nginx 40\nunit new 30\n")
    other = usage.read("container 1000000\n"), usage.read("container 3000000\n")
    found = usage.between({"edge": before, "app": other[0]}, {"edge": after, "app": other[1]}, "edge")
    # Six seconds busy of ten, four of them ours.
    assert found.others == pytest.approx(0.2)
    assert found.units == {"nginx": pytest.approx(0.5), "new": pytest.approx(0.3)}


def test_a_snapshot_of_this_machine_has_its_cpus() -> None:
    run = ["sh", "-c", usage.SNAPSHOT]
    found = usage.read(subprocess.run(run, capture_output=True, text=True, check=True).stdout)
    assert 0 < found.busy < found.total
    assert found.container > 0


def test_cpu_is_told_by_request() -> None:
    found = measured(load(1000), load(1000), nginx=0.2, varnish=0.5)
    assert found.each("nginx") == pytest.approx(20)
    assert found.units() == ["varnish", "nginx"]


def test_goals_are_those_that_were_promised() -> None:
    series = {
        BARE: measured(load(1000), load(1000)),
        CACHED: measured(load(1100), load(990)),
        PLAIN: measured(load(20), load(20)),
        GEVENT: measured(load(1000)),
        SYNC: measured(load(80)),
        f"{CACHED}, half": measured(load(500, p99=12)),
    }
    met = {goal.what: goal.met for goal in figures.goals(series)}
    assert met[f"{CACHED} / {BARE}"]
    assert met[f"{CACHED} / {PLAIN}"]
    assert not met[f"{GEVENT} / {SYNC}"]
    assert not met[f"{CACHED}, half: p99"]
    assert met["cached pages: requests that failed"]
    series[CACHED].loads[0] = load(1100, failed=1)
    assert not {goal.what: goal.met for goal in figures.goals(series)}["cached pages: requests that failed"]


def test_a_run_that_broke_off_tells_what_it_has() -> None:
    series = {BARE: measured(load(1000)), CACHED: measured(load(1100), load(990)), SYNC: Measured()}
    assert [goal.what for goal in figures.goals(series)] == ["cached pages: requests that failed"]
    assert figures.table(series).row_count == 0


def test_the_table_has_ratios_with_what_disturbed_them() -> None:
    series = {
        CACHED: measured(load(1100), load(900), others=0.25, nginx=0.3),
        BARE: measured(load(1000), load(1000)),
        PLAIN: measured(load(10), load(10)),
    }
    console = Console(width=200, record=True, file=io.StringIO())
    console.print(figures.table(series))
    (row,) = (line for line in console.export_text().splitlines() if f"{CACHED} / {BARE}" in line)
    for word in ("1.00", "0.90", "1.10", "1000", "25%", "nginx 30"):
        assert word in row


def test_the_scripts_on_the_hosts_parse_and_keep_the_password_out_of_arguments() -> None:
    for script in (rigs.INSTALL, rigs.EDGE, rigs.APP, usage.SNAPSHOT, paced("http://h/", 64, 8, 100)):
        done = subprocess.run(["sh", "-n"], input=script, text=True, capture_output=True, check=False)
        assert done.returncode == 0, done.stderr
    assert "umask 077" in rigs.APP


@pytest.mark.parametrize("nginx", ["OPEN", "WITH_TLS"])
def test_the_topology_is_valid_and_has_the_hosts_that_are_asked(tmp_path: Path, nginx: str) -> None:
    from bench import edge

    stack = Stack(tmp_path, "md-bench-edge")
    describe(stack, getattr(edge, nginx), "")
    roles.use(None)
    layout = open_inventory(stack.inventory).layout
    asked = {target.host for target in targets("10.0.0.1", "/p/a/").values()}
    assert asked <= {host.name for host in layout.hosts}
    assert [host.name for host in layout.running("postgresql")] == ["rest-1"]
