"""Where certificates are kept: beside the passwords, in the inventory's secrets. Made when first asked for."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from typing import TYPE_CHECKING

from massive_deploy.errors import Unusable

if TYPE_CHECKING:
    from collections.abc import Callable

    from massive_deploy.authority import Pair
    from massive_deploy.secrets import Secrets

# Certificates of the stack's own authority, and those that others issued.
OWN = "ca/"
GIVEN = "tls/"
ROOT = f"{OWN}root"
SITE = f"{GIVEN}site"


@dataclass(frozen=True, slots=True)
class Certificates:
    """How roles get certificates, as three functions of plain values.

    `authority` gives the PEM of the stack's own authority, `leaf` a certificate of it (service and host such as
    `nginx/edge-1`, names), `given` one that others issued, by the name of its secret.
    """

    authority: Callable[[], str]
    leaf: Callable[[str, tuple[str, ...]], Pair]
    given: Callable[[str], Pair]


def words(secrets: Callable[[str], str]) -> Certificates:
    """Fixed words in the place of certificates, for rendering without the inventory's secrets."""

    def pair(name: str) -> Pair:
        from massive_deploy.authority import Pair

        return Pair(f"certificate of {name}\n", f"{secrets(name)}\n")

    return Certificates(
        authority=lambda: "certificate of the stack's own authority\n",
        leaf=lambda owner, _: pair(f"{OWN}{owner}"),
        given=pair,
    )


class Kept:
    """Certificates in the inventory's secrets; what is made or renewed is written by `Secrets.save`.

    Args:
        name: the inventory's.
        now: when certificates are asked for; default: this moment.
    """

    def __init__(self, secrets: Secrets, name: str, now: datetime | None = None) -> None:
        self._secrets = secrets
        self._name = name
        self._now = now or datetime.now(UTC)

    def certificates(self) -> Certificates:
        """As roles see them."""
        return Certificates(lambda: self._root.chain, self.leaf, self.given)

    @cached_property
    def _root(self) -> Pair:
        from massive_deploy.authority import new_authority

        return self._read(ROOT) or self._keep(ROOT, new_authority(self._name, self._now))

    def leaf(self, owner: str, names: tuple[str, ...]) -> Pair:
        """The certificate of a service on a host, made anew when the names, the authority or its age ask for it."""
        from massive_deploy.authority import is_due, leaf

        found = self._read(f"{OWN}{owner}")
        if found is not None and not is_due(found, self._root, names, self._now):
            return found
        return self._keep(f"{OWN}{owner}", leaf(self._root, names, self._now))

    def given(self, name: str) -> Pair:
        """A certificate that others issued.

        Raises:
            MissingSecret: it is not among the secrets.
        """
        self._secrets(name)
        found = self._read(name)
        if found is None:  # calling for it has refused already
            raise Unusable(f"{self._secrets.file} has no {name}")
        return found

    def _read(self, name: str) -> Pair | None:
        from massive_deploy.authority import from_word

        word = self._secrets.values().get(name)
        if word is None:
            return None
        try:
            return from_word(word)
        except ValueError as error:
            folder = self._secrets.file.parent
            own = f"massive-deploy secrets rotate {folder} {name}"
            fix = f"massive-deploy secrets certificate {folder} CHAIN KEY" if name.startswith(GIVEN) else own
            raise Unusable(f"{name}: {error}", fix) from None

    def _keep(self, name: str, pair: Pair) -> Pair:
        from massive_deploy.authority import to_word

        self._secrets.update({name: to_word(pair)})
        return pair
