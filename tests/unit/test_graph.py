"""The picture of a stack, at sizes from one host to sixty."""

from __future__ import annotations

import itertools
from dataclasses import replace
from xml.etree import ElementTree

import pytest

from massive_deploy.graph import escape, mermaid, svg
from massive_deploy.graph_parts import picture, tier_of
from massive_deploy.graph_place import Box, place
from massive_deploy.graph_routes import routes
from massive_deploy.topology.edges import edges
from massive_deploy.topology.layout import Host, Layout, Port
from massive_deploy.topology.model import App, Topology

SVG = "{http://www.w3.org/2000/svg}"
PORTS = {
    "base": (),
    "app": (Port("http", 8000),),
    "varnish": (Port("cache", 6081),),
    "postgresql": (Port("sql", 5432), Port("rest", 8008, "/metrics")),
    "etcd": (Port("client", 2379), Port("peer", 2380)),
    "redis": (Port("data", 6379),),
    "monitoring": (Port("prometheus", 9090, "/metrics"),),
}
PARTS = {
    "app": "app",
    "varnish": "edge",
    "postgresql": "database",
    "etcd": "quorum",
    "redis": "redis",
    "monitoring": "monitor",
}
CALLS = {
    "varnish": ("app.http",),
    "app": ("postgresql.sql", "redis.data"),
    "postgresql": ("postgresql.sql", "etcd.client"),
    "etcd": ("etcd.peer",),
    "monitoring": ("*",),
}


def stack(hosts: list[Host], name: str = "demo") -> Layout:
    topology = Topology(name=name, app=App(source=".", settings="shop.settings"))
    roles = {role: tuple(host.name for host in hosts if part in host.parts) for role, part in PARTS.items()}
    return Layout(name, topology, tuple(hosts), {"base": tuple(h.name for h in hosts), **roles}, {}, PORTS, CALLS)


def sized(edge: int, app: int, clusters: int, replicas: int) -> Layout:
    wanted: list[tuple[str, tuple[str, ...], int]] = []
    wanted += [("edge", ("edge",), 0)] * edge
    wanted += [("app", ("app",), 0)] * app
    wanted.append(("cache", ("redis",), 0))
    for number in range(1, clusters + 1):
        wanted += [("db", ("database",) + (("quorum",) if number == 1 else ()), number)] * (replicas + 1)
    wanted.append(("monitor", ("monitor",), 0))
    return stack(
        [
            Host(f"{group}{n}", group, parts, f"10.0.{n // 200}.{n % 200 + 1}", n, cluster or None)
            for n, (group, parts, cluster) in enumerate(wanted, 1)
        ]
    )


SIZES = {
    "one": stack([Host("all", "all", (*PARTS.values(),), "10.0.0.1", 1, 1)]),
    "seven": sized(1, 2, 1, 1),
    "twenty": sized(2, 6, 2, 4),
    "sixty": sized(4, 20, 11, 2),
    "quorum on the monitor": stack(
        [
            Host("web1", "web", ("edge", "app", "redis"), "10.0.0.1", 1),
            Host("db1", "db", ("database", "quorum"), "10.0.0.2", 1, 1),
            Host("monitor1", "monitor", ("monitor", "quorum"), "10.0.0.3", 1),
        ]
    ),
    "no tier between": stack(
        [
            Host("edge1", "edge", ("edge", "redis"), "10.0.0.1", 1),
            Host("app1", "app", ("app", "quorum"), "10.0.0.2", 1),
            Host("db1", "db", ("database", "quorum"), "10.0.0.3", 1, 1),
        ]
    ),
}


@pytest.fixture(params=SIZES)
def layout(request: pytest.FixtureRequest) -> Layout:
    return SIZES[request.param]


def test_the_svg_is_whole_and_shows_every_host_once(layout: Layout) -> None:
    root = ElementTree.fromstring(svg(layout, edges(layout)))  # noqa: S314 - our own output
    words = [text.text for text in root.iter(f"{SVG}text")]
    for host in layout.hosts:
        assert words.count(host.address) == 1
    _, _, width, height = map(float, root.attrib["viewBox"].split())
    for shape in root.iter(f"{SVG}rect"):
        assert float(shape.get("x", "0")) + float(shape.attrib["width"]) <= width
        assert float(shape.get("y", "0")) + float(shape.attrib["height"]) <= height


def test_nothing_refers_outside(layout: Layout) -> None:
    text = svg(layout, edges(layout)).replace('xmlns="http://www.w3.org/2000/svg"', "")
    assert "http" not in text
    assert "<script" not in text
    assert "prefers-color-scheme:dark" in text


def overlap(one: Box, other: Box) -> bool:
    return one.x < other.right and other.x < one.right and one.y < other.bottom and other.y < one.bottom


def test_frames_do_not_overlap_and_arrows_cross_none(layout: Layout) -> None:
    shown = picture(layout, edges(layout))
    placed = place(shown)
    for one, other in itertools.combinations(placed.frames.values(), 2):
        assert not overlap(one, other)
    for way in routes(shown.arrows, placed):
        for (ax, ay), (bx, by) in itertools.pairwise(way.points):
            assert ax == bx or ay == by
            line = Box(min(ax, bx) + 0.1, min(ay, by) + 0.1, abs(ax - bx) - 0.2, abs(ay - by) - 0.2)
            thin = Box(line.x, line.y, max(line.width, 0.1), max(line.height, 0.1))
            assert not any(overlap(thin, frame) for frame in placed.frames.values())


def test_panels_stay_in_their_frames(layout: Layout) -> None:
    placed = place(picture(layout, edges(layout)))
    for panel, size, box in placed.panels:
        assert any(
            f.x < box.x and box.right < f.right and f.y < box.y and box.bottom < f.bottom
            for f in placed.frames.values()
        )
        assert size.height(len(panel.hosts)) <= box.height


def test_arrows_are_one_per_pair_of_tiers() -> None:
    shown = picture(SIZES["sixty"], edges(SIZES["sixty"]))
    assert [(arrow.source, arrow.target, arrow.lines) for arrow in shown.arrows] == [
        ("edge", "app", ("app 8000",)),
        ("app", "cache", ("redis 6379",)),
        ("app", "database", ("postgresql 5432",)),
    ]
    assert shown.everywhere == ("base",)


def test_clusters_are_panels_and_odd_roles_stand_at_the_host() -> None:
    shown = picture(SIZES["twenty"], ())
    database = next(tier for tier in shown.tiers if tier.name == "database")
    assert [(panel.title, panel.roles) for panel in database.panels] == [
        ("demo-1", ("etcd", "postgresql")),
        ("demo-2", ("postgresql",)),
    ]
    odd = stack(
        [
            Host("a", "cache", ("redis",), "10.0.0.1", 1),
            Host("b", "cache", ("redis", "quorum"), "10.0.0.2", 2),
            Host("c", "app", ("app",), "10.0.0.3", 3),
        ]
    )
    (panel,) = next(tier for tier in picture(odd, ()).tiers if tier.name == "cache").panels
    assert (panel.roles, [extra for _, extra in panel.hosts]) == (("redis",), [(), ("etcd",)])


def test_tiers() -> None:
    assert tier_of(Host("x", "x", ("edge", "app", "database"), "10.0.0.1", 1)) == "edge"
    assert tier_of(Host("x", "x", ("database", "quorum"), "10.0.0.1", 1)) == "database"
    assert tier_of(Host("x", "x", ("quorum",), "10.0.0.1", 1)) == "monitor"
    assert tier_of(Host("x", "x", (), "10.0.0.1", 1)) == "app"


def test_mermaid_names_tiers_panels_hosts_and_arrows() -> None:
    text = mermaid(SIZES["seven"], edges(SIZES["seven"]))
    assert text.startswith("flowchart LR\n")
    assert 'subgraph panel_database_0["demo-1: etcd, postgresql"]' in text
    assert 'tier_edge -->|"app 8000"| tier_app' in text
    assert text.count("subgraph ") == text.count("  end\n") == 10
    for host in SIZES["seven"].hosts:
        assert f'["{host.name}<br/>{host.address}"]' in text


def test_awkward_names_are_escaped() -> None:
    odd = replace(stack([Host('a"<b>&', "g<1>", ("app",), "10.0.0.1", 1)]), name='x"<y>&')
    root = ElementTree.fromstring(svg(odd, ()))  # noqa: S314 - our own output
    assert 'a"<b>&' in [text.text for text in root.iter(f"{SVG}text")]
    assert escape('a"<b>') == "a#34;#60;b#62;"
    assert '["a#34;#60;b#62;#38;<br/>10.0.0.1"]' in mermaid(odd, ())
