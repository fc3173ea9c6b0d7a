# Managed by massive-deploy: edits are overwritten by the next up.
"""Runs the watcher: python3 -m leader_watch CONFIGURATION STATE.

With `--withdraw` in place of STATE it only takes back the vote of this host, before PostgreSQL starts.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from pathlib import Path
from types import FrameType

from .decide import Node, Settings
from .fence import Nft
from .look import Look, role_of
from .store import Etcd
from .watcher import StoreError, Watcher, say, withdraw_before_start

WITHDRAW_SECONDS = 3


def read(configuration: str) -> tuple[Settings, Etcd]:
    """What the configuration says."""
    told = json.loads(Path(configuration).read_text(encoding="utf-8"))
    settings = Settings(
        me=told["me"],
        prefix=told["prefix"],
        nodes={name: Node(**node) for name, node in told["nodes"].items()},
        interval=told["interval"],
        patience=told["patience"],
        vote_lifetime=told["vote_lifetime"],
    )
    return settings, Etcd(settings, told["etcd"]["endpoints"], told["etcd"]["user"], told["etcd"]["password"])


def main(configuration: str, state: str) -> None:
    """Until SIGTERM. A round that failed is told once and tried again."""
    settings, store = read(configuration)
    watcher = Watcher(settings, store, Nft(), lambda node: Look(node, settings), role_of)
    signal.signal(signal.SIGTERM, _end)
    failed = ""
    while True:
        begun = time.monotonic()
        try:
            watcher.tick()
            failed = _again(failed, "")
        except (StoreError, OSError) as error:
            failed = _again(failed, str(error))
        _note(Path(state), watcher, failed)
        time.sleep(max(0.05, settings.interval - (time.monotonic() - begun)))


def _again(before: str, now: str) -> str:
    if bool(before) != bool(now):
        say(f"cannot go on: {now}" if now else "goes on")
    return now


def _note(path: Path, watcher: Watcher, failed: str) -> None:
    """What checks and people read. No secret is in it."""
    state = {
        "at": time.time(),
        "leader": watcher.leader,
        "votes": not watcher.why and not failed,
        "why": failed or watcher.why,
        "fence": sorted(watcher.fence.closed),
        "freed": watcher.freed,
    }
    fresh = path.with_suffix(".new")
    fresh.write_text(json.dumps(state) + "\n", encoding="utf-8")
    os.replace(fresh, path)  # noqa: PTH105


def _end(number: int, frame: FrameType | None) -> None:  # noqa: ARG001
    """The fence stays: only a watcher that asks etcd may open it. A vote runs out by itself."""
    sys.exit(0)


if __name__ == "__main__":
    if sys.argv[2] == "--withdraw":
        withdraw_before_start(read(sys.argv[1])[1], WITHDRAW_SECONDS)
    else:
        main(sys.argv[1], sys.argv[2])
