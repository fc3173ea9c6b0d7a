from __future__ import annotations

import re
from pathlib import Path

import pytest

from massive_deploy.desired import Desired
from massive_deploy.errors import InvalidInput
from massive_deploy.inventory import open_inventory
from massive_deploy.render import Renderer
from massive_deploy.view import Release

from .web_stack import file

CONFIG = "/etc/keepalived/keepalived.conf"
TOPOLOGY = """
name: trial
target: docker
docker: {{subnet: 10.203.77.0/24, memory: 4GiB}}
edge_servers: {edges}
edge_address: {address}
app: {{source: ., settings: shop.settings}}
"""


def write(folder: Path, address: str = "10.203.77.200/24", edges: int = 2, more: str = "") -> Path:
    (folder / "topology.yaml").write_text(TOPOLOGY.format(address=address, edges=edges) + more, encoding="utf-8")
    return folder


def wanted(folder: Path, host: str, role: str = "keepalived") -> Desired:
    opened = open_inventory(folder)
    renderer = Renderer(opened.layout, opened.roles, lambda _: "a" * 32, release=Release("1", "/nowhere"))
    return renderer.desired(role, host)


def test_all_are_equal_and_speak_to_each_other_alone(tmp_path: Path) -> None:
    texts = {name: file(wanted(write(tmp_path), name), CONFIG).content for name in ("edge-1", "edge-2")}
    layout = open_inventory(tmp_path).layout
    own = {name: layout.host(name).address for name in texts}
    assert f"unicast_src_ip {own['edge-1']}" in texts["edge-1"]
    assert re.findall(r"unicast_peer \{\s+(\S+)\s+\}", texts["edge-1"]) == [own["edge-2"]]
    same = ("priority", "virtual_router_id", "advert_int", "state", "auth_pass")
    for key in same:
        (one,), (two,) = (re.findall(rf"\b{key} (\S+)", text) for text in texts.values())
        assert one == two, key
    # Another's lower priority is what moves the address: with nopreempt it would stay on a server that is ill.
    assert "nopreempt" not in texts["edge-1"]
    assert "10.203.77.200/32" in texts["edge-1"]


def test_the_password_has_what_vrrp_has_room_for_and_is_private(tmp_path: Path) -> None:
    config = file(wanted(write(tmp_path), "edge-1"), CONFIG)
    assert re.findall(r"auth_pass (\S+)", config.content) == ["a" * 8]
    assert (config.mode, config.secret) == (0o600, True)


def test_no_machine_gets_the_shared_address(tmp_path: Path) -> None:
    first = open_inventory(write(tmp_path, "10.203.77.200/24")).layout.hosts[0].address
    moved = open_inventory(write(tmp_path, f"{first}/24")).layout
    assert first not in {host.address for host in moved.hosts}


def test_nginx_hands_the_address_over_before_it_restarts(tmp_path: Path) -> None:
    rolling = wanted(write(tmp_path), "edge-1", "nginx").rolling
    assert rolling is not None
    assert rolling.drain_seconds >= 5
    (tmp_path / "alone").mkdir()
    text = TOPOLOGY.format(address="x", edges=1).replace("edge_address: x\n", "")
    (tmp_path / "alone/topology.yaml").write_text(text, encoding="utf-8")
    assert "keepalived" not in open_inventory(tmp_path / "alone").layout.roles
    alone = wanted(tmp_path / "alone", "edge-1", "nginx").rolling
    assert alone is not None
    assert alone.drain_seconds == 0


@pytest.mark.parametrize(
    ("address", "edges", "what"),
    [
        ("10.203.77.200/24", 1, "needs a second edge server"),
        ("10.203.78.200/24", 2, "is not in 10.203.78.0/24"),
        ("10.203.77.1/24", 2, "the network's own"),
        ("10.203.77.255/24", 2, "the network's own"),
        ("10.203.77.200", 2, "an IPv4 address with its network's length"),
        ("10.203.77.200/33", 2, "an IPv4 address with its network's length"),
    ],
)
def test_an_address_that_cannot_be_shared_is_refused(address: str, edges: int, what: str, tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match=re.escape(what)) as refused:
        open_inventory(write(tmp_path, address, edges))
    assert {problem.where for problem in refused.value.problems} == {"edge_address"}
    assert all(problem.line == 6 and problem.fix for problem in refused.value.problems)


def test_a_given_hosts_own_address_is_refused(tmp_path: Path) -> None:
    hosts = "".join(f"  h{n}: {{address: 192.0.2.{n}}}\n" for n in range(1, 9))
    text = f"""name: trial
edge_servers: 2
edge_address: 192.0.2.8/24
app: {{source: ., settings: shop.settings}}
hosts:
{hosts}"""
    (tmp_path / "topology.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(InvalidInput, match="is the address of 'h8' itself"):
        open_inventory(tmp_path)
