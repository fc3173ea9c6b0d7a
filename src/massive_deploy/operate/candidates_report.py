"""The table of candidates for people (rich) and for machines (JSON)."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table as Grid
from rich.text import Text

from massive_deploy.operate.candidates import Row, Table
from massive_deploy.operate.units import size


def shown(table: Table) -> RenderableType:
    """Every member, then what a planned change waits for."""
    names = (table.cluster, "role", "state", "timeline", "to receive", "to replay", "commits", "candidate")
    grid = Grid(*names, box=None, header_style="dim", pad_edge=False)
    for row in table.rows:
        leads = row.name == table.leader
        grid.add_row(
            Text(row.name, "bold" if leads else ""),
            row.role,
            "streaming" if row.receiving else row.state,
            "?" if row.timeline is None else str(row.timeline),
            "" if leads else size(row.received),
            "" if leads else size(row.replayed),
            "" if leads or not row.synchronous else "synchronous",
            _verdict(row, leads=leads),
        )
    told = [Text(text, "yellow") for text in table.hindrances]
    if not table.leader:
        told.insert(0, Text("nobody leads", "bold red"))
    return Group(grid, *told)


def _verdict(row: Row, *, leads: bool) -> Text:
    if leads:
        return Text("leads", "bold")
    tags = f" ({', '.join(row.tags)})" if row.tags else ""
    return Text(f"yes{tags}", "green") if row.fit else Text(f"no: {row.why}{tags}", "red")


def to_json(table: Table) -> dict[str, Any]:
    """Everything, as JSON takes it; lags are bytes."""
    data = asdict(table)
    for row, told in zip(table.rows, data["rows"], strict=True):
        told["fit"] = row.fit
    return data
