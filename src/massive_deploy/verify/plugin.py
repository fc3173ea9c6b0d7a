"""The pytest side: one item per role, host and check. A thread per host runs them; the items report."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from massive_deploy.verify.checks import Planned, Ran, call_all, discover, module_name, unreachable
from massive_deploy.verify.results import NO_CONNECTION, Outcome, Result
from massive_deploy.view import HostView

Said = Callable[[Result], None]


class CheckItem(pytest.Item):
    """Waits for one check and raises what it raised, so that pytest explains it."""

    planned: Planned

    def runtest(self) -> None:
        """Waits for the check."""
        raised = self.planned.ran.result().raised
        if raised is not None:
            raise raised

    def repr_failure(
        self,
        excinfo: pytest.ExceptionInfo[BaseException],
        style: Any = None,  # noqa: ARG002 - pytest's signature
    ) -> str:
        """What the user reads: the assertion with its values, or the error and where it came from."""
        return explain(excinfo.value)


class CheckFile(pytest.File):
    """Stands for all checks of all roles; the file itself is empty."""

    plugin: Plugin

    def collect(self) -> Iterable[CheckItem]:
        """An item for each planned check."""
        for one in self.plugin.plan():
            item: CheckItem = CheckItem.from_parent(self, name=f"{one.check.role}-{one.host}-{one.check.name}")
            item.planned = one
            yield item


def explain(raised: BaseException) -> str:
    """The message of a failure, in a few lines."""
    if isinstance(raised, AssertionError):
        return str(raised) or "assertion failed"
    if said := unreachable(raised):
        return NO_CONNECTION + said
    at = raised.__traceback__
    while at is not None and at.tb_next is not None:
        at = at.tb_next
    place = f" ({Path(at.tb_frame.f_code.co_filename).name}:{at.tb_lineno})" if at is not None else ""
    return f"{type(raised).__name__}: {raised}{place}"


def outcome_of(ran: Ran, skipped: bool) -> Outcome:
    """What the check came to."""
    if skipped:
        return "skipped"
    if ran.raised is None:
        return "passed"
    return "failed" if isinstance(ran.raised, (AssertionError, pytest.fail.Exception)) else "error"


class Plugin:
    """Plans the checks of each (role, host), runs them in a thread per host, gathers the results in order."""

    def __init__(
        self,
        views: dict[tuple[str, str], HostView],
        connect: Callable[[str], Any],
        workers: int,
        said: Said | None,
    ) -> None:
        self.views = views
        self.connect = connect
        self.workers = workers
        self.said = said
        self.planned: list[Planned] = []
        self.results: list[Result] = []
        self.problems: list[str] = []

    def plan(self) -> list[Planned]:
        """Imports the checks (asserts rewritten, so that failures show values) and pairs them with hosts."""
        for role in dict.fromkeys(role for role, _ in self.views):
            pytest.register_assert_rewrite(module_name(role))
            checks = discover(role)
            hosts = [(host, view) for (of, host), view in self.views.items() if of == role]
            self.planned += [Planned(check, host, view) for host, view in hosts for check in checks]
        return self.planned

    def pytest_collect_file(self, file_path: Path, parent: pytest.Collector) -> CheckFile:
        """The one collected file."""
        file: CheckFile = CheckFile.from_parent(parent, path=file_path)
        file.plugin = self
        return file

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """Keeps what went wrong while the checks were loaded."""
        if report.failed:
            self.problems.append(report.longreprtext.strip())

    @pytest.hookimpl(wrapper=True)
    def pytest_runtestloop(self) -> Generator[None, object, object]:
        """Has the threads at work while pytest walks over the items."""
        with ThreadPoolExecutor(self.workers, thread_name_prefix="verify") as pool:
            for host in dict.fromkeys(one.host for one in self.planned):
                pool.submit(call_all, [one for one in self.planned if one.host == host], self.connect)
            try:
                return (yield)
            finally:
                for one in self.planned:
                    one.ran.cancel()

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, item: CheckItem, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Turns pytest's report of the call into a result."""
        report = yield
        if call.when == "call":
            ran = item.planned.ran.result()
            outcome = outcome_of(ran, report.skipped)
            message = ""
            if outcome == "skipped":
                message = str(ran.raised)
            elif ran.raised is not None:
                message = explain(ran.raised)
            check = item.planned.check
            result = Result(check.role, item.planned.host, check.name, check.title, outcome, ran.seconds, message)
            self.results.append(result)
            if self.said is not None:
                self.said(result)
        return report
