"""Files at the controller that are replaced whole: a killed run leaves the old one or the new one, and nothing else."""

from __future__ import annotations

import os
from pathlib import Path


def replace(path: Path, content: bytes, mode: int = 0o600) -> None:
    """Put a file with this content and mode in the place of `path`, on disk before it is seen.

    What killed processes left of their own attempts is removed.
    """
    _clear(path)
    new = path.with_name(f".{path.name}.{os.getpid()}.new")
    try:
        with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as handle:
            handle.write(content)
            handle.flush()
            os.fsync(handle.fileno())
        new.chmod(mode)
        new.replace(path)
    except BaseException:
        new.unlink(missing_ok=True)
        raise


def _clear(path: Path) -> None:
    for left in path.parent.glob(f".{path.name}.*.new"):
        pid = left.name.split(".")[-2]
        if not pid.isdigit() or not Path(f"/proc/{pid}").exists():
            left.unlink(missing_ok=True)
