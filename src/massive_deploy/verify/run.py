"""Runs the checks: from views and SSH coordinates to results."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from massive_deploy.errors import MassiveDeployError
from massive_deploy.targets import Ssh
from massive_deploy.verify.connection import connections
from massive_deploy.verify.plugin import Plugin, Said
from massive_deploy.verify.results import Result
from massive_deploy.view import HostView

Views = Mapping[tuple[str, str], HostView]

# Nothing of the user's own pytest takes part: no plugins, no configuration, no cache, no capturing.
_ARGUMENTS = ("-c", os.devnull, "-s")
_WITHOUT = (
    "cacheprovider",
    "terminal",
    "logging",
    "faulthandler",
    "unraisableexception",
    "threadexception",
    "warnings",
)


def run_checks(
    views: Views,
    reach: Mapping[str, Ssh],
    *,
    roles: Collection[str] | None = None,
    hosts: Collection[str] | None = None,
    workers: int = 8,
    said: Said | None = None,
    connect: Callable[[str], Any] | None = None,
) -> list[Result]:
    """Runs the checks of every (role, host) in `views`, and returns their results in the order of `views`.

    Args:
        views: what each role sees of each host that runs it, by (role, host name).
        reach: how to reach each host, by name. A user that is not root needs sudo without a password.
        roles: only these roles.
        hosts: only these hosts.
        workers: hosts looked at side by side.
        said: called with each result as it comes.
        connect: gives a testinfra host by name, instead of SSH.

    Raises:
        MassiveDeployError: a filter names what is not there, or a role's checks cannot be loaded.
    """
    chosen = choose(views, roles, hosts)
    with tempfile.TemporaryDirectory(prefix="massive-deploy-") as temporary:
        folder = Path(temporary)
        if connect is not None:
            return _run(Plugin(chosen, connect, workers, said), folder)
        needed = {name: reach[name] for name in dict.fromkeys(host for _, host in chosen)}
        with connections(needed, folder) as opened:
            return _run(Plugin(chosen, opened, workers, said), folder)


def choose(
    views: Views, roles: Collection[str] | None, hosts: Collection[str] | None
) -> dict[tuple[str, str], HostView]:
    """The views that the filters leave.

    Raises:
        MassiveDeployError: a filter names a role or host that `views` has none of.
    """
    for what, wanted, there in (
        ("role", roles, {role for role, _ in views}),
        ("host", hosts, {host for _, host in views}),
    ):
        unknown = sorted(set(wanted or ()) - there)
        if unknown:
            raise MassiveDeployError(
                f"no {what} '{unknown[0]}' in this stack", f"there are: {', '.join(sorted(there))}"
            )
    return {
        (role, host): view
        for (role, host), view in views.items()
        if (roles is None or role in roles) and (hosts is None or host in hosts)
    }


def _run(plugin: Plugin, folder: Path) -> list[Result]:
    collected = folder / "roles.checks"
    collected.touch()
    arguments = [
        *_ARGUMENTS,
        f"--rootdir={folder}",
        *(part for name in _WITHOUT for part in ("-p", f"no:{name}")),
    ]
    with _clean_environment():
        code = pytest.ExitCode(pytest.main([*arguments, str(collected)], plugins=[plugin]))
    if plugin.problems:
        raise MassiveDeployError(f"the checks cannot be loaded: {plugin.problems[0]}")
    if code == pytest.ExitCode.INTERRUPTED:
        raise KeyboardInterrupt
    if code in (pytest.ExitCode.USAGE_ERROR, pytest.ExitCode.INTERNAL_ERROR):
        raise MassiveDeployError(f"pytest could not run the checks ({code.name})", "see what it wrote above")
    return plugin.results


@contextmanager
def _clean_environment() -> Iterator[None]:
    """Hides what the user's environment tells pytest."""
    before = {name: os.environ.pop(name) for name in list(os.environ) if name.startswith("PYTEST_")}
    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    try:
        yield
    finally:
        del os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"]
        os.environ.update(before)
