"""The roles of this run: a search path over the user's project first, then ours. One folder is one role."""

from __future__ import annotations

import difflib
import importlib
import pkgutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Protocol, cast

from massive_deploy.errors import MassiveDeployError
from massive_deploy.paths import search_path

if TYPE_CHECKING:
    from massive_deploy.desired import Desired
    from massive_deploy.topology.layout import Port
    from massive_deploy.topology.model import Strict, Topology
    from massive_deploy.view import HostView

__path__ = [str(path) for path in search_path("roles", None)]


class Role(Protocol):
    """What a folder under roles/ exports.

    NEEDS: roles that must be done on all hosts before this one starts. PLACED_ON: the parts whose hosts run it
    ("every" means all). SERVES: its ports; what is not here nobody but its own host reaches. CALLS: services it
    connects to, as `role.port-name`. `wanted` leaves the role out of stacks that do not use it. `desired` is pure. A
    folder may also export `serves(topology, settings)`, which of SERVES these settings make it serve, `sums(layout)`,
    the capacity arithmetic it takes part in, `conflicts(layout)`, what it refuses about the topology around it,
    `handover(layout, cluster)`, a Handover of what it does when that cluster changes its leader, and hold checks.py
    with the testinfra checks of the running role, and panels.py with `rows(layout)`, what it shows of itself on the
    dashboards.
    """

    __doc__: str
    NEEDS: Sequence[str]
    PLACED_ON: Sequence[str]
    SERVES: Sequence[Port]
    CALLS: Sequence[str]
    Settings: type[Strict]
    wanted: Callable[[Topology], bool]
    desired: Callable[[HostView], Desired]


def use(project: Path | None) -> None:
    """Put the project's roles/ folder before ours. Call before any role is loaded."""
    __path__[:] = [str(path) for path in search_path("roles", project)]


def names() -> list[str]:
    """Every role on the search path, sorted."""
    return sorted({module.name for module in pkgutil.iter_modules(__path__) if module.ispkg})


def load(name: str) -> Role:
    """The role of that name.

    Raises:
        MassiveDeployError: no such folder, or something its folder must export is missing.
    """
    if name not in names():
        close = difflib.get_close_matches(name, names(), 1)
        hint = f"did you mean {close[0]}?" if close else f"there are: {', '.join(names())}"
        raise MassiveDeployError(f"no role '{name}'", hint)
    module = importlib.import_module(f"{__name__}.{name}")
    missing = [export for export in Role.__annotations__ if export != "__doc__" and not hasattr(module, export)]
    if missing:
        raise MassiveDeployError(
            f"role '{name}' does not export {', '.join(missing)}", f"add it to roles/{name}/__init__.py"
        )
    return cast("Role", module)


def folder(name: str) -> Path:
    """Where the role's files are."""
    module: ModuleType = importlib.import_module(f"{__name__}.{name}")
    return Path(str(module.__file__)).parent


def settings() -> Mapping[str, type[Strict]]:
    """Each role's settings model, by the role's name."""
    return {name: role.Settings for name, role in catalogue().items()}


def catalogue() -> Mapping[str, Role]:
    """All roles by name."""
    return {name: load(name) for name in names()}
