"""sshd's configuration is taken over so that a mistake undoes itself."""

from __future__ import annotations

import stat
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from massive_deploy.desired import Desired
from massive_deploy.errors import InvalidInput
from massive_deploy.inventory import open_inventory
from massive_deploy.render import Renderer
from massive_deploy.view import Release

from .web_stack import file

TOPOLOGY = """
name: trial
target: docker
docker: {subnet: 10.203.77.0/24, memory: 4GiB}
app: {source: ., settings: shop.settings}
"""
WANTED = "/etc/massive-deploy/sshd.conf"
LIVE = "/etc/ssh/sshd_config.d/10-massive-deploy.conf"
SCRIPT = "/usr/local/lib/massive-deploy/sshd"
UPGRADES = "/etc/apt/apt.conf.d/51massive-deploy-upgrades"
PROGRAMS = {
    "sshd": """
! grep -q refused "$here/live" || exit 1
[ "$1" != -T ] || { [ -e "$here/elsewhere" ] || printf 'permitemptypasswords no\\nloglevel VERBOSE\\n'; }
""",
    "systemd-run": 'touch "$here/timer"',
    "systemctl": """
case "$*" in
stop*timer*) rm -f "$here/timer" ;;
*try-reload*) cp "$here/live" "$here/heard" 2>/dev/null || rm -f "$here/heard" ;;
esac
""",
}


def wanted(folder: Path, more: str = "") -> Desired:
    (folder / "topology.yaml").write_text(TOPOLOGY + more, encoding="utf-8")
    opened = open_inventory(folder)
    renderer = Renderer(opened.layout, opened.roles, lambda _: "a" * 32, release=Release("1", "/nowhere"))
    return renderer.desired("hardening", "db-1")


@dataclass
class Host:
    """The script on a scratch host; `heard` is the configuration its sshd runs with."""

    folder: Path
    observe: str

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        line = ["sh", str(self.folder / "script"), *words]
        return subprocess.run(line, capture_output=True, text=True, check=False, timeout=30)

    def want(self, text: str) -> None:
        (self.folder / "wanted").write_text(text, encoding="utf-8")

    def read(self, name: str) -> str:
        path = self.folder / name
        return path.read_text(encoding="utf-8") if path.exists() else ""

    @property
    def armed(self) -> bool:
        return (self.folder / "timer").exists()


@pytest.fixture
def host(tmp_path: Path) -> Host:
    made = wanted(tmp_path)
    place = tmp_path / "host"
    (place / "bin").mkdir(parents=True)
    for name, body in PROGRAMS.items():
        program = place / "bin" / name
        program.write_text(f"#!/bin/sh\nhere={place}\n{body}", encoding="utf-8")
        program.chmod(program.stat().st_mode | stat.S_IXUSR)
    text = file(made, SCRIPT).content.replace("PATH=/usr/sbin", f"PATH={place}/bin:/usr/sbin")
    for path, name in ((WANTED, "wanted"), (LIVE, "live"), ("/var/lib/massive-deploy/sshd", "state")):
        text = text.replace(path, str(place / name))
    (place / "script").write_text(text, encoding="utf-8")
    return Host(place, made.tasks[0].observe)


def test_what_is_tried_stays_when_it_is_confirmed(host: Host) -> None:
    host.want("one")
    assert host.run("try", "60").returncode == 0
    assert (host.read("live"), host.read("heard"), host.armed) == ("one", "one", True)
    assert host.run("confirm").returncode == 0
    assert not host.armed
    assert host.run("revert").returncode == 0
    assert host.read("heard") == "one"


def test_what_nobody_confirms_is_taken_back(host: Host) -> None:
    host.want("one")
    host.run("try", "60")
    host.run("confirm")
    host.want("two")
    host.run("try", "60")
    assert host.read("heard") == "two"
    host.run("revert")
    assert (host.read("live"), host.read("heard")) == ("one", "one")
    late = host.run("confirm")
    assert (late.returncode, "taken sshd's configuration back" in late.stderr) == (1, True)


def test_the_first_one_is_taken_back_to_nothing(host: Host) -> None:
    host.want("one")
    host.run("try", "60")
    host.run("revert")
    assert not (host.folder / "live").exists()


def test_a_second_try_does_not_take_the_first_for_what_was_before(host: Host) -> None:
    host.want("one")
    host.run("try", "60")
    host.want("two")
    host.run("try", "60")
    host.run("revert")
    assert not (host.folder / "live").exists()


@pytest.mark.parametrize("why", ["refused", "elsewhere"])
def test_what_sshd_does_not_take_is_never_heard(host: Host, why: str) -> None:
    host.want(why)
    if why == "elsewhere":
        (host.folder / "elsewhere").touch()
    tried = host.run("try", "60")
    assert (tried.returncode, "Include /etc/ssh/sshd_config.d/*.conf" in tried.stderr) == (1, True)
    assert not (host.folder / "live").exists()
    assert not host.armed


def test_the_script_knows_its_words(host: Host) -> None:
    said = host.run()
    assert said.returncode == 2
    assert all(word in said.stderr for word in ("try SECONDS", "confirm", "revert"))


def test_passwords_stay_where_people_need_them(tmp_path: Path) -> None:
    assert "PasswordAuthentication no" in file(wanted(tmp_path), WANTED).content
    text = file(wanted(tmp_path, "roles: {hardening: {passwords: true}}"), WANTED).content
    assert "PasswordAuthentication" not in text
    assert "PermitRootLogin prohibit-password" in text


def test_sshd_can_be_left_alone(tmp_path: Path) -> None:
    made = wanted(tmp_path, "roles: {hardening: {sshd: false}}")
    assert {WANTED, SCRIPT} <= set(made.absent)
    task = made.tasks[0]
    assert (task.name, LIVE in task.observe) == ("sshd as it was", True)


def test_upgrades_can_be_left_to_others(tmp_path: Path) -> None:
    made = wanted(tmp_path, "roles: {hardening: {upgrades: false}}")
    assert "unattended-upgrades" not in made.packages
    assert UPGRADES in made.absent
    assert not made.units


def test_packages_are_kept_back_by_name(tmp_path: Path) -> None:
    text = file(wanted(tmp_path, 'roles: {hardening: {keep_back: ["^linux-"]}}'), UPGRADES).content
    assert 'Unattended-Upgrade::Package-Blacklist:: "^linux-";' in text
    with pytest.raises(InvalidInput):
        wanted(tmp_path, 'roles: {hardening: {keep_back: [\'a"; DPkg::Pre-Invoke {"touch /x"\']}}')


def test_new_accounts_are_noted_once(tmp_path: Path) -> None:
    (task,) = (task for task in wanted(tmp_path).tasks if task.name == "new accounts")
    place = tmp_path / "login.defs"
    place.write_text(
        "MAIL_DIR /var/mail\nPASS_MIN_DAYS\t\t0\n#PASS_MIN_DAYS 7\nPASS_MAX_DAYS\t99999\n", encoding="utf-8"
    )

    def did(script: str, told: str = "") -> str:
        line = ["sh", "-c", script.replace("/etc/login.defs", str(place))]
        return subprocess.run(line, input=told, capture_output=True, text=True, check=True).stdout.strip()

    assert did(task.observe) != task.want
    for _ in range(2):
        did(task.run, task.stdin)
        assert did(task.observe) == task.want
    text = place.read_text(encoding="utf-8")
    assert (text.count("PASS_MIN_DAYS"), "MAIL_DIR /var/mail" in text) == (1, True)
