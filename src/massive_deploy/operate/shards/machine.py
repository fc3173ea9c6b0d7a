"""The move of one logical shard, step by step. Every step may be the last of a run: the next run reads where it stands.

At most one copy is ever writable: the source is fenced, in the database itself, before the target opens.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from massive_deploy.errors import HostFailure, HostsFailed, Refused
from massive_deploy.operate.shards import words
from massive_deploy.operate.shards.compare import Compared, compare
from massive_deploy.operate.shards.stage import Stage, stage

if TYPE_CHECKING:
    from massive_deploy.operate.handover import Crew
    from massive_deploy.operate.shards.side import Side
    from massive_deploy.operate.shards.words import Move
    from massive_deploy.targets import Say

FENCE_TRIES = 20
QUIET = "SET client_min_messages = warning;"
BARRIER = 10
"""Seconds the target may be behind at the switch; before it, one second."""


@dataclass(slots=True)
class Machine:
    """One move between two sides. `crew` holds the shard's clients back and points them at the target, `returning` at
    the source; `connect` gives the connection string to a side; `record` notes in the inventory that it has moved."""

    move: Move
    source: Side
    target: Side
    crew: Crew
    returning: Crew
    connect: Callable[[Side], str]
    record: Callable[[Move], None]
    say: Say

    def stage(self) -> Stage:
        """Where it stands."""
        return stage(self.move, self.source, self.target)

    def preflight(self) -> list[str]:
        """Why the shard cannot be moved, one reason a line; empty when it can."""
        found = [f"{name}: {kind}" for kind, name in self.source.ask(words.unfit(self.move), step="preflight")]
        if not self.source.ask(words.tables(self.move.shard), step="preflight"):
            found.append(f"{self.move.shard} has no tables: migrate it first")
        return found

    def create(self) -> None:
        """Begin to copy. Nothing the shard's clients see changes."""
        move = self.move
        self.source.run(words.begin(move, move.source) + words.publish(move), step="publish")
        schema = self.source.dump(move.shard)
        clean = f"DELETE FROM massive.marker WHERE shard = {words.literal(move.shard)};"
        self.target.run(
            f"{QUIET}\n{words.forget(move)}\n{schema}\nSET search_path = public;\n{clean}\n"
            f"{words.begin(move, move.target)}",
            step="tables",
            seconds=300,
        )
        self.target.run(words.subscribe(move, self.connect(self.source), copy=True), step="subscribe")

    def wait(self, seconds: int) -> None:
        """Until every table is copied and the target is less than a second behind.

        Raises:
            HostsFailed: it is not within that time, or rows cannot be applied.
        """
        end, told = time.monotonic() + seconds, ""
        while True:
            if not self.source.ask(words.place(self.move), step="copy"):
                hint = "give it up: massive-deploy shard abort; a move that was switched can only be completed"
                self._stuck("the source's leader has changed, and replication has lost its place", hint)
            rows = self.target.ask(words.copied(self.move), step="copy")
            left, tables, errors = (int(value) for value in rows[0])
            if int(errors):
                self._stuck(f"{errors} errors while rows were applied", "the target's PostgreSQL log names them")
            if tables and not left and self._follows(time.monotonic() > end):
                return
            if (now := f"{tables - left} of {tables} tables copied") != told:
                self.say(f"{self.move.shard}: {now}")
                told = now
            if time.monotonic() > end:
                self._stuck(f"only {now} after {seconds} s", "wait, and run this again")
            time.sleep(0.3)

    def verify(self) -> list[Compared]:
        """Every table, compared on both sides while it is written."""
        names = [name for (name,) in self.source.ask(words.tables(self.move.shard), step="verify")]
        return [compare(self.move.shard, name, self.source, self.target) for name in names]

    def switch(self) -> float:
        """Hold the shard's clients back, let the target have it, and let them go there.

        Returns:
            Seconds in which nobody got through.

        Raises:
            HostsFailed: a step failed; the source serves again, unless the failure says otherwise.
            Refused: clients could not be held back; nothing was changed.
        """
        self._barrier(seconds=1)
        self._prepare_way_back()
        names = self._tables(self.source)
        self.target.find()
        begin = time.monotonic()
        if problems := self.crew.pause():
            self.crew.resume()
            raise Refused(f"clients of {self.move.shard} could not be held back: {_told(problems)}", "try again")
        try:
            self._open(self._fence(names), names)
        except HostsFailed:
            if not self._opened_after_all():
                raise
        untold = self.crew.hurry("")
        waited = self.crew.waited
        gap = time.monotonic() - begin if waited is None else waited
        self._tell(untold)
        self._leave()
        return gap

    def finish(self, reached: Stage) -> None:
        """What is left after a run that ended at FENCED or OPEN."""
        if reached is Stage.FENCED:
            self._prepare_way_back()
            self.target.run(words.begin(self.move, self.move.target), step="take up again")
            said = self.source.run(words.mark(self.move) + words.sequences(self.move.shard), step="mark")
            self._open(said, self._tables(self.source))
        self._tell(self.crew.hurry(""))
        self._leave()

    def complete(self) -> None:
        """Forget the source's copy, and the way back."""
        move, back = self.move, self.move.back
        self._unsubscribe(self.source, back)
        self.target.run(words.unpublish(back) + words.settle(move), step="way back")
        self.source.run(f"{QUIET}{words.forget(move)}", step="old copy", seconds=600)

    def abort(self, reached: Stage) -> None:
        """Before the target is open: as if nothing had been begun. The source serves before the copy goes.

        Raises:
            Refused: the target is open already.
        """
        move = self.move
        if reached is Stage.FENCED and not self._call_back():
            raise Refused(
                f"{move.shard} is open in {self.target.cluster.name} already", "go on: shard move; then reverse"
            )
        self.returning.hurry("")
        self._unsubscribe(self.target, move)
        self._unsubscribe(self.source, move.back)
        self.source.run(words.unpublish(move) + words.settle(move), step="settle")
        self.target.run(f"{QUIET}{words.unpublish(move.back)}{words.forget(move)}", step="drop the copy", seconds=600)

    def _opened_after_all(self) -> bool:
        """After a failure in the switch: True if the target is open; otherwise the source serves again."""
        reached = self.stage()
        if reached is Stage.OPEN:
            return True
        if reached is Stage.FENCED and not self._call_back():
            return True
        self.target.run(words.begin(self.move, self.move.target), step="take up again")
        self.crew.resume()
        return False

    def _call_back(self) -> bool:
        """The target cannot open any more, and the source serves. False when the target was faster."""
        if not self.target.ask(words.called_back(self.move), step="call back"):
            return False
        sql = words.unfence(self.move, self._tables(self.source))
        self.source.ask(f"BEGIN;\n{sql}\nCOMMIT;", step="unfence")
        return True

    def _tables(self, side: Side) -> list[str]:
        return [name for (name,) in side.ask(words.tables(self.move.shard), step="tables")]

    def _tell(self, untold: Mapping[str, str]) -> None:
        if untold:
            self.crew.resume()
            self.say(f"{self.move.shard}: not told everywhere where it is now: {_told(untold)}")

    def _unsubscribe(self, side: Side, move: Move) -> None:
        """A slot that is lost or out of reach is no reason to go on following it."""
        try:
            side.ask(words.unsubscribe(move), step="unsubscribe")
        except HostsFailed:
            side.ask(words.unsubscribe(move, reachable=False), step="unsubscribe")

    def _prepare_way_back(self) -> None:
        """The slot that keeps what the target will write, before it writes anything."""
        back = self.move.back
        self.target.run(words.publish(back), step="way back")
        self.source.run(words.subscribe(back, self.connect(self.target), copy=False), step="way back")

    def _fence(self, names: list[str]) -> str:
        left = FENCE_TRIES
        while True:
            left -= 1
            try:
                return self.source.run(words.fence(self.move, names), step="fence", seconds=15)
            except HostsFailed as error:
                if not left or "lock timeout" not in str(error):
                    raise

    def _open(self, said: str, names: list[str]) -> None:
        rows = [line.split("|", 1) for line in said.splitlines()]
        at = next(int(value) for kind, value in rows if kind == "at")
        setval = "\n".join(value for kind, value in rows if kind == "seq")
        sql = f"{words.reached(self.move, at, BARRIER)}\nBEGIN;\n{setval}\n{words.opened(self.move, names)}\nCOMMIT;"
        self.target.run(sql, step="open", seconds=BARRIER + 10)

    def _leave(self) -> None:
        """The source is a copy now, and follows."""
        move, back = self.move, self.move.back
        self.record(move)
        self._unsubscribe(self.target, move)
        enable = f"ALTER SUBSCRIPTION {words.identifier(back.link)} ENABLE;"
        self.source.run(f"{words.unpublish(move)}{enable}{words.left(move)}", step="way back")

    def _barrier(self, seconds: int) -> None:
        at = next(int(row[1]) for row in self.source.ask(words.mark(self.move), step="mark") if row[0] == "at")
        self.target.ask(words.reached(self.move, at, seconds), step="lag", seconds=seconds + 10)

    def _follows(self, last: bool) -> bool:
        """Whether the target gets a mark within seconds; when it is the last look, a failure is told."""
        try:
            self._barrier(seconds=3)
        except HostsFailed:
            if last:
                raise
            return False
        return True

    def _stuck(self, why: str, hint: str) -> None:
        cluster = self.target.cluster.name
        raise HostsFailed([HostFailure(self.target.leader, cluster, f"copy {self.move.shard}", why, hint)])


def _told(problems: Mapping[str, str]) -> str:
    return "; ".join(f"{host}: {why}" for host, why in sorted(problems.items()))
