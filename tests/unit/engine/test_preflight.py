"""What makes a host unfit: pure judgement of what its probe said."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from massive_deploy.engine import preflight, probe
from massive_deploy.engine.observed import Facts, Observed

FIT = Facts(cpus=2, memory_mb=512, system="Linux", release="debian 13", clock=1000, free_mb=900)


def steps(*facts: Facts, before: float = 999.5, after: float = 1000.5) -> list[tuple[str, str]]:
    seen = {f"h-{n}": Observed(facts=one) for n, one in enumerate(facts, 1)}
    return [(found.host, found.step) for found in preflight.findings(seen, before, after)]


def test_a_fit_host_and_one_that_does_not_exist_yet_have_no_findings() -> None:
    assert steps(FIT) == []
    assert preflight.findings({"new": Observed(exists=False)}, 0, 0) == []


def test_every_finding_of_every_host_is_told() -> None:
    worst = replace(FIT, clock=5000, free_mb=0, read_only=("/etc", "/var"))
    assert steps(worst, FIT, replace(FIT, release="debian 12")) == [
        ("h-1", "clock"),
        ("h-1", "file systems"),
        ("h-1", "disk space"),
        ("h-3", "system"),
    ]
    found = preflight.findings({"h": Observed(facts=worst)}, 999, 1001)
    assert all(one.cause and one.next for one in found)
    assert "cannot be written: /etc /var" in found[1].cause


@pytest.mark.parametrize("facts", [replace(FIT, system="FreeBSD"), replace(FIT, release=""), Facts()])
def test_of_another_system_nothing_else_is_said(facts: Facts) -> None:
    assert steps(replace(facts, free_mb=0)) == [("h-1", "system")]


@pytest.mark.parametrize(
    ("clock", "before", "after", "off"),
    [
        (1000, 1000.9, 1001.2, 0),  # read within the second that had begun
        (1000, 990, 1010, 0),  # a slow probe proves nothing
        (1006, 999, 1000.5, 5.5),
        (1005, 999, 1000.5, 0),
        (4600, 999, 1000, 3600),
        (990, 1000, 1001, -9),
        (995, 1000, 1001, 0),
    ],
)
def test_a_clock_is_judged_by_what_the_probe_proves(clock: int, before: float, after: float, off: float) -> None:
    assert preflight.clock_offset(clock, before, after) == off


def test_the_probe_tells_this_machine() -> None:
    run = subprocess.run(["sh", "-s"], input=probe.script({}), capture_output=True, text=True, check=False)
    facts = probe.parse(run.stdout, {}).facts
    assert facts.system == "Linux"
    assert facts.clock is not None
    assert facts.free_mb is not None
    name, _, version = facts.release.partition(" ")
    assert f"ID={name}\n" in Path("/etc/os-release").read_text(encoding="utf-8")
    assert version


def test_numbers_that_are_none_are_left_out() -> None:
    facts = probe.parse("fact\tcpus\t\nfact\tfree\t-\nfact\tclock\t%s\n", {}).facts
    assert (facts.cpus, facts.free_mb, facts.clock) == (0, None, None)
