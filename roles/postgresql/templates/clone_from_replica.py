# Managed by massive-deploy: edits are overwritten by the next up.
"""Copies a new node's data from a replica that streams: the leader has enough to do.

Patroni runs it, and copies from the leader itself when this ends with an error.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

TRIES = 10
PAUSE = 2.0
"""Between tries, in seconds: replicas learn of a new node at the time at which it starts."""
CLOSE = 64 * 1024 * 1024
"""A replica further behind than this, in bytes, is not copied."""


def members(peers: Iterable[str]) -> list[dict[str, Any]]:
    """What the first Patroni that answers says of the cluster's members; empty when none does."""
    for peer in peers:
        try:
            with urllib.request.urlopen(f"http://{peer}/cluster", timeout=4) as answer:
                return list(json.load(answer)["members"])
        except (OSError, ValueError, KeyError):
            continue
    return []


def nearest(found: Iterable[Mapping[str, Any]], hosts: Iterable[str]) -> tuple[str, int] | None:
    """Address and port of the replica on one of these hosts that is the least behind."""
    known = set(hosts)
    fit = [
        (lag, one["host"], int(one["port"]))
        for one in found
        if one.get("host") in known and one.get("role") != "leader" and one.get("state") == "streaming"
        if isinstance(lag := one.get("lag", 0), int) and lag <= CLOSE
    ]
    return min(fit)[1:] if fit else None


def passwords(text: str) -> str:
    """The lines of a password file, for any host and port: Patroni writes them for the leader's."""
    found = []
    for line in text.splitlines():
        # A colon in a field is written as \:
        fields = line.replace("\\:", "\0").split(":")
        if len(fields) == 5:
            found.append(":".join(["*", "*", *fields[2:]]).replace("\0", "\\:"))
    return "".join(f"{line}\n" for line in found)


def command(binary: str, connection: str, replica: tuple[str, int], folder: str) -> list[str]:
    """A whole copy with the WAL written meanwhile. Of a word given twice in a connection string the last one counts."""
    host, port = replica
    words = [f"--dbname={connection} host={host} port={port}", f"--pgdata={folder}"]
    return [binary, *words, "--wal-method=stream", "--checkpoint=fast", "--no-password"]


def copied(binary: str, connection: str, replica: tuple[str, int], folder: str) -> bool:
    """Copy it; whether that succeeded."""
    known = passwords(Path(os.environ["PGPASSFILE"]).read_text(encoding="utf-8"))
    # Made readable for its owner alone.
    with tempfile.NamedTemporaryFile("w", encoding="utf-8") as own:
        own.write(known)
        own.flush()
        environment = {**os.environ, "PGPASSFILE": own.name}
        words = command(binary, connection, replica, folder)
        return subprocess.run(words, env=environment, check=False).returncode == 0


def main(argv: Sequence[str]) -> int:
    """Exit codes: 0 copied; 1 no replica streams, or none could be copied."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--binary", required=True)
    parser.add_argument("--peers", required=True)
    parser.add_argument("--connstring", required=True)
    parser.add_argument("--datadir", required=True)
    told, _ = parser.parse_known_args(argv)
    peers = told.peers.split(",")
    for left in range(TRIES - 1, -1, -1):
        replica = nearest(members(peers), [peer.rpartition(":")[0] for peer in peers])
        if replica is None:
            sys.stderr.write("no replica streams\n")
            return 1
        sys.stderr.write(f"copying from the replica at {replica[0]}\n")
        if copied(told.binary, told.connstring, replica, told.datadir):
            return 0
        if left:
            time.sleep(PAUSE)
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
