"""Pages as files: by which names, and how they take their places."""

from __future__ import annotations

import gzip
import os
import subprocess
import tarfile
from pathlib import Path

import pytest

from massive_deploy.errors import Refused
from massive_deploy.operate.prerender import _PUT, hosts
from tests.unit.roles.web_stack import view


def test_pages_are_kept_by_domain_or_by_the_edges_addresses() -> None:
    edge = view("nginx", "edge-1")
    assert hosts(edge.layout) == (edge.host.address,)
    domains = {"domains": ["shop.example", "*.shop.example"]}
    assert hosts(view("nginx", "edge-1", app=domains).layout) == ("shop.example",)
    with pytest.raises(Refused, match="wildcards"):
        hosts(view("nginx", "edge-1", app={"domains": ["*.shop.example"]}).layout)


def put(tmp_path: Path, given: dict[str, str], prune: str) -> dict[str, str]:
    """What is in place after these pages were put there."""
    source, folder = tmp_path / "source", tmp_path / "prerender"
    for name, text in given.items():
        (source / name).mkdir(parents=True, exist_ok=True)
        (source / name / "index.html").write_text(text, encoding="utf-8")
    folder.mkdir(exist_ok=True)
    archive = tmp_path / "pages.tar.gz"
    with tarfile.open(archive, "w:gz") as packed:
        packed.add(source, ".")
    script = f"folder={folder}\nprune={prune}\n{_PUT}"
    subprocess.run(["sh", "-c", script], check=True, env={**os.environ, "ARTIFACT": str(archive)})
    subprocess.run(["rm", "-r", str(source)], check=True)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["pages.tar.gz", "prerender"]
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert {path.name for path in files} == {"index.html", "index.html.gz"}
    assert all(path.stat().st_mode & 0o777 == 0o644 for path in files)
    pages = [path for path in files if path.suffix == ".html"]
    for page in pages:
        assert gzip.decompress(page.with_name("index.html.gz").read_bytes()) == page.read_bytes()
    assert len(files) == 2 * len(pages)
    return {str(page.parent.relative_to(folder)): page.read_text(encoding="utf-8") for page in pages}


def test_new_pages_take_the_place_of_old_ones_and_unlisted_ones_go(tmp_path: Path) -> None:
    first = {"h": "home", "h/a b": "one", "h/old": "x"}
    assert put(tmp_path, first, "yes") == first
    assert put(tmp_path, {"h": "new", "h/a b": "one"}, "yes") == {"h": "new", "h/a b": "one"}
    assert not (tmp_path / "prerender/h/old").exists()
    assert put(tmp_path, {"h/c": "only this"}, "no") == {"h": "new", "h/a b": "one", "h/c": "only this"}
