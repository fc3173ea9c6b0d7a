"""What roles do around a change of leader: hold clients back, tell them where to go, let them go."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from massive_deploy.desired import FREE, HELD, Handover
from massive_deploy.shell import assignments
from massive_deploy.topology.layout import Cluster, Layout

if TYPE_CHECKING:
    from massive_deploy.engine.transport import Fleet
    from massive_deploy.inventory import Inventory
    from massive_deploy.operate.observe import Session
    from massive_deploy.roles import Role

SECONDS = 30
"""How long one of their scripts may take."""


def handovers(layout: Layout, roles: Mapping[str, Role], cluster: Cluster) -> tuple[Handover, ...]:
    """What each role of the layout offers for this cluster; a role comes after the roles it NEEDS among them."""
    offers: dict[str, Callable[[Layout, Cluster], Handover]] = {}
    for name in sorted(layout.roles):
        offer = getattr(roles.get(name), "handover", None)
        if offer is not None:
            offers[name] = offer
    order: list[str] = []
    for name in offers:
        needed = [need for need in roles[name].NEEDS if need in offers]
        order += [one for one in (*needed, name) if one not in order]
    return tuple(offers[name](layout, cluster) for name in order)


@dataclass(frozen=True, slots=True)
class Crew:
    """The roles' scripts for one cluster, and the connections to their hosts; hosts not among `reach` are left out."""

    fleet: Fleet
    reach: frozenset[str]
    offers: tuple[Handover, ...]
    _times: dict[tuple[str, str], float] = field(default_factory=dict, init=False)

    @classmethod
    def of(cls, opened: Session, inventory: Inventory, cluster: Cluster) -> Crew:
        """Everybody whose role has something to do, and who can be reached."""
        return cls(opened.fleet, frozenset(opened.reach), handovers(inventory.layout, inventory.roles, cluster))

    @property
    def holds(self) -> bool:
        """Whether anybody can hold clients back."""
        return any(offer.pause for offer in self.offers)

    @property
    def hosts(self) -> tuple[str, ...]:
        """Hosts with anything to do."""
        return tuple(dict.fromkeys(host for offer in self.offers for host in offer.hosts))

    @property
    def waited(self) -> float | None:
        """Seconds that clients of the slowest host were held, by its own clock; None where roles do not say."""
        hosts = [host for host, word in self._times if word == FREE and (host, HELD) in self._times]
        return max((self._times[host, FREE] - self._times[host, HELD] for host in hosts), default=None)

    def prepare(self) -> None:
        """What is better done before anybody is held back; nothing depends on it."""
        self._run(scripts(self.offers, self.reach, "prepare"))

    def pause(self) -> Mapping[str, str]:
        """Hold clients back everywhere; host → why, for those that could not."""
        return self._run(scripts(self.offers, self.reach, "pause"))

    def resume(self) -> Mapping[str, str]:
        """Let clients go everywhere; host → why, for those that did not answer. Safe to repeat."""
        return self._run(scripts(self.offers, self.reach, "resume"))

    def hurry(self, leader: str) -> Mapping[str, str]:
        """Tell everybody who leads and let clients go, in one go; host → why, for those that did not answer."""
        return self._run(scripts(self.offers, self.reach, "hurry", "resume", leader=leader))

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Clients wait while the block runs, where they can be held back; what cannot is no reason not to go on."""
        self.pause()
        try:
            yield
        finally:
            self.resume()

    def _run(self, each: Mapping[str, str]) -> Mapping[str, str]:
        outputs = self.fleet.run_all(dict.fromkeys(each, "sh -s"), each, timeout=SECONDS)
        for host, output in outputs.items():
            for word, _, at in (line.partition(" ") for line in output.stdout.splitlines()):
                if word in {HELD, FREE}:
                    self._times[host, word] = float(at)
        return {host: output.cause for host, output in outputs.items() if not output.ok}


def scripts(offers: Iterable[Handover], hosts: Iterable[str], *kinds: str, leader: str = "") -> dict[str, str]:
    """One script a host: every role's part of the first kind, then of the next; the last failure is its exit status."""
    among, found = set(hosts), dict[str, list[str]]()
    listed = tuple(offers)
    for kind in kinds:
        for offer in listed:
            text: str = getattr(offer, kind)
            if text:
                for host in offer.hosts:
                    if host in among:
                        found.setdefault(host, []).append(f"(\n{text}\n) || code=$?")
    words = assignments({"NEW_LEADER": leader})
    return {
        host: f"{words}export NEW_LEADER\ncode=0\n" + "\n".join([*parts, "exit $code"]) for host, parts in found.items()
    }
