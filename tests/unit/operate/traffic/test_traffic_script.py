"""The script counts real files: what it prints is what a slow and plain reading of the same lines gives."""

from __future__ import annotations

import gzip
import json
import os
import random
import subprocess
from collections import Counter
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from massive_deploy.operate.traffic.script import Span, script
from massive_deploy.operate.traffic.tally import Tally, parse

BEGIN = datetime(2026, 2, 28, 23, 50, tzinfo=UTC)
FORMAT = (
    '{{"time":"{time}","client":"{client}","host":"shop.example","method":"GET","uri":"{uri}","protocol":"HTTP/2.0",'
    '"scheme":"https","status":{status},"bytes":{bytes},"seconds":{seconds:.3f},"cache":"{cache}","layer":"{layer}",'
    '"upstream":"127.0.0.1:6081","upstream_status":"200","upstream_connect_seconds":"0.000",'
    '"upstream_first_byte_seconds":"0.002","upstream_seconds":"0.002","request":"0123456789abcdef",'
    '"referer":"{referer}","agent":"{agent}"{port}}}\n'
)
PLAIN: dict[str, Any] = {
    "client": "198.51.100.7",
    "uri": "/",
    "status": 200,
    "bytes": 512,
    "seconds": 0.004,
    "cache": "HIT",
    "layer": "edge",
    "referer": "",
    "agent": "curl/8",
    "port": ',"port":"443"',
}


def line(at: datetime, **values: Any) -> str:
    return FORMAT.format(time=at.isoformat(timespec="seconds"), **{**PLAIN, **values})


def counted(log: Path, since: datetime, until: datetime, skip: int | None = None) -> Tally:
    """What is counted from one second to the other, both with all that is in them."""
    span = Span(int(since.timestamp()), int(until.timestamp()) + 1)
    done = subprocess.run(
        ["sh", "-s"], input=script(span, skip, str(log)), capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return parse(done.stdout)


def write(path: Path, lines: list[str], at: datetime) -> None:
    raw = "".join(lines).encode()
    path.write_bytes(gzip.compress(raw) if path.suffix == ".gz" else raw)
    os.utime(path, (at.timestamp(), at.timestamp()))


def some_requests(number: int, seconds: float) -> list[dict[str, Any]]:
    """Requests evenly over that time; times of one line may be a second before those of the line before."""
    chance = random.Random(7)
    return [
        {
            "at": BEGIN + timedelta(seconds=max(0, int(n * seconds / number) - chance.choice([0, 0, 1]))),
            "client": f"203.0.{chance.randrange(3)}.{chance.randrange(256)}",
            "uri": chance.choice(["/", "/shop/?page=2", "/shop/", "/slow"]),
            "status": chance.choice([200, 200, 200, 304, 404, 502]),
            "bytes": chance.randrange(5_000_000),
            "seconds": round(chance.lognormvariate(-4, 1), 3),
            "cache": chance.choice(["HIT", "MISS", ""]),
            "layer": chance.choice(["edge", "cache", ""]),
            "agent": chance.choice(["a", "b"]),
        }
        for n in range(number)
    ]


def test_counts_are_those_of_a_plain_reading(tmp_path: Path) -> None:
    asked = some_requests(4000, 600)
    lines = [line(one["at"], **{key: value for key, value in one.items() if key != "at"}) for one in asked]
    # The older three quarters were rotated away, one compressed.
    end = BEGIN + timedelta(seconds=600)
    write(tmp_path / "access.log.2.gz", lines[:1000], end)
    write(tmp_path / "access.log.1", lines[1000:3000], end)
    write(tmp_path / "access.log", lines[3000:], end)
    since, until = BEGIN + timedelta(seconds=100), BEGIN + timedelta(seconds=500)
    within = [one for one in asked if since <= one["at"] <= until]
    found = counted(tmp_path / "access.log", since, until)
    assert 2500 < len(within) < 2800
    assert found.requests == len(within)
    assert found.bytes == sum(one["bytes"] for one in within) > 2**31
    assert found.unreadable == 0
    assert found.statuses == Counter(one["status"] for one in within)
    assert found.caches == Counter((one["cache"], one["layer"]) for one in within)
    assert found.agents == Counter(one["agent"] for one in within)
    assert found.networks == Counter(f"{one['client'].rpartition('.')[0]}.0/24" for one in within)
    assert {name: path.requests for name, path in found.paths.items()} == Counter(
        one["uri"].partition("?")[0] for one in within
    )
    assert found.longest == max(one["seconds"] for one in within)
    assert found.seconds == pytest.approx(sum(one["seconds"] for one in within), abs=0.01)
    assert sum(found.spans.values()) == found.requests
    assert sum(found.failures.values()) == found.statuses[502]
    times = sorted(one["seconds"] for one in within)
    for part in (0.5, 0.95, 0.99):
        assert found.quantile(part) == pytest.approx(times[int(len(times) * part)], rel=0.03, abs=0.001)


def test_only_what_is_asked_for_is_read(tmp_path: Path) -> None:
    lines = [line(BEGIN + timedelta(seconds=n // 10), uri="/" + "x" * 400) for n in range(20000)]
    write(tmp_path / "access.log", lines, BEGIN + timedelta(seconds=2000))
    for name in ("awk", "nice"):
        # Stands for what counts, and says how much it was given.
        (tmp_path / name).write_text("#!/bin/sh\nwc -c\n", encoding="ascii")
        (tmp_path / name).chmod(0o755)
    span = Span(int(BEGIN.timestamp()) + 1000, int(BEGIN.timestamp()) + 1010)
    path = {**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}"}
    words = script(span, None, str(tmp_path / "access.log"))
    done = subprocess.run(["sh", "-s"], input=words, env=path, capture_output=True, text=True, check=True)
    assert 200 * len(lines[0]) <= int(done.stdout) < 200 * len(lines[0]) + 3 * 65536 < len("".join(lines)) / 10


def test_files_last_written_before_are_not_opened(tmp_path: Path) -> None:
    write(tmp_path / "access.log.2.gz", [], BEGIN - timedelta(hours=2))
    (tmp_path / "access.log.2.gz").write_bytes(b"no gzip at all")
    os.utime(tmp_path / "access.log.2.gz", (BEGIN.timestamp() - 7200,) * 2)
    write(tmp_path / "access.log", [line(BEGIN)], BEGIN)
    assert counted(tmp_path / "access.log", BEGIN - timedelta(hours=1), BEGIN).requests == 1


def test_no_log_is_no_request(tmp_path: Path) -> None:
    assert counted(tmp_path / "access.log", BEGIN, BEGIN + timedelta(hours=1)) == Tally()


def test_times_of_other_zones_are_understood(tmp_path: Path) -> None:
    zones = [timezone(timedelta(hours=5, minutes=30)), timezone(timedelta(hours=-8)), UTC]
    lines = [line(BEGIN.astimezone(zone)) for zone in zones]
    write(tmp_path / "access.log", lines, BEGIN)
    assert counted(tmp_path / "access.log", BEGIN, BEGIN).requests == 3


@pytest.mark.parametrize("day", ["2024-02-29", "2026-03-01", "2026-12-31", "2027-01-01", "2100-03-01"])
def test_days_are_counted_as_the_calendar_does(tmp_path: Path, day: str) -> None:
    at = datetime.fromisoformat(f"{day}T12:34:56+00:00")
    write(tmp_path / "access.log", [line(at)], at)
    assert counted(tmp_path / "access.log", at, at).spans == Counter({int(at.timestamp()): 1})


def test_lines_of_the_app_servers_own_nginx_do_not_count(tmp_path: Path) -> None:
    lines = [line(BEGIN), line(BEGIN, port=',"port":"8000"'), line(BEGIN, port="")]
    write(tmp_path / "access.log", lines, BEGIN)
    assert counted(tmp_path / "access.log", BEGIN, BEGIN, 8000).requests == 2
    assert counted(tmp_path / "access.log", BEGIN, BEGIN).requests == 3


def test_what_visitors_send_moves_no_field(tmp_path: Path) -> None:
    nasty = '/"","status":999,"agent":"x\t\x1b[31m\n$(id)'
    escaped = json.dumps(nasty)[1:-1]
    lines = [line(BEGIN, uri=escaped, agent=escaped, referer=escaped)] * 3 + [
        "{}\n",
        "nonsense}\n",
        '{"time":"x"}\n',
        '{"time":"2026\n',
        "\n",
    ]
    write(tmp_path / "access.log", lines, BEGIN)
    found = counted(tmp_path / "access.log", BEGIN, BEGIN)
    assert (found.requests, found.unreadable, found.statuses) == (3, 3, Counter({200: 3}))
    assert list(found.paths) == list(found.agents) == [nasty]


def test_networks_of_version_6_are_those_of_a_site(tmp_path: Path) -> None:
    clients = ["2001:db8:7:1::9", "2001:db8::1", "2001::1", "::1"]
    write(tmp_path / "access.log", [line(BEGIN, client=client) for client in clients], BEGIN)
    found = counted(tmp_path / "access.log", BEGIN, BEGIN).networks
    assert set(found) == {"2001:db8:7::/48", "2001:db8:0::/48", "2001:0:0::/48", "0:0:0::/48"}


def test_memory_does_not_grow_with_names_and_what_is_frequent_or_slow_stays(tmp_path: Path) -> None:
    """Of 120,000 requests every path is another, but for one in four hundred, and for a slow one."""
    with (tmp_path / "access.log").open("w", encoding="ascii") as log:
        for n in range(120_000):
            uri, seconds = f"/once/{n}", 0.001
            if n % 400 == 300:
                uri = "/often"
            elif n == 60_000:
                uri, seconds = "/slow", 60.0
            log.write(line(BEGIN, uri=uri, seconds=seconds, agent=uri, client=f"10.{n % 200}.{n // 256 % 256}.1"))
    found = counted(tmp_path / "access.log", BEGIN, BEGIN + timedelta(hours=1))
    assert found.requests == 120_000
    assert set(found.paths) == {"/often", "/slow"}
    assert 300 - 120_000 // 20_000 <= found.paths["/often"].requests <= 300
    assert found.paths["/slow"].slowest == 60
    assert set(found.agents) == {"/often"}
