"""`shard`: where the logical shards are, and their moves between database clusters while they serve."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from massive_deploy.cli.common import InventoryPath, Json, echo_json
from massive_deploy.errors import Exit

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from contextlib import AbstractContextManager

    from massive_deploy.inventory import Inventory
    from massive_deploy.operate.shards.moves import Moves
    from massive_deploy.targets import Say
    from massive_deploy.topology.layout import Shard

app = typer.Typer(no_args_is_help=True, help="Logical shards: where they are, and moves between clusters.")
Shards = Annotated[list[str], typer.Argument(metavar="SHARDS", help="Numbers, ranges or names: 7, 0-3, shard0007.")]
Verify = Annotated[bool, typer.Option("--verify/--no-verify", help="Compare all rows before the switch.")]
Yes = Annotated[bool, typer.Option("--yes", help="Go on without asking.")]


@app.command("list")
def list_(inventory: InventoryPath, *, json: Json = False) -> None:
    """Show which cluster each logical shard lives in, as recorded in shards.yaml. Contacts no host."""
    from massive_deploy.console import terminal
    from massive_deploy.inventory import open_inventory
    from massive_deploy.operate.shards.moves import chosen

    opened = open_inventory(inventory)
    shards = chosen(opened, [str(shard.number) for shard in opened.layout.shards])
    if json:
        echo_json([{"shard": shard.name, "cluster": shard.cluster} for shard in shards])
        return
    for cluster in opened.layout.clusters:
        names = [shard.name for shard in shards if shard.cluster == cluster.number]
        terminal().print(f"{cluster.number} ({cluster.name}) | {len(names)} | {' '.join(names) or '-'}", markup=False)


@app.command("status")
def status(inventory: InventoryPath, *, json: Json = False) -> None:
    """Ask the clusters where every shard is, which moves are open, and how late their copies of common data are.

    Exit codes: 0 all is as recorded and settled, 2 moves are open, the record is old or a copy does not follow.
    """
    from massive_deploy.console import terminal
    from massive_deploy.inventory import open_inventory
    from massive_deploy.operate.observe import session
    from massive_deploy.operate.shards.common import copies
    from massive_deploy.operate.shards.moves import Moves, chosen, open_moves, owner_of

    opened = open_inventory(inventory)
    shards = chosen(opened, [str(shard.number) for shard in opened.layout.shards])
    only = [host.name for cluster in opened.layout.clusters for host in cluster.hosts]
    with session(opened, only, bear=True) as live:
        moves = Moves(opened, live, lambda _: None)
        states = moves.states()
        sharding, others = opened.topology.sharding, [one.number for one in opened.layout.clusters[1:]]
        common = copies(moves.side(1), others) if sharding is not None and sharding.common else []
    going = open_moves(states)
    old = {shard.name: owner_of(states, shard) for shard in shards if owner_of(states, shard) != shard.cluster}
    if json:
        rows = [{"shard": n, "source": a, "target": b, "stage": stage.value} for n, (a, b, stage) in going.items()]
        late = [{"cluster": copy.cluster, "bytes_behind": copy.behind} for copy in common]
        echo_json({"moves": rows, "recorded_elsewhere": old, "common": late})
    else:
        out = terminal()
        for name, (source, target, stage) in sorted(going.items()):
            out.print(f"{name} | cluster {source} to {target} | {stage.value}", markup=False)
        for name, cluster in sorted(old.items()):
            out.print(f"{name} | is in cluster {cluster}, shards.yaml says otherwise", markup=False)
        if not going and not old:
            out.print(f"{len(shards)} shards, each where shards.yaml says, no move open", markup=False)
        for copy in common:
            out.print(str(copy), markup=False)
    stopped = any(copy.behind is None for copy in common)
    raise typer.Exit(Exit.CHANGES if going or old or stopped else Exit.DONE)


@app.command("move")
def move(
    inventory: InventoryPath,
    shards: Shards,
    *,
    to: Annotated[int, typer.Option("--to", metavar="CLUSTER", help="Number of the cluster they go to.")],
    verify: Verify = True,
    switch: Annotated[bool, typer.Option("--switch/--no-switch", help="Leave clients where they are.")] = True,
    complete: Annotated[bool, typer.Option("--complete", help="Forget the old copy when it has moved.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would move and what hinders it.")] = False,
) -> None:
    """Copy shards to another cluster while they serve, then switch their clients over; or go on with what was begun.

    Clients wait for a moment at the pooler, and no query fails. The old copy follows until `shard complete`, so that
    `shard reverse` loses nothing.

    Exit codes: 0 done, 2 --dry-run: something hinders a move, 3 refused, 4 another run holds the lock, 5 it failed.
    """
    from massive_deploy.inventory import open_inventory
    from massive_deploy.operate.shards.moves import chosen

    opened = open_inventory(inventory)
    wanted = [(shard, to) for shard in chosen(opened, shards)]
    _clusters(opened, to)
    if dry_run:
        _dry_run(opened, wanted)
    _move_all(opened, wanted, verify=verify, switch=switch, complete=complete)


@app.command("add")
def add(
    inventory: InventoryPath,
    *,
    count: Annotated[int, typer.Option("--count", min=1, help="How many.")] = 1,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show the plan and leave everything as it is.")] = False,
) -> None:
    """Add database clusters: `shards` in the topology and `up`. They are empty until shards move there.

    Exit codes: those of `up`, and 2 for --dry-run with changes.
    """
    from massive_deploy.cli.scale import scale
    from massive_deploy.console import terminal

    scale(inventory, [f"shards=+{count}"], dry_run=dry_run)
    if not dry_run:
        terminal().print(f"next: massive-deploy shard rebalance {inventory}", markup=False)


@app.command("rebalance")
def rebalance(
    inventory: InventoryPath,
    *,
    verify: Verify = True,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say which shards would move.")] = False,
) -> None:
    """Move as few shards as possible, so that all clusters have equally many. Each move is completed before the next.

    Exit codes: as those of `shard move`.
    """
    from massive_deploy.inventory import open_inventory
    from massive_deploy.operate.shards.moves import balanced

    opened = open_inventory(inventory)
    wanted = balanced(opened)
    if dry_run:
        _dry_run(opened, wanted)
    _move_all(opened, wanted, verify=verify, complete=True)


@app.command("reverse")
def reverse(inventory: InventoryPath, shards: Shards) -> None:
    """Bring shards that have moved back to where they came from, with everything written since.

    Exit codes: 0 done, 3 such a move is not there any more, 4 another run holds the lock, 5 it failed.
    """
    from massive_deploy.errors import Refused
    from massive_deploy.inventory import open_inventory
    from massive_deploy.operate.shards.moves import chosen, open_moves
    from massive_deploy.operate.shards.moves import move as carry_out

    opened = open_inventory(inventory)
    with _moves(opened, "shard reverse") as moves:
        going = open_moves(moves.states())
        for shard in chosen(opened, shards):
            if shard.name not in going:
                raise Refused(f"{shard.name} has no move to reverse", "see: massive-deploy shard status")
            _report(moves.say, carry_out(moves, shard, going[shard.name][0], verify=False), shard)


@app.command("complete")
def complete(inventory: InventoryPath, shards: Shards, *, yes: Yes = False) -> None:
    """Forget the old copies of shards that have moved. After that there is no way back but another move.

    Exit codes: 0 done, 3 not agreed to, or not moved, 4 another run holds the lock, 5 it failed.
    """
    _settle(inventory, shards, "complete", yes=yes)


@app.command("abort")
def abort(inventory: InventoryPath, shards: Shards, *, yes: Yes = False) -> None:
    """Give moves up that are not switched yet, and forget the copies that were being made.

    Exit codes: 0 done, 3 not agreed to, or it has moved already, 4 another run holds the lock, 5 it failed.
    """
    _settle(inventory, shards, "abort", yes=yes)


def _settle(inventory: InventoryPath, words: Sequence[str], verb: str, *, yes: bool) -> None:
    import sys

    from massive_deploy.errors import Refused
    from massive_deploy.inventory import open_inventory
    from massive_deploy.operate.shards.moves import chosen, open_moves
    from massive_deploy.operate.shards.stage import Stage

    opened = open_inventory(inventory)
    fit = {Stage.MOVED} if verb == "complete" else {Stage.COPYING, Stage.FENCED}
    with _moves(opened, f"shard {verb}") as moves:
        going = open_moves(moves.states())
        for shard in chosen(opened, words):
            source, target, reached = going.get(shard.name, (0, 0, Stage.NONE))
            if reached not in fit:
                raise Refused(f"{shard.name} is {reached.value}", "see: massive-deploy shard status")
            place = source if verb == "complete" else target
            question = f"The copy of {shard.name} in cluster {place} is deleted. Go on?"
            if not (yes or (sys.stdin.isatty() and typer.confirm(question))):
                raise Refused(
                    f"not agreed to: the copy of {shard.name} in cluster {place} would be deleted", "add --yes"
                )
            machine = moves.machine(shard.name, source, target)
            if verb == "complete":
                machine.complete()
            else:
                machine.abort(reached)
            moves.say(f"{shard.name}: {verb} done")


def _clusters(opened: Inventory, to: int) -> None:
    from massive_deploy.errors import MassiveDeployError

    known = [one.number for one in opened.layout.clusters]
    if to not in known:
        raise MassiveDeployError(f"there is no cluster {to}", f"there are: {', '.join(map(str, known))}")


def _dry_run(opened: Inventory, wanted: Sequence[tuple[Shard, int]]) -> None:
    hindered = False
    with _moves(opened, "shard move --dry-run") as moves:
        for shard, to in wanted:
            problems = moves.machine(shard.name, shard.cluster, to).preflight() if shard.cluster != to else []
            hindered = hindered or bool(problems)
            told = "; ".join(problems) or ("would move" if shard.cluster != to else "is there")
            moves.say(f"{shard.name} | cluster {shard.cluster} to {to} | {told}")
    raise typer.Exit(Exit.CHANGES if hindered else Exit.DONE)


def _move_all(
    opened: Inventory, wanted: Sequence[tuple[Shard, int]], *, verify: bool, switch: bool = True, complete: bool
) -> None:
    from massive_deploy.operate.shards.moves import move as carry_out

    with _moves(opened, "shard move") as moves:
        for shard, to in wanted:
            report = carry_out(moves, shard, to, verify=verify, switch=switch)
            _report(moves.say, report, shard)
            if complete and switch and report is not None:
                moves.machine(shard.name, report.source, report.target).complete()


def _report(say: Say, report: object, shard: Shard) -> None:
    from massive_deploy.operate.shards.moves import Report

    if not isinstance(report, Report):
        say(f"{shard.name}: is there already")
        return
    if report.copied_only:
        say(f"{report.shard}: the copy in cluster {report.target} follows; clients are where they were")
        return
    waited = "" if report.gap is None else f", clients waited {report.gap * 1000:.0f} ms"
    rows = f", {report.rows} rows compared" if report.compared else ""
    say(f"{report.shard}: moved from cluster {report.source} to {report.target}{waited}{rows}")


def _moves(opened: Inventory, command: str) -> AbstractContextManager[Moves]:
    from contextlib import contextmanager

    from massive_deploy.console import Reporter, RunLog
    from massive_deploy.operate.journal import Run
    from massive_deploy.operate.shards.moves import connected

    @contextmanager
    def held() -> Iterator[Moves]:
        reporter = Reporter(RunLog(opened.name, command.replace(" ", "-")))
        run = Run(command, opened.folder, reporter.log.path)
        with connected(opened, command, run, reporter.say) as moves:
            yield moves
            run.operations += 1

    return held()
