from __future__ import annotations

import pytest

from .web_stack import desired, file, load, view


def test_it_listens_on_the_hosts_address_without_udp() -> None:
    lines = file(desired("memcached", "cache-1"), "/etc/memcached.conf").content.splitlines()
    assert "-l 192.0.2.3" in lines
    assert "-U 0" in lines


@pytest.mark.parametrize(("memory_mb", "items"), [(128, 16), (1024, 81), (64 * 1024, 5242)])
def test_memory_follows_the_host(memory_mb: int, items: int) -> None:
    lines = file(desired("memcached", "cache-1", memory_mb=memory_mb), "/etc/memcached.conf").content.splitlines()
    assert f"-m {items}" in lines


def test_memory_may_be_set_and_is_summed() -> None:
    options = {"settings": {"memcached": {"memory": "256MiB"}}}
    assert "\n-m 256\n" in file(desired("memcached", "cache-1", **options), "/etc/memcached.conf").content
    seen = view("memcached", "cache-1", **options)
    assert load("memcached").memory(seen.layout, seen.host) == 256 + 16 + 16  # type: ignore[attr-defined]


def test_a_change_restarts_it() -> None:
    small, large = (desired("memcached", "cache-1", memory_mb=size) for size in (1024, 2048))
    assert small.restart_fingerprint(small.units[0]) != large.restart_fingerprint(large.units[0])
