from __future__ import annotations

import io
import json
from xml.etree import ElementTree

from rich.console import Console

from massive_deploy.verify import Result
from massive_deploy.verify.report import junit, nagios, summary, table, to_json

GOOD = Result("nginx", "edge1", "check_it_runs", "nginx runs.", "passed", 0.02)
BAD = Result("redis", "cache1", "check_ping", "PING is answered.", "failed", 0.5, "assert 'x' == 'PONG'\x00\n  more")
LOST = Result("redis", "cache2", "check_ping", "PING is answered.", "error", 0.1, "no connection: ssh")
LEFT = Result("nginx", "edge1", "check_tls", "TLS.", "skipped", 0.0, "no certificate")


def text(results: list[Result], *, every: bool = False) -> str:
    out = io.StringIO()
    Console(file=out, width=100).print(table(results, every=every))
    return out.getvalue()


def test_the_table_shows_what_is_not_good() -> None:
    shown = text([GOOD, BAD, LEFT])
    assert "FAILED  redis on cache1: PING is answered." in shown
    assert "assert 'x' == 'PONG'" in shown
    assert "nginx runs." not in shown
    assert "skipped nginx on edge1: TLS." in shown
    assert "1 of 3 checks passed on 2 hosts, 1 failed, 1 skipped" in shown
    assert "ok      nginx on edge1: nginx runs." in text([GOOD], every=True)


def test_markup_in_messages_stays_text() -> None:
    assert "[bold]" in text([Result("a", "h", "check_a", "t", "failed", 0, "[bold] [/nothing]")])


def test_nagios_line_and_code() -> None:
    assert nagios([GOOD]) == ("OK - 1 of 1 checks passed on 1 host | passed=1 failed=0 errors=0 skipped=0", 0)
    line, code = nagios([GOOD, BAD, LOST])
    assert code == 2
    assert line.startswith(
        "CRITICAL - 1 of 3 checks passed on 3 hosts, 1 failed, 1 with errors: redis/check_ping on cache1"
    )
    assert "\n" not in line


def test_nothing_checked_is_not_good() -> None:
    assert nagios([])[1] == 2
    assert nagios([LEFT])[1] == 2
    assert summary([]) == "no checks ran"


def test_many_failures_are_named_briefly() -> None:
    assert ", and 2 more |" in nagios([BAD] * 5)[0]


def test_junit_is_xml_that_parsers_take() -> None:
    root = ElementTree.fromstring(junit([GOOD, BAD, LOST, LEFT]))  # noqa: S314 - our own output
    suites = {suite.get("name"): suite for suite in root}
    assert suites["redis"].attrib == {
        "name": "redis", "tests": "2", "failures": "1", "errors": "1", "skipped": "0", "time": "0.600",
    }  # fmt: skip
    failure = suites["redis"].find("testcase/failure")
    assert failure is not None
    assert failure.get("message") == "assert 'x' == 'PONG'\ufffd"
    assert suites["redis"].find("testcase/error") is not None
    assert suites["nginx"].find("testcase[@name='check_tls']/skipped") is not None


def test_json_holds_every_row() -> None:
    data = json.loads(json.dumps(to_json([GOOD, BAD])))
    assert (data["good"], data["passed"], data["failed"], data["hosts"]) == (False, 1, 1, 2)
    assert data["results"][0]["check"] == "check_it_runs"


def test_a_host_out_of_reach_is_named_once() -> None:
    rows = [Result("redis", "cache2", f"check_{n}", f"Title {n}.", "error", 0.1, "no connection: ssh: x") for n in "ab"]
    assert "Title a." in text(rows)
    assert "Title b." not in text(rows)
    assert "0 of 2 checks passed on 1 host, 2 with errors" in text(rows)
