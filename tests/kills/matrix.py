"""The kill matrix: every scenario, killed at random moments. `make kills SEEDS=20`; goes on where it was interrupted.

Results go to FOLDER/results.json, the evidence of each failed trial to a file of its own beside it.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from digest import state
from scenarios import SCENARIOS, inventory
from trial import Kill, Result, Scenario, look, run, trial

WORKERS = {"fresh": ("fresh",), "pair": ("config", "replica")}


class Matrix:
    """All trials, their results, and what an uninterrupted run of each variant takes and leaves."""

    def __init__(self, folder: Path, seeds: int) -> None:
        self.folder, self.seeds = folder, seeds
        self.file = folder / "results.json"
        kept = json.loads(self.file.read_text(encoding="utf-8")) if self.file.exists() else {}
        self.results: dict[str, dict[str, Any]] = kept.get("results", {})
        self.references: dict[str, dict[str, Any]] = kept.get("references", {})
        self._lock = threading.Lock()

    def work(self, name: str, prefix: str, chosen: tuple[str, ...]) -> None:
        """One worker: the scenarios that share a stack, one trial after the other."""
        stack = inventory(self.folder / name, f"{prefix}-{name}")
        try:
            for kind in WORKERS[name]:
                if kind in chosen:
                    self._scenario(SCENARIOS[kind](stack))
        finally:
            stack.command("destroy", str(stack.folder), "--confirm", stack.name, code=None)

    def _scenario(self, scenario: Scenario) -> None:
        for seed in range(self.seeds):
            key = f"{scenario.name}/{seed}"
            if self.results.get(key, {}).get("problems") == []:
                continue
            try:
                reference = self._reference(scenario, seed)
                full = reference["full"]
                kill = Kill.at(random.Random(f"{scenario.name} {seed}").random() * full, reference["timeline"])
                result = trial(scenario, seed, kill, full, reference["state"])
            except (pytest.fail.Exception, Exception) as error:  # noqa: BLE001 - one trial must not end the others
                result = Result(scenario.name, seed, 0, 0, problems=[f"the trial itself: {error}"])
                result.evidence = str(error)
            self._keep(key, result)

    def _reference(self, scenario: Scenario, seed: int) -> dict[str, Any]:
        """`state`, `timeline` and seconds (`full`) of an uninterrupted run."""
        variant = scenario.variant(seed)
        if variant not in self.references:
            scenario.reset(seed)
            start = time.monotonic()
            _, timeline = run(scenario.stack)
            full = time.monotonic() - start
            scenario.stack.command("plan", str(scenario.stack.folder))
            if wrong := look(scenario.stack, None):
                raise RuntimeError(f"an uninterrupted run leaves: {wrong}")
            seen = state(scenario.stack)
            self.references[variant] = {"state": seen, "timeline": timeline, "full": full}
            self._write()
            self.say(f"{variant:14} uninterrupted: {full:.1f} s")
        return self.references[variant]

    def _keep(self, key: str, result: Result) -> None:
        self.results[key] = result.row()
        self._write()
        if result.problems:
            path = self.folder / f"failed-{key.replace('/', '-')}-{time.strftime('%H%M%S')}.txt"
            path.write_text(result.evidence, encoding="utf-8")
        self.say(line(result.row()))
        for problem in result.problems[:12]:
            self.say(f"    {problem[:300]}")

    def _write(self) -> None:
        with self._lock:
            new = self.file.with_suffix(".new")
            kept = {"results": self.results, "references": self.references}
            new.write_text(json.dumps(kept, indent=1, sort_keys=True), encoding="utf-8")
            new.replace(self.file)

    @staticmethod
    def say(text: str) -> None:
        print(f"{time.strftime('%H:%M:%S')} {text}", flush=True)  # noqa: T201


def line(row: dict[str, Any]) -> str:
    """One trial as a line of the table."""
    state_then = row["stage"] if row["alive"] else "already finished"
    verdict = "ok" if not row["problems"] else f"FAILED ({len(row['problems'])})"
    return (
        f"{row['scenario']:8} {row['seed']:3}  {row['moment']:6.1f} of {row['full']:5.1f} s  {state_then[:40]:40} "
        f"again {row['rerun']:5.1f} s  rows {row['rows']:5}  {verdict}"
    )


def main() -> int:
    """Run what is missing; print the table; 1 when a trial failed."""
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("--seeds", type=int, default=20)
    words.add_argument("--folder", type=Path, default=Path("kills"))
    words.add_argument("--prefix", default="md-kills")
    words.add_argument("--only", nargs="*", default=sorted(SCENARIOS), choices=sorted(SCENARIOS))
    given = words.parse_args()
    given.folder.mkdir(parents=True, exist_ok=True)
    matrix = Matrix(given.folder.resolve(), given.seeds)
    workers = [name for name, kinds in WORKERS.items() if set(kinds) & set(given.only)]
    with ThreadPoolExecutor(len(workers)) as pool:
        jobs = [pool.submit(matrix.work, name, given.prefix, tuple(given.only)) for name in workers]
        for job in jobs:
            job.result()
    rows = [
        matrix.results[key]
        for key in sorted(matrix.results, key=lambda key: (key.split("/")[0], int(key.split("/")[1])))
    ]
    print("\n".join(line(row) for row in rows))  # noqa: T201
    failed = [row for row in rows if row["problems"]]
    killed_at_work = sum(row["alive"] for row in rows)
    print(f"{len(rows)} trials, {killed_at_work} killed at work, {len(failed)} failed; {matrix.file}")  # noqa: T201
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
