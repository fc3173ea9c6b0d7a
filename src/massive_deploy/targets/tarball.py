"""Archives made in memory, for the Docker API, which takes and gives files as tar only."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Entry:
    """One file (or, without content, one folder) of an archive, owned by root."""

    path: str
    content: bytes | None
    mode: int = 0o644


def pack(entries: Iterable[Entry]) -> bytes:
    """The archive of these entries. The same entries give the same bytes."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for entry in entries:
            info = tarfile.TarInfo(entry.path)
            info.mode = entry.mode
            if entry.content is None:
                info.type = tarfile.DIRTYPE
                archive.addfile(info)
            else:
                info.size = len(entry.content)
                archive.addfile(info, io.BytesIO(entry.content))
    return buffer.getvalue()


def only_file(chunks: Iterable[bytes]) -> bytes:
    """Content of the one regular file in an archive."""
    with tarfile.open(fileobj=io.BytesIO(b"".join(chunks))) as archive:
        for member in archive:
            file = archive.extractfile(member)
            if file is not None:
                return file.read()
    raise FileNotFoundError("the archive holds no regular file")
