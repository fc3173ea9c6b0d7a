"""A server that hangs costs one time-out, then nothing, and its errors are misses."""

from __future__ import annotations

import socket
import socketserver
from threading import Thread
from typing import Any

import pytest
from redis.exceptions import ResponseError

from django_massive import caches
from django_massive.breaker import Breaker
from django_massive.caches import redis as backend
from django_massive.caches.memcached import Memcached, SharedHashClient
from django_massive.caches.redis import Redis, Unavailable


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture(autouse=True)
def _anew(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(caches, "_clients", {})
    monkeypatch.setattr(backend, "_breakers", {})


def test_a_breaker_opens_lets_one_try_after_the_pause_and_closes() -> None:
    clock = Clock()
    breaker = Breaker(failures=2, pause=5, clock=clock)
    breaker.failed()
    assert breaker.allows()
    breaker.failed()
    assert not breaker.allows()
    clock.now += 5
    assert [breaker.allows(), breaker.allows()] == [True, False]
    clock.now += 5
    assert breaker.allows()
    breaker.succeeded()
    assert [breaker.allows(), breaker.allows()] == [True, True]


def test_a_failed_try_opens_it_again() -> None:
    clock = Clock()
    breaker = Breaker(failures=1, pause=5, clock=clock)
    breaker.failed()
    clock.now += 5
    assert breaker.allows()
    breaker.failed()
    clock.now += 4
    assert not breaker.allows()


def misses(cache: Any) -> None:
    assert cache.get("a", "nothing") == "nothing"
    assert cache.get_many(["a", "b"]) == {}
    assert cache.add("a", 1) is False
    cache.set("a", 1)
    assert not cache.has_key("a")
    assert not cache.touch("a")
    assert not cache.delete("a")
    cache.delete_many(["a"])
    assert sorted(cache.set_many({"a": 1, "b": 2})) == ["a", "b"]
    with pytest.raises(ValueError, match="not found"):
        cache.incr("a")
    assert cache.get_or_set("a", lambda: 7) == 7


def of_redis(address: tuple[str, int], **options: Any) -> Redis:
    return Redis(f"redis://{address[0]}:{address[1]}/0", {"OPTIONS": options})


def of_memcached(address: tuple[str, int], **options: Any) -> Memcached:
    return Memcached([f"{address[0]}:{address[1]}"], {"OPTIONS": options})


@pytest.mark.parametrize("made", [of_redis, of_memcached])
def test_a_frozen_server_is_waited_for_once(made: Any, frozen: tuple[str, int], frozen_server: socket.socket) -> None:
    options = {"pause": 60} if made is of_redis else {"dead_timeout": 60}
    misses(made(frozen, **options))
    # Another thread's backend knows it too.
    misses(made(frozen, **options))
    frozen_server.setblocking(False)
    connection, _ = frozen_server.accept()
    connection.close()
    with pytest.raises(BlockingIOError):
        frozen_server.accept()


@pytest.mark.parametrize(("made", "option"), [(of_redis, "socket_timeout"), (of_memcached, "timeout")])
def test_it_is_waited_for_a_fifth_of_a_second(made: Any, option: str) -> None:
    assert made(("127.0.0.1", 9))._options[option] == 0.2
    assert made(("127.0.0.1", 9), **{option: 1})._options[option] == 1


@pytest.mark.parametrize("made", [of_redis, of_memcached])
def test_a_server_that_is_not_there_is_a_miss(made: Any) -> None:
    misses(made(("127.0.0.1", 9)))


@pytest.mark.parametrize("made", [of_redis, of_memcached])
def test_clients_are_shared_by_backends_with_the_same_servers(made: Any) -> None:
    assert made(("127.0.0.1", 9))._cache is made(("127.0.0.1", 9))._cache
    assert made(("127.0.0.1", 9))._cache is not made(("127.0.0.1", 10))._cache


def test_another_database_of_the_same_redis_has_a_client_of_its_own() -> None:
    first, second = of_redis(("127.0.0.1", 9), db=1), of_redis(("127.0.0.1", 9), db=2)
    assert first._cache is not second._cache
    assert first._cache is of_redis(("127.0.0.1", 9), db=1)._cache


def test_who_needs_to_know_is_told_that_redis_is_away(frozen: tuple[str, int]) -> None:
    cache = of_redis(frozen)
    for _ in range(2):
        with pytest.raises(Unavailable):
            cache.reach("get", "a")


def test_a_redis_that_refuses_is_not_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*args: Any) -> None:
        raise ResponseError("OOM command not allowed")

    cache = of_redis(("127.0.0.1", 9))
    monkeypatch.setattr(backend.RedisCache, "set", full)
    cache.set("a", 1)
    monkeypatch.setattr(backend.RedisCache, "get", lambda *args: "value")
    assert cache.get("a") == "value"


def test_a_memcached_may_be_found_dead_twice() -> None:
    nobody = ("127.0.0.1", 9)
    client = SharedHashClient([nobody], ignore_exc=True, retry_attempts=0, dead_timeout=60)
    assert client.get("key") is None
    client._mark_failed_server(nobody)
    assert client.get("key") is None


class CutOnce(socketserver.StreamRequestHandler):
    """Redis' side of connections of which the first is cut at its GET, as by a restart."""

    cut = False

    def handle(self) -> None:
        while first := self.rfile.readline():
            words = []
            for _ in range(int(first[1:])):
                self.rfile.readline()
                words.append(self.rfile.readline().strip())
            if words[0] == b"GET" and not CutOnce.cut:
                CutOnce.cut = True
                return
            self.wfile.write(b"$1\r\n7\r\n" if words[0] == b"GET" else b"+OK\r\n")


def test_a_connection_that_was_cut_is_made_anew() -> None:
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), CutOnce) as server:
        server.daemon_threads = True
        Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        cache = of_redis(server.server_address[:2], protocol=2)  # type: ignore[arg-type]
        assert cache.get("a") == 7
        server.shutdown()
