"""What was kept before a change is forgotten once the change is through, by whichever run finds it so."""

from __future__ import annotations

from massive_deploy.desired import Desired, File
from massive_deploy.engine.observed import Entry, Observed
from massive_deploy.operate.kept import finished

FILE = File("/etc/app.conf", "x")
RENDERED = {"app-1": {"app": Desired(files=(FILE,)), "base": Desired()}}
MANAGED = {"app": ("/etc/app.conf",)}


def seen(sha256: str, *kept: str) -> dict[str, Observed]:
    entry = Entry("file", FILE.mode, FILE.owner, FILE.group, sha256)
    return {"app-1": Observed(entries={FILE.path: entry}, managed=MANAGED, kept=frozenset(kept))}


def test_a_change_that_went_through_has_nothing_to_go_back_to() -> None:
    assert finished(RENDERED, seen(FILE.sha256, "app")) == {"app-1": {"app"}}


def test_a_change_that_is_still_to_be_finished_keeps_it() -> None:
    assert finished(RENDERED, seen("0" * 64, "app")) == {}


def test_a_role_that_has_left_the_host_needs_it_no_more() -> None:
    assert finished(RENDERED, seen("0" * 64, "app", "gone")) == {"app-1": {"gone"}}


def test_where_nothing_is_kept_nothing_is_done() -> None:
    assert finished(RENDERED, seen("0" * 64)) == {}
