"""A stack to be measured: an inventory in a scratch folder, its machines made beforehand, removed at the end."""

from __future__ import annotations

import json
import os
import shutil
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.process import Failed, Ran, timed
from massive_deploy.inventory import Inventory, open_inventory, save
from massive_deploy.operate.prepare import Prepared, machines, prepare, target
from massive_deploy.targets import Ssh

ROOT = Path(__file__).resolve().parents[1]
STAMPS = "runs with an older configuration"


@dataclass(frozen=True)
class Stack:
    """One inventory below `folder`, with state, keys, secrets and caches of its own."""

    folder: Path
    name: str

    @property
    def inventory(self) -> Path:
        """The folder with topology.yaml."""
        return self.folder / "inventories" / self.name

    def opened(self) -> Inventory:
        """The inventory as it is now."""
        return open_inventory(self.inventory)

    def write(self, topology: str) -> None:
        """Set the topology; `{name}` and `{source}` are the inventory's name and the demo project's folder."""
        self.inventory.mkdir(parents=True, exist_ok=True)
        text = topology.replace("{name}", self.name).replace("{source}", str(ROOT / "examples/shop"))
        (self.inventory / "topology.yaml").write_text(text, encoding="utf-8")

    def prepare(self) -> Prepared:
        """Render, and record placement and secrets, so that every method works from the same."""
        opened = self.opened()
        prepared = prepare(opened)
        save(opened)
        prepared.secrets.save()
        return prepared

    def machines(self, *patterns: str) -> Mapping[str, Ssh]:
        """Make the machines whose names begin so (none given: all) and wait for them; how to reach each."""
        opened = self.opened()
        wanted = [m for m in machines(opened) if not patterns or m.name.startswith(patterns)]
        return target(opened).ensure(wanted, lambda text: print(f"    {text}", flush=True))  # noqa: T201

    def command(self, *words: str, codes: tuple[int, ...] = (0,)) -> Ran:
        """Time one massive-deploy command on this inventory: `command("up")`."""
        verb, *rest = words
        log = self.folder / "logs" / f"{verb}.log"
        line = [sys.executable, "-m", "massive_deploy", verb, str(self.inventory), *rest]
        return timed(line, log, codes=codes, environment=environment(), folder=ROOT)

    def destroy(self) -> None:
        """Remove machines, network and keys; the folder stays."""
        target(self.opened()).destroy(lambda _text: None)


def environment() -> dict[str, str]:
    """The environment of timed commands: compiled modules are kept, as in daily use."""
    return {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}


@contextmanager
def fresh(scratch: Path, name: str, describe: Callable[[Stack], None]) -> Iterator[Stack]:
    """A stack whose state, configuration and cache folders are new; removed at the end whatever happens.

    `describe` writes its topology, and what else its project has.
    """
    shutil.rmtree(scratch, ignore_errors=True)
    before = {key: os.environ.get(key) for key in ("XDG_STATE_HOME", "XDG_CONFIG_HOME", "XDG_CACHE_HOME")}
    for key in before:
        os.environ[key] = str(scratch / key.removeprefix("XDG_").removesuffix("_HOME").lower())
    stack = Stack(scratch, name)
    describe(stack)
    try:
        stack.destroy()  # what an earlier run that was killed may have left
        yield stack
    finally:
        stack.destroy()
        for key, value in before.items():
            if value is None:
                os.environ.pop(key, None)
            else:
                os.environ[key] = value


def leftovers(stack: Stack, *selection: str) -> str:
    """What `plan` still finds after another tool's run; only our own bookkeeping may be left.

    Raises:
        Failed: anything else is left: the work was not the same.
    """
    ran = stack.command("plan", "--json", *selection, codes=(0, 2))
    plan: dict[str, Any] = json.loads(ran.output)
    wrong, stamps = [], 0
    for host in plan["hosts"]:
        wrong += [f"{host['host']}: package {name}" for name in host["packages"]]
        for role in host["roles"]:
            where = f"{host['host']} {role['role']}"
            for kind in ("users", "directories", "tasks"):
                wrong += [f"{where}: {kind} {name}" for name in role[kind]]
            wrong += [f"{where}: {file['path']} ({file['why']})" for file in role["files"]]
            for unit in role["units"]:
                if set(unit["verbs"]) <= {"restart", "reload"} and unit["why"] == STAMPS:
                    stamps += 1
                else:
                    wrong.append(f"{where}: {'+'.join(unit['verbs'])} {unit['unit']} ({unit['why']})")
    if wrong:
        raise Failed("plan still finds:\n" + "\n".join(wrong))
    return f"nothing but the stamps of {stamps} units" if stamps else "nothing"


def idle(ran: Ran) -> bool:
    """Whether this run of `up` did nothing: 50 operations are not 0."""
    return " 0 operations" in ran.output


def serves(stack: Stack) -> None:
    """One page and one write-through-read of the project's health through the edge.

    Raises:
        Failed: the site does not answer with 200.
    """
    edge = stack.opened().layout.running("nginx")[0].address
    for path in ("/", "/-/health"):
        url = f"http://{edge}{path}"
        try:
            with urllib.request.urlopen(url, timeout=20) as reply:
                status = reply.status
        except urllib.error.URLError as error:
            raise Failed(f"{url}: {error}") from error
        if status != 200:
            raise Failed(f"{url}: {status}")
