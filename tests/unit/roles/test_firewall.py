"""The ruleset is made of the layout, and the host takes back what nobody confirms."""

from __future__ import annotations

import re
import stat
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from massive_deploy.desired import Desired, Task
from massive_deploy.errors import InvalidInput
from massive_deploy.inventory import open_inventory
from massive_deploy.render import Renderer, stages
from massive_deploy.view import Release

from .web_stack import file

RULES = "/etc/massive-deploy/firewall.nft"
SCRIPT = "/usr/local/lib/massive-deploy/firewall"
TOPOLOGY = """
name: trial
target: docker
docker: {subnet: 10.203.77.0/24, memory: 4GiB}
edge_servers: 2
edge_address: 10.203.77.200/24
app: {source: ., settings: shop.settings}
"""
PORT = re.compile(r"add element inet massive_deploy calls \{ (\S+) \. tcp \. (\d+) ")


def renderer(folder: Path, more: str = "", text: str = TOPOLOGY) -> Renderer:
    (folder / "topology.yaml").write_text(text + more, encoding="utf-8")
    opened = open_inventory(folder)
    return Renderer(opened.layout, opened.roles, lambda _: "a" * 32, release=Release("1", "/nowhere"))


def wanted(folder: Path, host: str, more: str = "", text: str = TOPOLOGY) -> Desired:
    return renderer(folder, more, text).desired("firewall", host)


def rules(folder: Path, host: str, more: str = "", text: str = TOPOLOGY) -> str:
    return file(wanted(folder, host, more, text), RULES).content


def added(text: str) -> list[str]:
    return [line for line in text.splitlines() if line.startswith("add ") and " table " not in line]


def test_what_no_rule_lets_in_is_dropped_and_no_other_table_is_touched(tmp_path: Path) -> None:
    text = rules(tmp_path, "app-1")
    assert "hook input priority filter; policy drop;" in text
    assert "flush ruleset" not in text
    assert set(re.findall(r"(?:table|chain|element|rule) inet (\S+)", text)) == {"massive_deploy"}


def test_an_app_host_is_open_to_the_edge_and_the_monitor(tmp_path: Path) -> None:
    text = rules(tmp_path, "app-1")
    at = {host.name: host.address for host in open_inventory(tmp_path).layout.hosts}
    callers = {(address, int(port)) for address, port in PORT.findall(text)}
    assert {pair for pair in callers if pair[1] == 8000} == {(at["edge-1"], 8000), (at["edge-2"], 8000)}
    assert {address for address, port in callers if port != 8000} == {at["monitor-1"]}
    assert not [line for line in added(text) if " public " in line]


def test_only_edges_are_open_to_anybody_and_only_where_they_serve(tmp_path: Path) -> None:
    def public(more: str = "") -> list[str]:
        return re.findall(r" public \{ (\w+ \. \d+) ", rules(tmp_path, "edge-1", more))

    assert public() == ["tcp . 80"]
    assert public("roles: {nginx: {tls: own}}\n") == ["tcp . 80", "tcp . 443"]
    assert public("roles: {nginx: {tls: own, https: {http3: true}}}\n") == ["tcp . 80", "tcp . 443", "udp . 443"]


def test_edge_servers_that_share_an_address_hear_each_other(tmp_path: Path) -> None:
    at = {host.name: host.address for host in renderer(tmp_path)._layout.hosts}
    for one, other in (("edge-1", "edge-2"), ("edge-2", "edge-1")):
        assert f"allowed ip saddr {at[other]} meta l4proto 112 accept" in rules(tmp_path, one)
    assert "l4proto 112" not in rules(tmp_path, "app-1")


def test_ssh_comes_in_from_anywhere_or_from_the_networks_that_are_named(tmp_path: Path) -> None:
    def ssh(more: str = "") -> list[str]:
        return [line.partition(" allowed ")[2] for line in added(rules(tmp_path, "app-1", more)) if "dport" in line]

    assert ssh() == ["ip saddr { 0.0.0.0/0 } tcp dport 22 accept", "ip6 saddr { ::/0 } tcp dport 22 accept"]
    named = (
        'roles: {firewall: {ssh_from: [192.0.2.7, 192.0.2.128/25, 192.0.2.0/25, "2001:db8::/32"], ssh_ports: [2222]}}\n'
    )
    assert ssh(named) == [
        "ip saddr { 192.0.2.0/24 } tcp dport 2222 accept",
        "ip6 saddr { 2001:db8::/32 } tcp dport 2222 accept",
    ]
    assert ssh("roles: {firewall: {ssh_from: [192.0.2.0/24]}}\n") == ["ip saddr { 192.0.2.0/24 } tcp dport 22 accept"]


def test_ssh_goes_by_the_port_the_host_was_given(tmp_path: Path) -> None:
    text = "name: trial\nstack: small\nhosts:\n  one: {address: 192.0.2.1, port: 2200}\n"
    text += "app: {source: ., settings: shop.settings}\n"
    assert "tcp dport 2200 accept" in rules(tmp_path, "one", text=text)
    assert "# SSH comes in at port 2200 from 0.0.0.0/0, ::/0" in rules(tmp_path, "one", text=text)


def test_more_ports_are_opened_where_the_topology_says(tmp_path: Path) -> None:
    prometheus = "{port: 9090, networks: [192.0.2.0/24], groups: [monitor]}"
    more = f"roles: {{firewall: {{allow: [{prometheus}, {{port: 53, protocol: udp}}]}}}}\n"
    monitor, app = rules(tmp_path, "monitor-1", more), rules(tmp_path, "app-1", more)
    assert "allowed ip saddr { 192.0.2.0/24 } tcp dport 9090 accept" in monitor
    assert "tcp dport 9090" not in app
    for text in (monitor, app):
        assert "allowed ip6 saddr { ::/0 } udp dport 53 accept" in text


@pytest.mark.parametrize(
    ("setting", "what"),
    [
        ('ssh_from: ["192.0.2.0/33"]', r'is not possible: "192.0.2.0/33" \(write a network like 192.0.2.0/24'),
        ('ssh_from: ["1.2.3.4 } accept"]', r"is not possible: .* \(write a network like"),
        ('ssh_from: ["fe80::1%eth0/64"]', r"is not possible: .* \(write a network like"),
        ("ssh_from: []", r"at least 1 item"),
        ("allow: [{port: 9090, groups: [monitors]}]", r"no host is in a group 'monitors' \(did you mean 'monitor'\?\)"),
        ("confirm_seconds: 5", r"at least 45"),
    ],
)
def test_settings_that_make_no_sense_are_refused(setting: str, what: str, tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match=what):
        wanted(tmp_path, "app-1", f"roles: {{firewall: {{{setting}}}}}\n")


def test_rules_are_loaded_before_any_other_role_and_close_after_all(tmp_path: Path) -> None:
    made = renderer(tmp_path)
    opened = open_inventory(tmp_path)
    assert "firewall" in stages(opened.layout, opened.roles)[0]
    assert [role for role in opened.roles if role not in {"base", "firewall"} and not opened.roles[role].NEEDS] == []
    first, last = made.desired("firewall", "app-1").tasks
    assert (first.before_units, first.afterwards, last.afterwards) == (True, False, True)
    assert first.confirm == last.confirm == f"{SCRIPT} confirm"


def test_a_new_host_is_let_in_by_its_peers_and_one_that_leaves_no_more(tmp_path: Path) -> None:
    from massive_deploy.inventory import save

    def callers(host: str = "db-1") -> set[str]:
        return {address for address, port in PORT.findall(rules(tmp_path, host, more)) if port == "5432"}

    more = "app_servers: 1\n"
    before = callers()
    save(open_inventory(tmp_path))
    more = "app_servers: 2\n"
    grown = callers()
    save(open_inventory(tmp_path))
    assert len(grown - before) == 1
    more = "app_servers: 1\n"
    assert callers() == before
    assert [host.name for host in open_inventory(tmp_path).layout.leaving] == ["app-2"]
    text = rules(tmp_path, "db-1", more)
    (address,) = grown - before
    assert address not in text
    # What it has open goes on: only the site's packets are judged without the kernel's memory of connections.
    assert "ct state established,related accept" in text
    assert re.findall(r"@(\w+) notrack", text) == ["public", "public"]


def test_without_it_nothing_is_left_and_coming_back_is_tried_anew(tmp_path: Path) -> None:
    off = wanted(tmp_path, "app-1", "roles: {firewall: {enabled: false}}\n")
    (unit,) = off.units
    assert (unit.running, unit.enabled) == (False, False)
    assert RULES not in {one.path for one in off.files}
    assert {path.rpartition("/")[2] for path in off.absent} == {"confirmed.nft", "open", "closed", "listed"}
    assert off.tasks == ()


def test_names_of_users_own_roles_do_not_break_out_of_a_comment() -> None:
    from massive_deploy.roles.firewall.rules import _comment

    assert _comment('a" } ; flush ruleset\n') == 'comment "a? ? ? flush ruleset?"'
    assert len(_comment("x" * 500)) == len('comment ""') + 120


@dataclass
class Host:
    """The script on a scratch host, with programs that note down what they are asked."""

    folder: Path
    script: Path
    tasks: tuple[Task, ...]

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(["sh", str(self.script), *words], capture_output=True, text=True, check=False, timeout=30)

    @property
    def loaded(self) -> str:
        """What the kernel has: the file that was loaded last."""
        path = self.folder / "kernel"
        return path.read_text(encoding="utf-8") if path.exists() else ""

    @property
    def armed(self) -> bool:
        return (self.folder / "timer").exists()

    def rules(self, *lines: str) -> None:
        """The wanted file: its elements."""
        head = "# SSH comes in at port 22 from anywhere\n"
        text = head + "".join(f"add element inet massive_deploy calls {{ {line} }}\n" for line in lines)
        (self.folder / "rules").write_text(text, encoding="utf-8")

    def has(self, *lines: str) -> bool:
        return set(lines) == set(re.findall(r"calls \{ (\S+) \}", self.loaded))

    def observed(self, number: int) -> str:
        """What a task's probe prints of the rules as they are wanted now."""
        import hashlib

        total = hashlib.sha256((self.folder / "rules").read_bytes()).hexdigest()
        text = re.sub(r"sum='[0-9a-f]* ", f"sum='{total} ", self.tasks[number].observe)
        text = text.replace("/var/lib/massive-deploy/firewall", str(self.folder / "state"))
        line = f"PATH={self.folder}/bin:$PATH; {text}"
        return subprocess.run(["sh", "-c", line], capture_output=True, text=True, check=False).stdout.strip()


PROGRAMS = {
    "nft": """
case "$1" in
-c) ! grep -q refused "$3" ;;
-f) ! grep -q unloadable "$2" && cat "$2" >"$here/kernel" ;;
-ns) cat "$here/kernel" ;;
list) [ -e "$here/kernel" ] ;;
delete) rm "$here/kernel" ;;
esac
""",
    "systemd-run": 'touch "$here/timer"',
    "systemctl": 'case "$*" in stop*timer*) rm -f "$here/timer" ;; esac',
    "ss": "cat $here/sockets 2>/dev/null",
}


@pytest.fixture
def host(tmp_path: Path) -> Host:
    made = wanted(tmp_path, "app-1")
    text = file(made, SCRIPT).content
    place = tmp_path / "host"
    (place / "bin").mkdir(parents=True)
    for name, body in PROGRAMS.items():
        program = place / "bin" / name
        program.write_text(f"#!/bin/sh\nhere={place}\n{body}", encoding="utf-8")
        program.chmod(program.stat().st_mode | stat.S_IXUSR)
    text = text.replace("PATH=/usr/sbin", f"PATH={place}/bin:/usr/sbin").replace(RULES, str(place / "rules"))
    text = text.replace("/var/lib/massive-deploy/firewall", str(place / "state"))
    script = place / "firewall"
    script.write_text(text, encoding="utf-8")
    return Host(place, script, made.tasks)


def test_the_script_is_valid_shell(tmp_path: Path) -> None:
    made = wanted(tmp_path, "app-1")
    for text in (file(made, SCRIPT).content, *(task.observe for task in made.tasks)):
        assert subprocess.run(["sh", "-n", "-c", text], check=False).returncode == 0


def test_rules_are_kept_once_they_are_confirmed(host: Host) -> None:
    host.rules("a", "b")
    assert (host.observed(0), host.observed(1)) == ("", "")
    said = host.run("try", "open", "60").stdout
    assert "SSH comes in at port 22 from anywhere" in said
    assert host.armed
    assert host.has("a", "b")
    assert host.run("confirm").returncode == 0
    assert not host.armed
    assert (host.observed(0), host.observed(1)) == ("open", "closed")


def test_rules_nobody_confirms_are_taken_back(host: Host) -> None:
    host.rules("a")
    host.run("try", "open", "60")
    host.run("confirm")
    host.rules("b")
    host.run("try", "close", "60")
    assert host.has("b")
    assert "those from before are back" in host.run("revert").stdout
    assert host.has("a")
    late = host.run("confirm")
    assert late.returncode == 1
    assert "taken these rules back" in late.stderr
    assert (host.observed(0), host.observed(1)) == ("", "")


def test_the_first_rules_leave_nothing_behind_when_nobody_confirms_them(host: Host) -> None:
    host.rules("a")
    host.run("try", "open", "60")
    host.run("revert")
    assert host.loaded == ""


def test_a_timer_that_is_late_takes_nothing_back(host: Host) -> None:
    host.rules("a")
    host.run("try", "open", "60")
    host.run("confirm")
    assert host.run("revert").stdout == ""
    assert host.has("a")


def test_what_was_open_stays_open_until_all_roles_are_through(host: Host) -> None:
    host.rules("a", "b")
    host.run("try", "open", "60")
    host.run("confirm")
    host.rules("b", "c")
    host.run("try", "open", "60")
    host.run("confirm")
    assert host.has("a", "b", "c")
    assert (host.observed(0), host.observed(1)) == ("open", "")
    host.run("try", "close", "60")
    host.run("confirm")
    assert host.has("b", "c")
    assert (host.observed(0), host.observed(1)) == ("open", "closed")


def test_rules_that_do_not_fit_beside_those_before_replace_them(host: Host) -> None:
    host.rules("refused")
    host.run("try", "open", "60")
    host.run("confirm")
    host.rules("b")
    assert host.run("try", "open", "60").returncode == 0
    assert host.has("b")


def test_rules_the_kernel_refuses_change_nothing(host: Host) -> None:
    host.rules("a")
    host.run("try", "open", "60")
    host.run("confirm")
    host.rules("unloadable")
    assert host.run("try", "close", "60").returncode != 0
    assert host.has("a")
    assert not host.armed
    assert host.run("confirm").returncode == 1


def test_a_boot_between_loading_and_confirming_takes_the_rules_back(host: Host) -> None:
    host.rules("a")
    host.run("try", "open", "60")
    host.run("confirm")
    host.rules("b")
    host.run("try", "close", "60")
    (host.folder / "kernel").unlink()
    assert host.run("load").returncode == 0
    assert host.has("a")
    assert host.run("confirm").returncode == 1


def test_somebody_elses_change_of_the_table_is_found(host: Host) -> None:
    host.rules("a")
    host.run("try", "open", "60")
    host.run("confirm")
    (host.folder / "kernel").unlink()
    assert host.observed(1) != "closed"


def test_the_plan_says_which_ports_will_be_closed(host: Host) -> None:
    host.rules("a")
    lines = [
        'tcp LISTEN 0 5 0.0.0.0:8080 0.0.0.0:* users:(("python3",pid=7,fd=3))',
        'tcp LISTEN 0 5 [::]:8080 [::]:* users:(("python3",pid=7,fd=4))',
        'tcp LISTEN 0 5 127.0.0.1:5000 0.0.0.0:* users:(("own",pid=8,fd=3))',
        'tcp LISTEN 0 5 [::1]:5001 [::]:* users:(("own",pid=8,fd=3))',
        'tcp LISTEN 0 128 0.0.0.0:22 0.0.0.0:* users:(("sshd",pid=9,fd=3))',
        'tcp LISTEN 0 128 10.203.77.13:8000 0.0.0.0:* users:(("nginx",pid=9,fd=3))',
        'udp UNCONN 0 0 0.0.0.0:68 0.0.0.0:* users:(("dhcpcd",pid=9,fd=3))',
        'udp UNCONN 0 0 0.0.0.0:41000 0.0.0.0:* users:(("resolver",pid=9,fd=3))',
        "udp UNCONN 0 0 *:514 *:*",
    ]
    (host.folder / "sockets").write_text("\n".join(lines) + "\n", encoding="utf-8")
    assert host.observed(1).splitlines() == ["open to all now: tcp 8080 (python3)", "open to all now: udp 514 (?)"]
    host.run("try", "open", "60")
    assert host.observed(1) == ""


def test_it_says_how_it_is_called(host: Host) -> None:
    said = host.run("help")
    assert said.returncode == 2
    assert "try open|close SECONDS" in said.stderr
