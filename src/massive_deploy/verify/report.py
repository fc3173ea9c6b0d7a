"""Results for people and for machines: a table, JUnit XML, one Nagios line, JSON."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from xml.etree import ElementTree

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from massive_deploy.verify.results import NO_CONNECTION, Outcome, Result, tally

_MARKS: dict[Outcome, tuple[str, str]] = {
    "passed": ("ok", "green"),
    "failed": ("FAILED", "bold red"),
    "error": ("ERROR", "bold magenta"),
    "skipped": ("skipped", "yellow"),
}
# What XML 1.0 has no way to say.
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def table(results: Sequence[Result], *, every: bool = False) -> RenderableType:
    """A line per role and host, then each check that did not pass (or every check), and the sum."""
    rows = Table("role", "host", "passed", "seconds", box=None, header_style="dim", pad_edge=False)
    for role, host in dict.fromkeys((row.role, row.host) for row in results):
        here = [row for row in results if (row.role, row.host) == (role, host)]
        passed = sum(row.outcome == "passed" for row in here)
        style = "bold red" if any(row.bad for row in here) else "green" if passed else "yellow"
        rows.add_row(role, host, Text(f"{passed}/{len(here)}", style), f"{sum(row.seconds for row in here):.2f}")
    shown = _once_per_lost_host(row for row in results if every or row.outcome != "passed")
    last = Text(summary(results), "bold green" if tally(results).good else "bold red")
    return Group(rows, *(_line(row) for row in shown), last)


def _once_per_lost_host(rows: Iterable[Result]) -> list[Result]:
    """Of a host that cannot be reached, the first row only."""
    kept: dict[object, Result] = {}
    for row in rows:
        lost = row.outcome == "error" and row.message.startswith(NO_CONNECTION)
        kept.setdefault((row.host, row.message) if lost else (row.role, row.host, row.check), row)
    return list(kept.values())


def _line(row: Result) -> Text:
    mark, style = _MARKS[row.outcome]
    text = Text.assemble((f"{mark:<8}", style), f"{row.role} on {row.host}: {row.title}")
    for line in row.message.splitlines():
        text.append(f"\n         {line}", "dim")
    return text


def summary(results: Sequence[Result]) -> str:
    """The sum as a sentence."""
    sums = tally(results)
    if not sums.total:
        return "no checks ran"
    hosts = f"{sums.hosts} host{'' if sums.hosts == 1 else 's'}"
    parts = [f"{sums.passed} of {sums.total} checks passed on {hosts}"]
    others = ((sums.failed, "failed"), (sums.errors, "with errors"), (sums.skipped, "skipped"))
    parts += [f"{count} {word}" for count, word in others if count]
    return ", ".join(parts)


def nagios(results: Sequence[Result]) -> tuple[str, int]:
    """One line for Nagios and its exit code: 0 when all is well, 2 when not (or when nothing was checked)."""
    sums = tally(results)
    figures = f"passed={sums.passed} failed={sums.failed} errors={sums.errors} skipped={sums.skipped}"
    bad = [f"{row.role}/{row.check} on {row.host}" for row in results if row.bad]
    more = f", and {len(bad) - 3} more" if len(bad) > 3 else ""
    named = f": {', '.join(bad[:3])}{more}" if bad else ""
    word, code = ("OK", 0) if sums.good else ("CRITICAL", 2)
    return f"{word} - {summary(results)}{named} | {figures}", code


def to_json(results: Sequence[Result]) -> dict[str, object]:
    """The sum and every result, as JSON takes them."""
    sums = tally(results)
    return {"good": sums.good, **asdict(sums), "results": [asdict(row) for row in results]}


def junit(results: Sequence[Result]) -> str:
    """JUnit XML: a suite per role, a case per host and check."""
    root = ElementTree.Element("testsuites")
    for role in dict.fromkeys(row.role for row in results):
        rows = [row for row in results if row.role == role]
        suite = ElementTree.SubElement(root, "testsuite", _counts(role, rows))
        for row in rows:
            names = {"classname": f"{role}.{row.host}", "name": row.check, "time": f"{row.seconds:.3f}"}
            case = ElementTree.SubElement(suite, "testcase", names)
            message = _NOT_XML.sub("\ufffd", row.message)
            if row.outcome != "passed":
                tag = {"failed": "failure"}.get(row.outcome, row.outcome)
                first = (message.splitlines() or [""])[0]
                ElementTree.SubElement(case, tag, {"message": first}).text = message
    ElementTree.indent(root)
    return '<?xml version="1.0" encoding="utf-8"?>\n' + ElementTree.tostring(root, encoding="unicode") + "\n"


def _counts(role: str, rows: Sequence[Result]) -> dict[str, str]:
    sums = tally(rows)
    return {
        "name": role,
        "tests": str(sums.total),
        "failures": str(sums.failed),
        "errors": str(sums.errors),
        "skipped": str(sums.skipped),
        "time": f"{sum(row.seconds for row in rows):.3f}",
    }
