"""Layout → desired state of every host, pure: the same inputs give the same values, no host is touched."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from massive_deploy.certificates import Certificates, words
from massive_deploy.desired import Desired
from massive_deploy.errors import MassiveDeployError
from massive_deploy.paths import search_path
from massive_deploy.topology.layout import Layout
from massive_deploy.view import HostView, Release

if TYPE_CHECKING:
    import jinja2

    from massive_deploy.roles import Role

Rendered = Mapping[str, Mapping[str, Desired]]


def stages(layout: Layout, roles: Mapping[str, Role]) -> tuple[tuple[str, ...], ...]:
    """Roles in generations: those of one generation run side by side, after all before it. Absent needs are ignored."""
    present = {role for role, hosts in layout.roles.items() if hosts}
    sorter = TopologicalSorter({role: [n for n in roles[role].NEEDS if n in present] for role in sorted(present)})
    sorter.prepare()
    generations = []
    while sorter.is_active():
        ready = tuple(sorted(sorter.get_ready()))
        generations.append(ready)
        sorter.done(*ready)
    return tuple(generations)


class Renderer:
    """Makes each role's view of each host and asks it what it wants there.

    Args:
        project: the user's project root; its templates/ and roles/ come before ours.
        secrets: name → value.
        release: what the app role deploys; None where there is no source at hand.
        authorities: (file name, PEM) of certificate authorities the hosts must trust.
        certificates: where certificates come from; fixed words stand for them when there is none.
    """

    def __init__(
        self,
        layout: Layout,
        roles: Mapping[str, Role],
        secrets: Callable[[str], str],
        *,
        project: Path | None = None,
        release: Release | None = None,
        authorities: Sequence[tuple[str, str]] = (),
        certificates: Certificates | None = None,
    ) -> None:
        self._layout = layout
        self._roles = roles
        self._secrets = secrets
        self._project = project
        self._release = release
        self._authorities = tuple(authorities)
        self._certificates = certificates or words(secrets)
        self._order = [role for generation in stages(layout, roles) for role in generation]
        self._environment = cache(self._make_environment)

    def view(self, role: str, host: str) -> HostView:
        """One host as the role sees it."""

        def template(name: str, /, **values: Any) -> str:
            return self._environment(role).get_template(name).render(**values)

        return HostView(
            role=role,
            host=self._layout.host(host),
            layout=self._layout,
            secrets=self._secrets,
            template=template,
            certificates=self._certificates,
            release=self._release,
            authorities=self._authorities,
        )

    def desired(self, role: str, host: str) -> Desired:
        """What the role wants of the host.

        Raises:
            MassiveDeployError: the role's own code failed; names the role and the host.
        """
        try:
            return self._roles[role].desired(self.view(role, host))
        except MassiveDeployError:
            raise
        except Exception as error:
            what = f"role {role} cannot describe {host}: {type(error).__name__}: {error}"
            raise MassiveDeployError(what, f"see roles/{role}/desired.py and its templates") from error

    def all(self) -> Rendered:
        """Host → role → Desired, roles in the order of their stages.

        Raises:
            MassiveDeployError: two roles want different contents for one path on one host.
        """
        rendered = {
            host.name: {
                role: self.desired(role, host.name) for role in self._order if host.name in self._layout.roles[role]
            }
            for host in self._layout.hosts
        }
        for host, roles in rendered.items():
            _refuse_conflicts(host, roles)
        return rendered

    def _make_environment(self, role: str) -> jinja2.Environment:
        import jinja2

        from massive_deploy.roles import folder

        places = [folder(role) / "templates", *search_path("templates", self._project)]
        if self._project is not None:
            places.insert(0, self._project / "templates" / role)
        ours = {"builtin": jinja2.FileSystemLoader(search_path("templates", None))}
        return jinja2.Environment(  # noqa: S701 - configuration files, not HTML
            loader=jinja2.ChoiceLoader([jinja2.FileSystemLoader(places), jinja2.PrefixLoader(ours)]),
            undefined=jinja2.StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            keep_trailing_newline=True,
        )


def _refuse_conflicts(host: str, roles: Mapping[str, Desired]) -> None:
    owners: dict[str, tuple[str, str]] = {}
    for role, desired in roles.items():
        for file in desired.files:
            owner, fingerprint = owners.setdefault(file.path, (role, file.fingerprint))
            if fingerprint != file.fingerprint:
                raise MassiveDeployError(f"roles {owner} and {role} want different contents of {file.path} on {host}")


def controller_authorities(folder: Path = Path("/usr/local/share/ca-certificates")) -> tuple[tuple[str, str], ...]:
    """Certificate authorities this machine trusts beyond its distribution's: (file name, PEM), sorted."""
    found = sorted(folder.rglob("*.crt")) if folder.is_dir() else []
    return tuple((path.name, path.read_text(encoding="ascii", errors="replace")) for path in found)
