"""Counts of several hosts put together, and how they are shown."""

from __future__ import annotations

import io
import re
from html.parser import HTMLParser

import pytest
from rich.console import Console

from massive_deploy.operate.traffic.page import page
from massive_deploy.operate.traffic.report import line, report
from massive_deploy.operate.traffic.script import Span
from massive_deploy.operate.traffic.tally import Tally, parse, to_json, total, words

ONE = "\n".join(
    [
        "requests\t10\t3000000000\t2.500\t1.000\t1",
        "status\t8\t200",
        "status\t2\t502",
        "cache\t7\tHIT\tedge",
        "cache\t3\t\t",
        "time\t5\t35",
        "time\t5\t349",
        "span\t10\t2\t1772322600",
        "path\t9\t1.500\t0.500\t/",
        'path\t1\t1.000\t1.000\t/a\\"b<script>\\u001b',
        "agent\t10\tcurl/8",
        "network\t10\t203.0.113.0/24",
        "",
    ]
)
TWO = ONE.replace('/a\\"b<script>\\u001b', "/other").replace("1772322600", "1772322660")
SPAN = Span(1772322600, 1772323200)


def both() -> Tally:
    return total([parse(ONE), parse(TWO)])


def test_hosts_are_added_up() -> None:
    found = both()
    assert (found.requests, found.bytes, found.unreadable) == (20, 6_000_000_000, 2)
    assert found.classes == {"2xx": 16, "5xx": 4}
    assert found.caches == {("HIT", "edge"): 14, ("", ""): 6}
    assert found.paths["/"].requests == 18
    assert found.paths["/"].seconds == 3
    assert found.paths["/"].slowest == 0.5
    assert found.failures == {1772322600: 2, 1772322660: 2}


def test_percentiles_come_from_the_sum() -> None:
    found = both()
    assert found.quantile(0.5) == pytest.approx(0.001, rel=0.01)
    assert found.quantile(0.51) == found.quantile(0.99) == pytest.approx(1, rel=0.01)
    assert Tally().quantile(0.99) == 0


def test_counts_that_were_cut_off_are_no_counts() -> None:
    with pytest.raises(ValueError, match="cut off"):
        parse("status\t8\t200\n")
    with pytest.raises(ValueError, match="cut off"):
        parse("")
    with pytest.raises(ValueError, match="not counts: sh"):
        parse("sh: 1: awk: not found\n")


def test_escapes_are_undone_unless_cut() -> None:
    assert words('a\\u00e4\\"') == 'aä"'
    assert words("a\\u00") == "a\\u00"


def test_paths_asked_once_are_not_the_slowest_unless_there_are_no_others() -> None:
    assert [name for name, _ in both().slowest(5)] == ["/"]
    assert next(name for name, _ in parse(ONE).slowest(5)) == '/a"b<script>\x1b'


def test_json_has_everything_in_seconds_and_utc() -> None:
    told = to_json(both(), {"edge-1": 10, "edge-2": 10}, SPAN, 1)
    assert told["since"] == "2026-02-28T23:50:00+00:00"
    assert (told["requests"], told["bytes"], told["classes"]) == (20, 6_000_000_000, {"2xx": 16, "5xx": 4})
    assert told["seconds"]["p50"] == pytest.approx(0.001, rel=0.01)
    assert told["seconds"]["max"] == 1
    assert [row["path"] for row in told["most_asked"]] == ["/"]
    assert told["most_asked"][0]["mean"] == pytest.approx(3 / 18, abs=1e-6)
    assert told["timeline"] == [
        {"at": "2026-02-28T23:50:00+00:00", "requests": 10, "5xx": 2},
        {"at": "2026-02-28T23:51:00+00:00", "requests": 10, "5xx": 2},
    ]


def test_the_terminal_shows_it_and_is_not_steered() -> None:
    out = io.StringIO()
    Console(file=out, width=140, force_terminal=False).print(report(parse(ONE), {"edge-1": 10}, SPAN, 10))
    text = out.getvalue()
    assert "\x1b" not in text
    for expected in (
        "2.79 GiB",
        "HIT (edge)",
        "nginx itself",
        "70.0 %",
        "203.0.113.0/24",
        "lines not understood",
        "5xx",
        "most asked",
        "slowest on",
        "502",
    ):
        assert expected in text, text


def test_requests_over_time_are_a_line_of_bars() -> None:
    assert line(both(), SPAN).startswith("█     █  ")
    assert "at most 10 in 5 s" in line(both(), Span(SPAN.since, SPAN.since + 100))


class Reader(HTMLParser):
    """Tags that load something from elsewhere, and those not closed."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.loads: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.loads += [name for name, _ in attrs if name in {"src", "href"}] + ([tag] if tag == "script" else [])
        if tag not in {"meta", "rect"}:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag != "rect":
            assert self.open.pop() == tag


def test_the_page_stands_alone_and_shows_no_code_of_visitors() -> None:
    text = page(both(), {"edge-1": 10, "edge-2": 10}, SPAN, 10, "trial")
    reader = Reader()
    reader.feed(text)
    assert reader.loads == []
    assert reader.open == []
    assert "<script>" not in text
    assert "&lt;script&gt;" in text
    assert "http" not in re.sub(r"https?://www\.w3\.org\S*", "", text)
    bars = re.findall(r'<rect class="bar" x="([\d.]+)"', text)
    assert len(bars) == 2
    assert float(bars[0]) < float(bars[1])
