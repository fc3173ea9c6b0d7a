"""Journals of all hosts, collected on one: what receiver and senders are given."""

from __future__ import annotations

from typing import Any

import pytest

from massive_deploy.collected import patterns, receiver, senders, source
from massive_deploy.desired import Desired
from massive_deploy.topology.conflicts import Conflict
from massive_deploy.topology.layout import Host, Layout

from .nginx_config import Block, parse
from .web_stack import desired, file, load, renderer

PLACED = {
    "base": ("app-1", "edge-1", "monitor-1"),
    "journal_remote": ("monitor-1",),
    "journal_upload": ("app-1", "edge-1", "monitor-1"),
}
ALONE = dict.fromkeys(PLACED, ("monitor-1",))


def layout(**options: Any) -> Layout:
    return renderer(placed=PLACED, **options).view("journal_remote", "monitor-1").layout


def wanted(role: str, host: str) -> Desired:
    return desired(role, host, placed=PLACED)


def gate() -> Block:
    return parse(file(wanted("journal_remote", "monitor-1"), "/etc/nginx/conf.d/journal-remote.conf").content)


def test_all_hosts_send_but_the_one_that_collects() -> None:
    collects = receiver(layout())
    assert collects is not None
    assert collects.name == "monitor-1"
    assert [host.name for host in senders(layout())] == ["app-1", "edge-1"]
    assert wanted("journal_upload", "monitor-1") == Desired()
    assert wanted("journal_upload", "edge-1").units[0].waits


def test_a_single_host_collects_nothing() -> None:
    for role in ("journal_remote", "journal_upload"):
        assert desired(role, "monitor-1", placed=ALONE, shards=0) == Desired()


def test_nobody_gets_past_without_a_certificate_of_the_stack() -> None:
    (server,) = gate().own("server") and [one for one in gate().inside if one.words == ["server"]]
    assert server.own("ssl_verify_client") == [["on"]]
    assert server.own("listen") == [["192.0.2.3:19532", "ssl", "default_server"]]
    assert server.own("ssl_client_certificate") == [["massive-deploy/stack-ca.crt"]]
    upload = server.find("location", "=", "/upload")
    # The name decides, before anything is passed on.
    assert upload.inside[0].words == ["if", "($journal_sender", "=", "", ")"]
    assert upload.inside[0].own("return")[0][0] == "403"
    assert [one.words[1] for one in server.walk() if one.words[0] == "proxy_pass"] == ["http://127.0.0.1:19533"]


def test_each_name_writes_under_its_own_address() -> None:
    (names,) = (one for one in gate().inside if one.words == ["map", "$ssl_client_s_dn", "$journal_sender"])
    found = {one.words[0]: one.words[1] for one in names.inside}
    assert found == {"default": "", "CN=app-1": "127.0.2.1", "CN=edge-1": "127.0.2.2"}
    assert gate().find("proxy_bind").words[1] == "$journal_sender"
    # nginx would hand a kept connection to another host, whose lines would come under the first one's name.
    assert not [one for one in gate().walk() if one.words[0] in {"upstream", "keepalive"}]


def test_keys_are_for_those_who_use_them_alone() -> None:
    for role, host, path, owner in (
        ("journal_remote", "monitor-1", "/etc/nginx/massive-deploy/journal-remote.pem", "root"),
        ("journal_upload", "edge-1", "/etc/massive-deploy/journal-upload.pem", "systemd-journal-upload"),
    ):
        key = file(wanted(role, host), path)
        assert (key.mode, key.owner, key.secret) == (0o600, owner, True)
        assert f"secret of ca/{role}/{host}" in key.content
        restarted = [path in (*unit.restart_on, *unit.reload_on) for unit in wanted(role, host).units]
        assert any(restarted), path


@pytest.mark.parametrize(
    ("disk", "hosts", "size"),
    [(4096, 2, 128), (256, 2, 32), (64, 2, 8), (4096, 200, 8), (None, 2, 128), (None, 1000, 8)],
)
def test_files_fit_into_the_share_of_the_disk(disk: int | None, hosts: int, size: int) -> None:
    names = tuple(f"h-{n}" for n in range(1, hosts + 1))
    placed = {"base": names, "journal_remote": ("z-1",), "journal_upload": (*names, "z-1")}
    view = renderer(placed=placed, settings={"journal_remote": {"disk": disk}}).view("journal_remote", "z-1")
    config = load("journal_remote").desired(view)
    lines = dict(
        line.split("=")
        for line in file(config, "/etc/systemd/journal-remote.conf.d/massive-deploy.conf").content.splitlines()[2:]
    )
    assert lines["MaxFileSize"] == f"{size}M"
    # The files that are being written are not counted by the receiver itself.
    assert int(lines["MaxUse"].removesuffix("M")) + hosts * size == (disk or max(4096, 32 * hosts))


def refused(layout: Layout) -> list[Conflict]:
    of: Any = load("journal_remote")
    return list(of.conflicts(layout))


def test_too_small_a_disk_is_refused_with_the_number() -> None:
    assert refused(layout()) == []
    names = tuple(f"h-{n}" for n in range(1, 41))
    placed = {"base": names, "journal_remote": ("z-1",), "journal_upload": names}
    small = renderer(placed=placed, settings={"journal_remote": {"disk": 512}}).view("journal_remote", "z-1").layout
    (found,) = refused(small)
    assert found.location == ("roles", "journal_remote", "disk")
    assert "640" in found.what
    assert "640" in found.fix


def test_addresses_that_would_share_a_file_are_refused() -> None:
    twins = [Host(name, "any", (), address, 1) for name, address in (("a", "10.1.2.3"), ("b", "172.1.2.3"))]
    assert source(twins[0]) == source(twins[1]) == "127.1.2.3"
    from dataclasses import replace

    made = replace(layout(), hosts=(*layout().hosts, *twins))
    made = replace(made, roles={**made.roles, "journal_upload": ("a", "b")})
    (found,) = refused(made)
    assert found.location == ("hosts", "b", "address")
    assert "a and b" in found.what


def test_files_of_one_host_are_not_those_of_another() -> None:
    from fnmatch import fnmatch

    one, other = (Host(name, "any", (), address, 1) for name, address in (("a", "10.0.0.1"), ("b", "10.0.0.10")))
    written = ["remote-127.0.0.10.journal", "remote-127.0.0.10@aa-bb-cc.journal", "remote-127.0.0.10@aa-bb.journal~"]
    for name in written:
        path = f"/var/log/journal/remote/{name}"
        assert [any(fnmatch(path, pattern) for pattern in patterns(host)) for host in (one, other)] == [False, True]
