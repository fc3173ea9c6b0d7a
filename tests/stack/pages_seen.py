"""What a browser saw of the pages (browse.py), and what must be true of it whatever stack they show."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from browse import LOOKS

from massive_deploy.dashboards.collect import dashboards
from massive_deploy.dashboards.web import identity
from massive_deploy.topology.layout import Layout

BROWSE = Path(__file__).with_name("browse.py")
DRAWN = 0.25
"""Part of a chart's width that its lines must cover."""


def browsed(folder: Path, address: str, *words: str) -> dict[str, Any]:
    """The report of a browser that walked through the pages at this address."""
    report = folder / "report.json"
    report.unlink(missing_ok=True)
    command = [sys.executable, str(BROWSE), address, str(report), *words]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=900)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    found: dict[str, Any] = json.loads(report.read_text(encoding="utf-8"))
    return found


def undrawn(report: dict[str, Any], layout: Layout, known: float = 1.0, only: str = "") -> list[str]:
    """What is wrong with any page in any look, or with the one there is.

    `known` is the part of the time that there are figures of.
    """
    wrong: list[str] = []
    boards = {board.name: board for board in dashboards(layout) if only in ("", board.name)}
    for look in (name for name in LOOKS if name in report):
        pages = report[look]
        if list(pages) != list(boards):
            wrong.append(f"{look}: pages {list(pages)}, wanted {list(boards)}")
            continue
        for name, page in pages.items():
            where = f"{look} {name}"
            wanted = {identity(row, panel): panel for row in boards[name].rows for panel in row.panels}
            if [card["id"] for card in page["cards"]] != list(wanted):
                wrong.append(f"{where}: other cards than the dashboard's")
            wrong += [f"{where}: {line}" for card in page["cards"] for line in _card(card, wanted[card["id"]], known)]
            wrong += [f"{where}: {page['notice']}"] if page["notice"] else []
            wrong += [f"{where}: {page['overflow']} px too wide"] if page["overflow"] > 0 else []
    return wrong


def _card(card: dict[str, Any], panel: Any, known: float) -> list[str]:
    if card["empty"]:
        return [] if panel.empty and card["nothing"] == panel.empty else [f"{card['id']} is empty: {card['nothing']}"]
    if card["kind"] == "stat" and card["figure"] in ("", "–"):
        return [f"{card['id']} shows no figure"]
    if panel.empty:
        return []
    if card["columns"] < DRAWN * known * card["width"]:
        return [f"{card['id']}: {card['lines']} lines drawn in {card['columns']} of {card['width']} columns"]
    return [] if set(card["values"]) - {"–"} else [f"{card['id']} has a legend without figures"]
