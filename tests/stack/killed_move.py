"""`massive-deploy` whose process is killed right before it takes a certain step of a shard's move.

    python killed_move.py STEPS_FILE LABEL shard move FOLDER 3 --to 2 --complete

Every step goes to the file, as a line, before it is taken; with an empty label all of them are.
"""

from __future__ import annotations

import os
import signal
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from massive_deploy.cli import main
from massive_deploy.operate.handover import Crew
from massive_deploy.operate.shards.moves import Moves
from massive_deploy.operate.shards.side import Side

# Asked again and again, and nothing is changed by them.
POLLED = {"states", "preflight", "copy", "lag", "mark", "verify"}


def watched(file: Path, wanted: str) -> Callable[[str], None]:
    seen: Counter[str] = Counter()

    def before(step: str) -> None:
        seen[step] += 1
        if step.split("@", maxsplit=1)[0] in POLLED and seen[step] > 1:
            return
        label = f"{step}#{seen[step]}"
        with file.open("a", encoding="utf-8") as steps:
            steps.write(f"{label}\n")
        if label == wanted:
            os.kill(os.getpid(), signal.SIGKILL)

    return before


def patched(before: Callable[[str], None]) -> None:
    run, dump, record = Side.run, Side.dump, Moves._record

    def asked(side: Side, sql: str, *, step: str, seconds: int = 60) -> str:
        before(f"{step}@{side.cluster.number}")
        return run(side, sql, step=step, seconds=seconds)

    def dumped(side: Side, schema: str) -> str:
        before(f"dump@{side.cluster.number}")
        return dump(side, schema)

    def recorded(moves: Moves, move: Any) -> None:
        before("record")
        record(moves, move)

    Side.run, Side.dump, Moves._record = asked, dumped, recorded  # type: ignore[method-assign]
    for name in ("pause", "hurry"):
        _crew(name, before)


def _crew(name: str, before: Callable[[str], None]) -> None:
    real = getattr(Crew, name)

    def called(crew: Crew, *words: Any) -> Any:
        before(name)
        return real(crew, *words)

    setattr(Crew, name, called)


if __name__ == "__main__":
    patched(watched(Path(sys.argv[1]), sys.argv[2]))
    sys.argv[1:] = sys.argv[3:]
    main()
