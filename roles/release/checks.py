"""Checks of the release role."""

from __future__ import annotations

from typing import Any

from massive_deploy.view import HostView


def check_environment_is_readable_by_the_project_alone(host: Any, view: HostView) -> None:  # noqa: ARG001
    """Secrets of the project: root writes, its own group reads."""
    for path in ("/etc/massive-deploy/app.env", "/etc/massive-deploy/next/app.env"):
        env = host.file(path)
        assert (env.user, env.group, env.mode) == ("root", "app", 0o640)
