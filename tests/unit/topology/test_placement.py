"""The recorded placement: written once, the same for equal values, and read back as it was."""

from __future__ import annotations

from pathlib import Path

import pytest

from massive_deploy.errors import InvalidInput
from massive_deploy.topology.placement import (
    Placed,
    Placement,
    dumped,
    load_placement,
    save_placement,
    with_sizes,
)

from .fakes import placed


def test_what_was_saved_is_read_back(tmp_path: Path) -> None:
    path = tmp_path / "placement.yaml"
    odd = {name: Placed(group="app", number=1, address="192.0.2.1") for name in ("1", "1e3", "true", "null", "0x1f")}
    for placement in (placed(shards=2)[1], Placement(target="ssh"), Placement(target="ssh", hosts=odd)):
        save_placement(path, placement)
        assert load_placement(path) == placement


def test_unchanged_content_is_not_written_again(tmp_path: Path) -> None:
    path, placement = tmp_path / "placement.yaml", placed()[1]
    assert save_placement(path, placement)
    before = path.stat()
    assert not save_placement(path, placement)
    assert (path.stat().st_ino, path.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
    assert [entry.name for entry in tmp_path.iterdir()] == ["placement.yaml"]


def test_the_text_is_one_line_a_host_below_a_comment() -> None:
    lines = dumped(placed()[1]).splitlines()
    assert lines[0].startswith("# Managed by massive-deploy")
    assert lines[-1].startswith("  monitor-1: {group: monitor, number: 1, address: 10.203.")
    assert lines[-1].endswith("cpus: 2, memory_mb: 1024, parts: [monitor, quorum]}")


def test_none_is_recorded_yet(tmp_path: Path) -> None:
    assert load_placement(tmp_path / "placement.yaml") is None


def test_a_damaged_file_is_refused_with_the_place(tmp_path: Path) -> None:
    path = tmp_path / "placement.yaml"
    path.write_text(dumped(placed()[1]).replace("address: 10", "address: x", 1), encoding="utf-8")
    with pytest.raises(InvalidInput, match=r"placement.yaml:6:\d+: hosts.edge-1.address: must be an IPv4 address"):
        load_placement(path)


def test_sizes_seen_on_hosts_are_recorded() -> None:
    before = placed()[1]
    after = with_sizes(before, {"db-1": (16, 64000)})
    assert (after.hosts["db-1"].cpus, after.hosts["db-1"].memory_mb) == (16, 64000)
    assert after.hosts["db-2"] == before.hosts["db-2"]
