"""An audit for people (a table, then what was found) and for programs (JSON)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from massive_deploy.audit.check import Check, Outcome, Result, title
from massive_deploy.errors import Exit

_STYLES: Mapping[Outcome, str] = {"passed": "green", "failed": "bold red", "skipped": "yellow", "error": "bold magenta"}
_WORDS: Mapping[Outcome, str] = {"passed": "ok", "failed": "FAILED", "skipped": "-", "error": "?"}


@dataclass(frozen=True, slots=True)
class Audit:
    """What all checks came to; `unreachable` maps hosts that could not be asked to why."""

    checks: Mapping[str, Check]
    results: Sequence[Result]
    unreachable: Mapping[str, str]

    @property
    def good(self) -> bool:
        """Whether all hosts were asked and nothing failed."""
        return not self.unreachable and not self.bad and bool(self.results)

    @property
    def bad(self) -> list[Result]:
        """What failed, or could not tell."""
        return [result for result in self.results if result.outcome in {"failed", "error"}]

    @property
    def code(self) -> int:
        """0 all passed, 1 some failed, 5 hosts could not be asked."""
        return Exit.PARTIAL if self.unreachable else Exit.DONE if self.good else Exit.FAILED


def table(audit: Audit) -> RenderableType:
    """A row for each check and a column for each host; below it what failed, why it matters, what to type."""
    hosts = list(dict.fromkeys(result.host for result in audit.results))
    rows = Table("check", *hosts, box=None, header_style="dim", pad_edge=False)
    found = {(result.check, result.host): result for result in audit.results}
    for name in audit.checks:
        rows.add_row(name, *(_cell(found.get((name, host))) for host in hosts))
    parts: list[RenderableType] = [rows]
    for name, check in audit.checks.items():
        bad = [result for result in audit.bad if result.check == name]
        parts += [_section(name, check, bad)] if bad else []
    parts += [Text(f"{host}: not asked: {why}", "bold red") for host, why in sorted(audit.unreachable.items())]
    return Group(*parts, Text(summary(audit), "bold green" if audit.good else "bold red"))


def _cell(result: Result | None) -> Text:
    if result is None:
        return Text("")
    count = f" {len(result.findings)}" if result.findings else ""
    return Text(f"{_WORDS[result.outcome]}{count}", _STYLES[result.outcome])


def _section(name: str, check: Check, bad: Sequence[Result]) -> Text:
    text = Text.assemble((f"\n{name}: ", "bold"), (title(check), "bold"))
    text.append(f"\n    looked at: {check.LOOKS_AT}\n    why: {check.WHY}", "dim")
    # The same on many hosts is told once.
    told: dict[tuple[str, str], list[str]] = {}
    for result in bad:
        for finding in result.findings:
            hint = finding.next.replace(f"--hosts {result.host} ", "--hosts HOSTS ")
            told.setdefault((finding.what, hint), []).append(result.host)
        if result.outcome == "error":
            told.setdefault((f"it could not be told: {result.why}", ""), []).append(result.host)
    for (what, hint), hosts in told.items():
        text.append(f"\n  {', '.join(hosts)}: {what}")
        if hint:
            everywhere = hint.replace("--hosts HOSTS ", f"--hosts {','.join(hosts)} ")
            text.append(f"\n    next: {everywhere}", "dim")
    return text


def summary(audit: Audit) -> str:
    """The sum as a sentence."""
    count = {outcome: sum(result.outcome == outcome for result in audit.results) for outcome in _WORDS}
    hosts = len({result.host for result in audit.results})
    words = f"{count['passed']} of {len(audit.results)} checks passed on {hosts} host{'s' * (hosts != 1)}"
    more = ((count["failed"], "failed"), (count["error"], "could not tell"), (count["skipped"], "skipped"))
    parts = [words, *(f"{number} {word}" for number, word in more if number)]
    if audit.unreachable:
        parts.append(f"{len(audit.unreachable)} host{'s' * (len(audit.unreachable) != 1)} not asked")
    return ", ".join(parts)


def to_json(audit: Audit) -> dict[str, Any]:
    """Everything: {good, unreachable, checks: {id: {title, looks_at, why}}, results: [{check, host, …}]}."""
    checks = {
        name: {"title": title(check), "looks_at": check.LOOKS_AT, "why": check.WHY}
        for name, check in audit.checks.items()
    }
    return {
        "good": audit.good,
        "unreachable": dict(audit.unreachable),
        "checks": checks,
        "results": [asdict(result) for result in audit.results],
    }
