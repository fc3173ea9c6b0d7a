"""What a run kept to go back to, and was killed before it could forget: a later failure must not go back that far."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from massive_deploy.engine import plan as planning
from massive_deploy.engine.back import forget
from massive_deploy.engine.observed import Observed
from massive_deploy.render import Rendered

if TYPE_CHECKING:
    from massive_deploy.operate.observe import Session
    from massive_deploy.operate.prepare import Prepared


def finished(rendered: Rendered, observed: Mapping[str, Observed]) -> dict[str, frozenset[str]]:
    """Host → roles that have kept something, and have nothing left to do: their change went through."""
    some = {host: seen for host, seen in observed.items() if seen.kept}
    found: dict[str, frozenset[str]] = {}
    for host in planning.make({name: rendered[name] for name in some}, some).hosts:
        busy = {role.role for role in host.roles if not role.empty}
        if through := some[host.host].kept - busy:
            found[host.host] = through
    return found


def forget_finished(opened: Session, prepared: Prepared, observed: Mapping[str, Observed]) -> None:
    """Forget it. Where a change is still to be finished, what was kept stays: that is what it would go back to."""
    scripts = {host: forget(roles) for host, roles in finished(prepared.rendered, observed).items()}
    opened.fleet.run_all(scripts, timeout=60)
