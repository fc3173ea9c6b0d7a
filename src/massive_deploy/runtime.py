"""The wheel of django-massive that every release gets: made here from its sources, so that no index has to have it."""

from __future__ import annotations

import base64
import hashlib
import io
import tomllib
import zipfile
from collections.abc import Iterator
from pathlib import Path

from massive_deploy.paths import shipped

TAG = "py3-none-any"


def wheel() -> tuple[str, bytes]:
    """Its file name and content: the same bytes wherever they are made."""
    folder = shipped("packages") / "django-massive"
    project = tomllib.loads((folder / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    stem = f"{project['name'].replace('-', '_')}-{project['version']}"
    about = f"{stem}.dist-info"
    kind = f"Wheel-Version: 1.0\nGenerator: massive-deploy\nRoot-Is-Purelib: true\nTag: {TAG}\n"
    files = {
        **dict(_modules(folder / "src")),
        f"{about}/METADATA": _metadata(project),
        f"{about}/WHEEL": kind.encode(),
    }
    record = "".join(f"{name},sha256={_digest(content)},{len(content)}\n" for name, content in files.items())
    files[f"{about}/RECORD"] = f"{record}{about}/RECORD,,\n".encode()
    packed = io.BytesIO()
    # Stored, not compressed: libraries differ in what they make of the same bytes.
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_STORED) as archive:
        for name, content in files.items():
            member = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
            member.external_attr = 0o644 << 16
            archive.writestr(member, content)
    return f"{stem}-{TAG}.whl", packed.getvalue()


def _modules(root: Path) -> Iterator[tuple[str, bytes]]:
    for path in sorted(root.rglob("*")):
        if path.is_file() and (path.suffix == ".py" or path.name == "py.typed"):
            yield path.relative_to(root).as_posix(), path.read_bytes()


def _metadata(project: dict[str, object]) -> bytes:
    dependencies = project["dependencies"]
    lines = [
        "Metadata-Version: 2.1",
        f"Name: {project['name']}",
        f"Version: {project['version']}",
        f"Summary: {project['description']}",
        f"Requires-Python: {project['requires-python']}",
        *(f"Requires-Dist: {one}" for one in (dependencies if isinstance(dependencies, list) else [])),
    ]
    return ("\n".join(lines) + "\n").encode()


def _digest(content: bytes) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
