"""Checks of the release role."""

from __future__ import annotations

from typing import Any

from massive_deploy.view import HostView


def check_environment_is_readable_by_the_project_alone(host: Any, view: HostView) -> None:  # noqa: ARG001
    """Secrets of the project: root writes, its own group reads."""
    env = host.file("/etc/massive-deploy/app.env")
    assert (env.user, env.group, env.mode) == ("root", "app", 0o640)


def check_migrations_are_applied(host: Any, view: HostView) -> None:
    """On the host that runs them, none is left in any writable database."""
    if view.release is None or not view.topology.app.migrate or view.host.name != view.running("release")[0].name:
        return
    for alias in view.layout.aliases:
        if alias.writable:
            command = "/usr/local/lib/massive-deploy/manage %s migrate --check --database=%s"
            assert host.run(command, view.release.id, alias.name).rc == 0
