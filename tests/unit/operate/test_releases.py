"""Releases as the hosts tell them, and which one a rollback means."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from massive_deploy.errors import InvalidInput, Refused
from massive_deploy.operate import deploy
from massive_deploy.operate.chosen import FILE, Chosen, load_chosen, save_chosen
from massive_deploy.operate.releases import Event, HostReleases, as_json, choose, parse, table

OLD, NEW, BAD = "0" * 12, "1" * 12, "2" * 12
SAID = f"""\
current\t{NEW}
previous\t{OLD}
kept\t{OLD}
kept\t{NEW}
kept\t{BAD}
log\t100\tswitch\t{OLD}\tv1\t{"a" * 40}
log\t200\tswitch\t{NEW}\tv2\t{"b" * 40}
log\t300\tswitch\t{BAD}\tmain\t{"c" * 40}
log\t310\tback\t{BAD}\t\t
log\tnonsense
"""


def host(current: str, previous: str = "", *kept: str) -> HostReleases:
    return HostReleases(current, previous, frozenset(kept or {current, previous} - {""}))


def test_a_hosts_words_are_read() -> None:
    told = parse(SAID)
    assert (told.current, told.previous, told.kept) == (NEW, OLD, {OLD, NEW, BAD})
    assert told.log[0] == Event(100, "switch", OLD, "v1", "a" * 40)
    assert len(told.log) == 4
    assert parse("") == HostReleases()
    assert parse("current\t\nprevious\t\n").current == ""


def test_the_table_has_the_newest_start_first_and_says_what_failed() -> None:
    found = table({"app-1": parse(SAID), "app-2": host(NEW, OLD)})
    assert [one.release for one in found] == [BAD, NEW, OLD]
    bad, new, old = found
    assert (bad.went_back, bad.kept, bad.current) == (("app-1",), ("app-1",), ())
    assert (new.ref, new.at, new.current) == ("v2", datetime.fromtimestamp(200, UTC), ("app-1", "app-2"))
    assert old.previous == ("app-1", "app-2")
    assert as_json(found)[1]["at"] == "1970-01-01T00:03:20+00:00"


def test_a_release_that_later_started_well_did_not_fail() -> None:
    told = parse(SAID + f"log\t400\tswitch\t{BAD}\t\t\n")
    (bad,) = (one for one in table({"app-1": told}) if one.release == BAD)
    assert bad.went_back == ()
    assert (bad.ref, bad.at) == ("main", datetime.fromtimestamp(400, UTC))


def test_back_means_the_release_before() -> None:
    assert choose({"a": host(NEW, OLD), "b": host(NEW, OLD)}, "", "prod") == OLD


def test_after_half_a_deploy_back_means_what_the_others_still_run() -> None:
    """app-2 ran something else before that: not what is meant."""
    assert choose({"a": host(NEW, OLD), "b": host(OLD, BAD)}, "", "prod") == OLD


def test_a_kept_release_is_found_by_its_beginning() -> None:
    hosts = {"a": host(NEW, OLD, OLD, NEW, "1" * 11 + "3")}
    assert choose(hosts, "000", "prod") == OLD
    for wanted, why in (("1", "several"), ("f", "no app host keeps")):
        with pytest.raises(Refused, match=why):
            choose(hosts, wanted, "prod")


@pytest.mark.parametrize(("hosts", "why"), [
    ({"a": host(NEW)}, "have no release before"),
    ({"a": host(NEW, OLD), "b": host(NEW, BAD)}, "ran different releases"),
    ({"a": host(NEW, OLD, NEW)}, "is kept no more"),
])  # fmt: skip
def test_a_rollback_that_means_nothing_is_refused(hosts: dict[str, HostReleases], why: str) -> None:
    with pytest.raises(Refused, match=why):
        choose(hosts, "", "prod")


@pytest.mark.parametrize("chosen", [Chosen(ref="v1.2", commit="a" * 40), Chosen(release=OLD), Chosen(ref="1e5")])
def test_what_was_chosen_is_recorded_and_read_again(tmp_path: Path, chosen: Chosen) -> None:
    assert load_chosen(tmp_path) is None
    save_chosen(tmp_path, chosen)
    assert load_chosen(tmp_path) == chosen
    before = (tmp_path / FILE).stat().st_mtime_ns
    save_chosen(tmp_path, chosen)
    assert (tmp_path / FILE).stat().st_mtime_ns == before
    save_chosen(tmp_path, None)
    assert load_chosen(tmp_path) is None


def test_a_damaged_record_is_named_with_its_place(tmp_path: Path) -> None:
    (tmp_path / FILE).write_text("release: ../../etc\n", encoding="utf-8")
    with pytest.raises(InvalidInput, match=r"release.yaml:1:"):
        load_chosen(tmp_path)


@pytest.mark.parametrize(
    ("chosen", "typed"),
    [
        (None, "deploy prod"),
        (Chosen(ref="v2", commit="a" * 40), "deploy prod --ref v2"),
        (Chosen(release=OLD), f"rollback prod {OLD}"),
    ],
)
def test_what_failed_is_tried_again_with_the_same_release(chosen: Chosen | None, typed: str) -> None:
    assert deploy._again(Path("prod"), chosen) == f"massive-deploy {typed}"
