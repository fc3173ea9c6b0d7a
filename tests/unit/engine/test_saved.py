"""Saved, narrowed and written-out plans."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from massive_deploy.desired import Desired, File, Task, Unit
from massive_deploy.engine import plan, saved
from massive_deploy.engine.markdown import markdown
from massive_deploy.engine.narrow import Selection, narrow
from massive_deploy.engine.observed import Entry, Observed
from massive_deploy.errors import MassiveDeployError

SECRET = File("/etc/a/password", "canary-secret", 0o600, secret=True)
CONF = File("/etc/a.conf", "new ```value\n")
A = Desired(packages=("a", "common"), files=(SECRET, CONF), units=(Unit("a", restart_on=(CONF.path,)),))
B = Desired(packages=("b", "common"), tasks=(Task("object", "x", "y", "make", stdin="canary-stdin"),))
DESIRED = {"h1": {"a": A, "b": B}, "h2": {"b": B}}


def made(desired: dict[str, dict[str, Desired]] | None = None) -> plan.Plan:
    old = Entry("file", 0o644, "root", "root", "0")
    seen = Observed(entries={CONF.path: old}, texts={CONF.path: "old\n"})
    return plan.make(desired or DESIRED, dict.fromkeys(DESIRED, seen))


def test_the_same_plan_has_the_same_fingerprint() -> None:
    assert saved.fingerprint(made()) == saved.fingerprint(made())


@pytest.mark.parametrize(
    "changed",
    [
        replace(A, files=(replace(SECRET, content="other"), CONF)),
        replace(A, packages=("a", "more")),
        replace(A, units=(replace(A.units[0], also="2"),)),
    ],
)
def test_any_other_action_has_another_fingerprint(changed: Desired) -> None:
    assert saved.fingerprint(made({**DESIRED, "h1": {"a": changed, "b": B}})) != saved.fingerprint(made())


def test_a_saved_plan_comes_back_and_holds_no_secret(tmp_path: Path) -> None:
    file = tmp_path / "plan.json"
    saved.save(made(), Selection(("h1",)), tmp_path, file)
    found = saved.load(file)
    assert (found.selection, found.fingerprint) == (Selection(("h1",)), saved.fingerprint(made()))
    assert "canary" not in file.read_text(encoding="utf-8")


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"format": 99}', "name: x"])
def test_another_file_is_refused(tmp_path: Path, text: str) -> None:
    file = tmp_path / "plan.json"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(MassiveDeployError):
        saved.load(file)


def test_narrowing_keeps_only_what_was_chosen() -> None:
    one = narrow(made(), Selection(roles=("b",)), DESIRED)
    assert [(h.host, h.packages, [r.role for r in h.roles]) for h in one.hosts] == [
        ("h1", ("b", "common"), ["b"]),
        ("h2", ("b", "common"), ["b"]),
    ]
    assert [host.host for host in narrow(made(), Selection(hosts=("h2",)), DESIRED).hosts] == ["h2"]
    assert narrow(made(), Selection(), DESIRED) == made()


def test_markdown_shows_the_diff_in_a_fence_it_cannot_break_and_no_secret() -> None:
    text = markdown(made(), "prod")
    assert "````diff" in text
    assert "  +new ```value" in text
    assert "canary" not in text
