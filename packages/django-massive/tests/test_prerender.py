"""Pages as files: whole ones only, and only what everybody may see."""

from __future__ import annotations

from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.test import override_settings

from django_massive import prerender

HOST = "www.example.com"


def run(root: Path, *paths: str, **options: object) -> str:
    out = StringIO()
    call_command("prerender", *paths, root=str(root), host=[HOST], stdout=out, **options)
    return out.getvalue().strip()


def test_pages_are_written_where_the_edge_looks(tmp_path: Path) -> None:
    assert run(tmp_path, "/p/3/", "/of-shared/") == "2 pages, 2 of them new or changed, 0 removed"
    file = tmp_path / HOST / "p/3/index.html"
    assert file.read_bytes() == b"product 3"
    assert file.stat().st_mode & 0o777 == 0o644
    assert run(tmp_path, "/p/3/") == "1 pages, 0 of them new or changed, 0 removed"


def test_the_setting_the_function_and_the_sitemaps(tmp_path: Path) -> None:
    with override_settings(
        MASSIVE_PRERENDER="massive_views.listed", MASSIVE_PRERENDER_SITEMAPS="massive_views.SITEMAPS"
    ):
        assert list(prerender.paths()) == ["/p/6/", "/p/7/", "/p/8/"]
        run(tmp_path)
    with override_settings(MASSIVE_PRERENDER=["/p/1/"]):
        assert list(prerender.paths()) == ["/p/1/"]
    assert sorted(file.parent.name for file in tmp_path.rglob("index.html")) == ["6", "7", "8"]


@pytest.mark.parametrize(
    ("path", "why"),
    [
        ("/line/", "for one visitor"),
        ("/never/", "for one visitor"),
        ("/p/3/?a=b", "without a query"),
        ("/text/", "not text/html"),
        ("/spoken/", "another accept-language"),
        ("/absent/", "answers 404"),
        ("/p/../../../etc/", "leads out"),
        ("/%2e%2e/%2e%2e/x/", "leads out"),
        ("p/3/", "from the root"),
    ],
)
def test_what_is_no_page_for_everybody_is_refused_and_the_rest_is_written(tmp_path: Path, path: str, why: str) -> None:
    with pytest.raises(CommandError, match=why):
        run(tmp_path / "root", path, "/p/3/")
    written = [str(file.relative_to(tmp_path)) for file in tmp_path.rglob("*") if file.is_file()]
    assert written == [f"root/{HOST}/p/3/index.html"]


def test_a_page_that_fails_keeps_the_file_it_has(tmp_path: Path) -> None:
    file = tmp_path / HOST / "absent/index.html"
    file.parent.mkdir(parents=True)
    file.write_bytes(b"old")
    with pytest.raises(CommandError):
        run(tmp_path, "/absent/", "/p/3/", prune=True)
    assert file.read_bytes() == b"old"


def test_what_is_not_listed_any_more_is_pruned(tmp_path: Path) -> None:
    run(tmp_path, "/p/1/", "/p/2/")
    assert run(tmp_path, "/p/1/", prune=True).endswith("1 removed")
    assert not (tmp_path / HOST / "p/2/index.html").exists()


def test_nothing_to_do_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="no pages"):
        run(tmp_path)
    with pytest.raises(CommandError, match="no folder"):
        call_command("prerender", "/p/1/")
