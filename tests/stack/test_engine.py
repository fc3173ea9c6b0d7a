"""The engine on real hosts over SSH: atomic file sets, missed restarts, failures that stop a stage, the lock."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from massive_deploy.desired import Desired, File, Gate, Task, Unit, User, Validator
from massive_deploy.engine import plan as planning
from massive_deploy.engine import probe
from massive_deploy.engine.apply import apply, compile_stages
from massive_deploy.engine.lock import locked
from massive_deploy.engine.plan import Plan
from massive_deploy.errors import HostsFailed, Locked
from massive_deploy.targets import Machine, Ssh
from massive_deploy.targets.docker import DockerTarget

pytestmark = pytest.mark.stack

SERVICE = File(
    "/etc/systemd/system/ticker.service",
    "[Service]\nExecStart=/bin/sh -c 'while cat /etc/ticker.conf; do sleep 1; done'\n"
    "[Install]\nWantedBy=multi-user.target\n",
)
CONF = File("/etc/ticker.conf", "speed 1\n", 0o640, "ticker", "ticker", secret=True)
ROLE = Desired(
    packages=("sl",),
    users=(User("ticker"),),
    files=(SERVICE, CONF),
    validators=(Validator("ticker check", "grep -q '^speed [0-9]' $STAGE/etc/ticker.conf", ("/etc/ticker.conf",)),),
    units=(Unit("ticker", restart_on=(CONF.path, SERVICE.path)),),
    tasks=(Task("mark", "cat /root/mark", "made", "cat >/root/mark", stdin="made\n", settle=5),),
    gates=(Gate("ticks", "systemctl is-active ticker", 10),),
)


@dataclass(frozen=True)
class Hosts:
    """The machines of this module and how to reach them."""

    reach: Mapping[str, Ssh]

    def plan(self, role: Desired) -> Plan:
        from massive_deploy.engine.transport import connected

        desired = {host: {"ticker": role} for host in self.reach}
        with connected(self.reach) as (fleet, unreachable):
            assert unreachable == {}
            script = probe.script({"ticker": role})
            outputs = fleet.run_all(dict.fromkeys(self.reach, "sh -s"), dict.fromkeys(self.reach, script))
            seen = {host: probe.parse(output.stdout, desired[host]) for host, output in outputs.items()}
        return planning.make(desired, seen)

    def up(self, role: Desired) -> int:
        from massive_deploy.engine.transport import connected

        stages = compile_stages(self.plan(role), [["ticker"]])
        with connected(self.reach) as (fleet, _):
            return apply(fleet, stages, lambda *_: None, lambda *_: None)

    def run(self, host: str, command: str) -> str:
        from massive_deploy.engine.transport import connected

        with connected({host: self.reach[host]}) as (fleet, _):
            output = fleet.run(host, command)
        return output.stdout.strip()


@pytest.fixture(scope="module")
def hosts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hosts]:
    target = DockerTarget("md-engine", "10.203.254.0/24", None, tmp_path_factory.mktemp("keys"))
    machines = [Machine(f"h-{n}", f"10.203.254.{10 + n}", 512, 1) for n in (1, 2)]
    try:
        yield Hosts(target.ensure(machines, lambda _: None))
    finally:
        target.destroy(lambda _: None)


def test_a_role_is_brought_up_once_and_stays(hosts: Hosts) -> None:
    assert hosts.plan(ROLE).changes > 0
    hosts.up(ROLE)
    assert hosts.run("h-1", "stat -c '%a %U %G' /etc/ticker.conf; cat /root/mark") == "640 ticker ticker\nmade"
    assert hosts.run("h-2", "systemctl is-active ticker; systemctl is-enabled ticker") == "active\nenabled"
    assert hosts.plan(ROLE).empty
    assert hosts.up(ROLE) == 0


def test_only_the_edited_file_is_healed_and_its_unit_restarted(hosts: Hosts) -> None:
    pids = [hosts.run(host, "systemctl show -p MainPID --value ticker") for host in hosts.reach]
    hosts.run("h-1", "echo speed 7 >/etc/ticker.conf")
    assert [host.host for host in hosts.plan(ROLE).hosts if host.changes] == ["h-1"]
    hosts.up(ROLE)
    after = [hosts.run(host, "systemctl show -p MainPID --value ticker") for host in hosts.reach]
    assert after[0] != pids[0]
    assert after[1] == pids[1]


def test_a_refused_configuration_leaves_the_live_one(hosts: Hosts) -> None:
    wrong = replace(ROLE, files=(SERVICE, replace(CONF, content="nonsense\n")))
    with pytest.raises(HostsFailed) as failed:
        hosts.up(wrong)
    assert {failure.host for failure in failed.value.failures} == {"h-1", "h-2"}
    assert "ticker check refused" in failed.value.failures[0].cause
    assert hosts.run("h-1", "cat /etc/ticker.conf; systemctl is-active ticker") == "speed 1\nactive"
    assert hosts.run("h-1", "ls /var/lib/massive-deploy | grep stage || true") == ""
    assert hosts.plan(ROLE).empty


def test_a_crashing_service_fails_its_host_with_its_own_words(hosts: Hosts) -> None:
    service = replace(
        SERVICE, content="[Service]\nExecStart=/bin/sh -c 'echo no luck; exit 3'\nRestart=always\nRestartSec=1\n"
    )
    with pytest.raises(HostsFailed) as failed:
        hosts.up(replace(ROLE, files=(service, CONF)))
    assert "no luck" in failed.value.failures[0].cause
    hosts.up(ROLE)
    assert hosts.plan(ROLE).empty


def test_a_restart_missed_by_a_killed_run_is_made_up_for(hosts: Hosts) -> None:
    new = replace(ROLE, files=(SERVICE, replace(CONF, content="speed 2\n")))
    for host in hosts.reach:
        hosts.run(host, "echo speed 2 >/etc/ticker.conf")
    verbs = {
        verb for host in hosts.plan(new).hosts for role in host.roles for unit in role.units for verb in unit.verbs
    }
    assert verbs == {"restart"}


def test_a_missing_package_names_host_and_step(hosts: Hosts) -> None:
    with pytest.raises(HostsFailed) as failed:
        hosts.up(replace(ROLE, packages=("no-such-package-here",)))
    assert {failure.stage for failure in failed.value.failures} == {"packages"}
    assert "no-such-package-here" in failed.value.failures[0].cause


def test_what_may_shut_us_out_is_confirmed_over_another_connection(hosts: Hosts) -> None:
    run = 'echo "$SSH_CONNECTION" >/root/ours; echo narrow >/root/gate'
    confirm = '[ "$SSH_CONNECTION" ] && [ "$SSH_CONNECTION" != "$(cat /root/ours)" ] || { echo the same >&2; exit 1; }'
    task = Task("narrow the gate", "cat /root/gate", "narrow", run, confirm=confirm)
    assert hosts.up(replace(ROLE, tasks=(*ROLE.tasks, task))) > 0
    refused = replace(task, want="closed", run="echo closed >/root/gate", confirm="echo not so >&2; false")
    with pytest.raises(HostsFailed) as failed:
        hosts.up(replace(ROLE, tasks=(*ROLE.tasks, refused)))
    assert {(failure.host, failure.cause) for failure in failed.value.failures} == {
        ("h-1", "not so"),
        ("h-2", "not so"),
    }


def test_the_lock_names_its_holder_and_is_free_afterwards(hosts: Hosts) -> None:
    from massive_deploy.engine.transport import connected

    with connected(hosts.reach) as (first, _), connected(hosts.reach) as (second, _):
        with (
            locked(first, hosts.reach, "test"),
            pytest.raises(Locked, match=r"pid \d+ since .*: test"),
            locked(second, hosts.reach, "other"),
        ):
            pytest.fail("two runs held the lock")
        with locked(second, hosts.reach, "later", wait=10):  # hosts notice the end of a connection a moment later
            pass


def test_an_unreachable_host_is_named_and_others_still_answer(hosts: Hosts) -> None:
    from massive_deploy.engine.transport import connected

    gone = Ssh("10.203.254.99", known_hosts=Path("/dev/null"))
    with connected({**hosts.reach, "gone": gone}) as (fleet, unreachable):
        assert list(unreachable) == ["gone"]
        assert fleet.run("h-1", "hostname").stdout == "h-1"
