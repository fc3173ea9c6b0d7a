"""Dashboards follow from the layout."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from synthetic import known_names

from massive_deploy import roles
from massive_deploy.dashboards.collect import PAGES, dashboards
from massive_deploy.dashboards.model import RELEASES, Dashboard, Panel
from massive_deploy.dashboards.web import UNITS, UP, identity

from .stacks import layout

STACKS = {
    "massive": ("stack: massive", "replicas: 2", "edge_servers: 2"),
    "sharded": ("stack: sharded", "shards: 3", "replicas: 1", "pooler: pgpool"),
    "small": ("stack: small",),
}
# What Prometheus makes itself, node_exporter reads from units and files, and what rules record.
OTHERS = {
    "up",
    "scrape_duration_seconds",
    "ALERTS",
    "node_systemd_unit_state",
    "massive_release_live_timestamp_seconds",
    "massive:replica_lag_bytes",
}
FUNCTIONS = {
    "sum",
    "rate",
    "max",
    "min",
    "avg",
    "count",
    "abs",
    "timestamp",
    "time",
    "increase",
    "topk",
    "and",
    "label_replace",
    "histogram_quantile",
}


def queries(board: Dashboard) -> list[str]:
    return [query.promql for panel in board.panels for query in panel.queries]


def names(promql: str) -> set[str]:
    """Metrics that a query reads."""
    text = re.sub(r'"[^"]*"', "", promql)
    text = re.sub(r"\b(by|on|group_left|without)\s*\([^)]*\)", "", text)
    text = re.sub(r"\{[^}]*\}|\[[^\]]*\]", "", text)
    return set(re.findall(r"[a-zA-Z_:][\w:]*", text)) - FUNCTIONS


@pytest.mark.parametrize("stack", STACKS)
def test_every_metric_is_one_that_an_exporter_tells(stack: str, tmp_path: Path) -> None:
    read = {
        name for board in dashboards(layout(tmp_path, *STACKS[stack])) for one in queries(board) for name in names(one)
    }
    assert len(read) > 60
    assert read - known_names() - OTHERS == set()
    assert names(RELEASES) | names(UP) | names(UNITS) <= OTHERS


@pytest.mark.parametrize("stack", STACKS)
def test_panels_say_what_they_mean_and_have_names_of_their_own(stack: str, tmp_path: Path) -> None:
    for board in dashboards(layout(tmp_path, *STACKS[stack])):
        slugs = [identity(row, panel) for row in board.rows for panel in row.panels]
        assert len(set(slugs)) == len(slugs), board.name
        for panel in board.panels:
            assert panel.means.endswith("."), panel.title
            assert panel.queries, panel.title
            assert not panel.empty or panel.empty.endswith("."), panel.title
            assert panel.kind != "stat" or len(panel.queries) == 1, panel.title


@pytest.mark.parametrize("stack", STACKS)
def test_legends_name_labels_that_their_query_leaves(stack: str, tmp_path: Path) -> None:
    for board in dashboards(layout(tmp_path, *STACKS[stack])):
        for panel in board.panels:
            for query in panel.queries:
                left = {label for found in re.findall(r"\bby \(([^)]*)\)", query.promql) for label in found.split(", ")}
                left |= {"server"} if "label_replace" in query.promql else set()
                shown = set(re.findall(r"\{(\w+)\}", query.legend))
                assert not left or shown <= left, (panel.title, query)


def test_pages_come_in_the_order_of_a_request(tmp_path: Path) -> None:
    found = [board.name for board in dashboards(layout(tmp_path, *STACKS["sharded"]))]
    assert found == list(PAGES)


def test_what_a_stack_lacks_is_not_shown(tmp_path: Path) -> None:
    def pages(*lines: str) -> set[str]:
        return {board.name for board in dashboards(layout(tmp_path, *lines))}

    assert set(PAGES) - pages("replicas: 1") == {"shards"}
    assert set(PAGES) - pages("replicas: 0") == {"shards", "replication"}
    text = "\n".join(one for board in dashboards(layout(tmp_path, "replicas: 0")) for one in queries(board))
    assert "replication" not in text
    assert "pgbouncer_" in text
    assert "pgpool" not in text
    other = "\n".join(one for board in dashboards(layout(tmp_path, "pooler: pgpool")) for one in queries(board))
    assert "pgbouncer_" not in other
    assert "pgpool" in other


def test_another_replica_needs_no_edit(tmp_path: Path) -> None:
    """The same panels and queries, with one more host among those that are counted."""

    def shown(count: int) -> list[list[tuple[str, list[str]]]]:
        boards = dashboards(layout(tmp_path, f"replicas: {count}"))
        return [
            [(panel.title, [query.promql for query in panel.queries]) for panel in board.panels] for board in boards
        ]

    assert shown(1) == shown(4)

    def answer(count: int) -> Panel:
        (found,) = (
            panel
            for board in dashboards(layout(tmp_path, f"replicas: {count}"))
            for panel in board.panels
            if panel.title == "Hosts that answer"
        )
        return found

    assert (
        int(answer(4).queries[0].legend.removeprefix("of ")) == int(answer(1).queries[0].legend.removeprefix("of ")) + 3
    )


def test_another_shard_brings_a_row_of_its_own(tmp_path: Path) -> None:
    def rows(count: int) -> dict[str, list[str]]:
        boards = {board.name: board for board in dashboards(layout(tmp_path, f"shards: {count}"))}
        return {
            row.title: [query.promql for panel in row.panels for query in panel.queries]
            for row in boards["shards"].rows
        }

    two, three = rows(2), rows(3)
    assert list(two) == ["shop-1", "shop-2"]
    assert list(three) == ["shop-1", "shop-2", "shop-3"]
    assert three["shop-1"] == two["shop-1"]
    assert [one.replace("shop-1", "shop-3") for one in three["shop-1"]] == three["shop-3"]


def test_a_projects_own_role_shows_itself_on_a_page_of_its_own(tmp_path: Path) -> None:
    lamp = tmp_path / "roles" / "dashboard_lamp"
    lamp.mkdir(parents=True)
    (lamp / "__init__.py").write_text(
        "from massive_deploy.desired import Desired\nfrom massive_deploy.topology.model import Strict\n"
        "NEEDS = ()\nPLACED_ON = ('app',)\nSERVES = ()\nCALLS = ()\n"
        "class Settings(Strict):\n    '''None.'''\n"
        "def wanted(topology):\n    return True\ndef desired(view):\n    return Desired()\n",
        encoding="utf-8",
    )
    (lamp / "panels.py").write_text(
        "from massive_deploy.dashboards.model import Panel, Query, Row\n"
        "LIT = Panel('Lit', (Query('lamp_lit'),), 'on/off', 'On: it shines.')\n"
        "LOST = Panel('Lost', (Query('lamp_lost'),), 'count', 'Never there.', needs=('keepalived',))\n"
        "def rows(layout):\n    return (Row('street_lamps', 'Lamps', (LIT, LOST)), Row('overview', 'Hosts', (LIT,)))\n",
        encoding="utf-8",
    )
    inventory = tmp_path / "inventories" / "shop"
    inventory.mkdir(parents=True)
    try:
        *others, last = dashboards(layout(inventory, "replicas: 0"))
        assert (last.name, last.title) == ("street_lamps", "Street lamps")
        assert queries(last) == ["lamp_lit"], "what needs a role that nobody runs is left out"
        overview = next(board for board in others if board.name == "overview")
        assert "lamp_lit" in [
            one for row in overview.rows if row.title == "Hosts" for p in row.panels for one in [p.queries[0].promql]
        ]
    finally:
        roles.use(None)
