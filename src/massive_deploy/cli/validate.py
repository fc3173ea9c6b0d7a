"""`validate`: is the topology right? No host is contacted."""

from __future__ import annotations

from massive_deploy.cli.common import InventoryPath, Json, echo_json


def validate(inventory: InventoryPath, *, json: Json = False) -> None:
    """Check the topology; show the capacity sums, and what the stack cannot survive. Contacts no host.

    Exit codes: 0 right, 6 wrong (every error with file:line:column).
    """
    from massive_deploy.console import terminal
    from massive_deploy.inventory import open_inventory
    from massive_deploy.topology.survival import survival

    opened = open_inventory(inventory)
    fatal = survival(opened.layout)
    if json:
        sums = [
            {"name": s.name, "formula": s.formula, "total": s.total, "limit": s.limit, "where": s.where}
            for s in opened.sums
        ]
        echo_json(
            {
                "name": opened.name,
                "valid": True,
                "hosts": len(opened.layout.hosts),
                "sums": sums,
                "warnings": list(opened.warnings),
                "cannot_survive": list(fatal),
            }
        )
        return
    out = terminal()
    for item in opened.sums:
        where = f" on {item.where}" if item.where else ""
        out.print(f"{item.name}{where}: {item.formula} = {item.total} <= {item.limit}", markup=False)
    for warning in opened.warnings:
        out.print(f"warning: {warning}", markup=False)
    if fatal:
        out.print("this stack cannot survive:")
    for line in fatal:
        out.print(f"  {line}", markup=False)
    out.print(
        f"{opened.name}: right; {len(opened.layout.hosts)} hosts, {len(opened.layout.clusters)} database cluster(s)",
        markup=False,
    )
