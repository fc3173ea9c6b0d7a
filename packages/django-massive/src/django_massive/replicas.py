"""Reads from replicas that show their reader all that he has written.

The applications in MASSIVE_REPLICA_READS are read from replicas during requests. Who wrote something is pinned: a
cookie holds the leader's position in its log after the write, and until every replica has replayed it, his reads go to
the leader. With the router `django_massive.router.Router` and the middleware `ReplicaReadsMiddleware`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field

from asgiref.sync import iscoroutinefunction, markcoroutinefunction, sync_to_async
from django.db import DEFAULT_DB_ALIAS, connections
from django.http import HttpRequest, HttpResponse

from django_massive import positions
from django_massive.conf import setting
from django_massive.positions import Position

COOKIE = "massive_pin"
REPLICA = "replica"
MOST = 8
"""Databases a cookie tells apart; who writes to more of them reads from leaders for a while."""
EVERYWHERE = "all"


@dataclass(slots=True)
class Reader:
    """Who reads: the positions he must see by alias, the aliases he wrote to just now, whether only leaders will do."""

    needs: dict[str, Position] = field(default_factory=dict)
    wrote: set[str] = field(default_factory=set)
    leaders: bool = False


_reader: ContextVar[Reader | None] = ContextVar("django_massive_reader", default=None)


def leader_of(alias: str) -> str:
    """The alias of the leader whose replicas an alias reads from; a leader's own alias as it is."""
    return DEFAULT_DB_ALIAS if alias == REPLICA else alias.removesuffix(f"_{REPLICA}")


def replica_of(alias: str) -> str:
    """The alias of a leader's replicas: `replica` for `default`, else with `_replica` at its end."""
    return REPLICA if alias == DEFAULT_DB_ALIAS else f"{alias}_{REPLICA}"


def read_from_replicas(app_label: str) -> bool:
    """Whether an application is in MASSIVE_REPLICA_READS, a list of labels or "__all__"."""
    named: str | list[str] = setting("REPLICA_READS", default=[])
    return named == "__all__" or app_label in named


def reads(alias: str) -> str:
    """Where what belongs to a leader's alias is read now: from its replicas, if they have all that the reader wrote."""
    reader = _reader.get()
    replica = replica_of(alias)
    if reader is None or reader.leaders or alias in reader.wrote or replica not in connections.settings:
        return alias
    if connections[alias].in_atomic_block:
        return alias
    needed = reader.needs.get(alias)
    return replica if needed is None or positions.replayed(alias, needed) else alias


def wrote(alias: str) -> None:
    """Say that something was written there by other means than the ORM, which the router sees by itself."""
    reader = _reader.get()
    if reader is not None:
        reader.wrote.add(leader_of(alias))


@contextmanager
def leaders() -> Iterator[None]:
    """Everything that is read within comes from leaders."""
    outer = _reader.get() or Reader()
    with _reading(Reader(outer.needs, outer.wrote, leaders=True)):
        yield


@contextmanager
def replicas() -> Iterator[None]:
    """For tasks and commands, which belong to no request: what is read within may be late, save after own writes."""
    outer = _reader.get() or Reader()
    with _reading(Reader(wrote=outer.wrote)):
        yield


@contextmanager
def _reading(reader: Reader) -> Iterator[None]:
    token = _reader.set(reader)
    try:
        yield
    finally:
        _reader.reset(token)


class ReplicaReadsMiddleware:
    """Read-your-writes for requests. As far outside as possible: what middlewares within write counts as well."""

    sync_capable = True
    async_capable = True

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        """Django gives what comes next."""
        self._next = get_response
        self._async = iscoroutinefunction(get_response)
        if self._async:
            markcoroutinefunction(self)

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer with reads and writes of one visitor."""
        if self._async:
            return self._later(request)  # type: ignore[return-value]
        reader = _pinned(request.COOKIES.get(COOKIE, ""))
        with _reading(reader):
            response = self._next(request)
        _pin(reader, request, response)
        return response

    async def _later(self, request: HttpRequest) -> HttpResponse:
        reader = _pinned(request.COOKIES.get(COOKIE, ""))
        with _reading(reader):
            response: HttpResponse = await self._next(request)  # type: ignore[misc]
        if reader.wrote:
            await sync_to_async(_pin)(reader, request, response)
        return response


def _pinned(cookie: str) -> Reader:
    """What a cookie says. Who makes one up only sends himself to leaders."""
    reader = Reader(leaders=cookie == EVERYWHERE)
    for pin in cookie.split("&")[:MOST]:
        alias, _, text = pin.rpartition(":")
        if alias in connections.settings and (position := positions.parsed(text)) is not None:
            reader.needs[alias] = position
    return reader


def _pin(reader: Reader, request: HttpRequest, response: HttpResponse) -> None:
    if not reader.wrote:
        return
    response.set_cookie(
        COOKIE,
        _pins(reader),
        max_age=setting("PIN_SECONDS", default=60),
        secure=request.is_secure(),
        httponly=True,
        samesite="Lax",
    )


def _pins(reader: Reader) -> str:
    needs: dict[str, Position | None] = {**reader.needs, **{alias: positions.written(alias) for alias in reader.wrote}}
    if reader.leaders or len(needs) > MOST or None in needs.values():
        return EVERYWHERE
    return "&".join(f"{alias}:{position}" for alias, position in needs.items())
