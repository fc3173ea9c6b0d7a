"""The Docker target on a real engine: made, reached, brought back, changed, removed."""

from __future__ import annotations

import subprocess
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import docker
import pytest

from massive_deploy.errors import MassiveDeployError
from massive_deploy.targets import Machine, Ssh
from massive_deploy.targets.docker import DockerTarget
from massive_deploy.targets.docker_arguments import container_arguments
from massive_deploy.targets.docker_engine import ours
from massive_deploy.targets.image_controller import controller_recipe

pytestmark = [pytest.mark.stack, pytest.mark.timeout(600)]

SUBNET = "172.31.213.0/28"
WEB1 = Machine("web1", "172.31.213.3", 256, 1)
DB1 = Machine("db1", "172.31.213.4", 256, 1)


@contextmanager
def engine() -> Iterator[docker.DockerClient]:
    client = docker.from_env()
    try:
        yield client
    finally:
        client.close()


def container_ids(target: DockerTarget) -> dict[str, str]:
    with engine() as client:
        return {
            str(container.name): str(container.id)
            for container in client.containers.list(all=True, filters=ours(target.inventory))
        }


def run(where: Ssh, script: str) -> str:
    """Output of a script on the host, with nothing but the coordinates to trust it by."""
    command = ["ssh", "-F", "/dev/null", "-p", str(where.port), "-l", where.user, "-i", str(where.key)]
    for option in (
        "BatchMode=yes",
        "StrictHostKeyChecking=yes",
        f"UserKnownHostsFile={where.known_hosts}",
        "GlobalKnownHostsFile=/dev/null",
        "IdentitiesOnly=yes",
    ):
        command += ["-o", option]
    done = subprocess.run(
        [*command, where.host, "sh", "-eu"], input=script, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def target(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DockerTarget]:
    folder = tmp_path_factory.mktemp("state") / "keys"
    target = DockerTarget(f"mdtest-{uuid.uuid4().hex[:8]}", SUBNET, None, folder)
    try:
        yield target
    finally:
        target.destroy(print)


@pytest.fixture(scope="module")
def hosts(target: DockerTarget) -> dict[str, Ssh]:
    return dict(target.ensure([WEB1, DB1], print))


def test_hosts_are_healthy_and_named(hosts: dict[str, Ssh]) -> None:
    for name, where in hosts.items():
        assert run(where, "hostname; systemctl is-system-running") == f"{name}\nrunning\n"
        assert run(where, "systemctl --failed --no-legend") == ""


def test_apt_works(hosts: dict[str, Ssh]) -> None:
    run(hosts["web1"], "apt-get -q update && apt-get -q -y install tree >/dev/null && tree --version")


def test_hosts_reach_each_other(hosts: dict[str, Ssh]) -> None:
    run(hosts["web1"], f"ping -c 1 -W 5 {DB1.address}")


def test_systemd_credentials_and_programs_in_tmp_work(hosts: dict[str, Ssh]) -> None:
    script = """
    echo word > /root/word
    systemd-run --quiet --pipe --wait -p LoadCredential=word:/root/word \\
        sh -c 'cat "$CREDENTIALS_DIRECTORY/word"'
    printf '#!/bin/sh\\necho ran\\n' > /tmp/program && chmod +x /tmp/program && /tmp/program
    """
    assert run(hosts["web1"], script) == "word\nran\n"


def test_a_machine_whose_maker_was_killed_before_it_had_the_key_is_reached(target: DockerTarget) -> None:
    late = Machine("late", "172.31.213.5", 256, 1)
    target.ensure([WEB1], print)
    with engine() as client:
        image = client.containers.get(f"{target.inventory}-web1").image
        client.containers.create(**container_arguments(target.inventory, late, image.id))
    try:
        assert run(target.ensure([late], print)["late"], "hostname") == "late\n"
    finally:
        target.remove(["late"], print)


def test_etc_hosts_can_be_replaced_and_stays_so_over_a_restart(target: DockerTarget, hosts: dict[str, Ssh]) -> None:
    run(hosts["web1"], "cp -p /etc/hosts /etc/hosts.new; echo 192.0.2.9 far >> /etc/hosts.new")
    run(hosts["web1"], "mv /etc/hosts.new /etc/hosts; getent hosts far")
    before = container_ids(target)
    with engine() as client:
        client.containers.get(f"{target.inventory}-web1").kill()
    said: list[str] = []

    again = target.ensure([WEB1, DB1], said.append)

    assert container_ids(target) == before
    assert [line.split(",")[0] for line in said] == ["web1: started"]
    assert "192.0.2.9" in run(again["web1"], "getent hosts far")


def test_ensuring_again_changes_nothing(target: DockerTarget, hosts: dict[str, Ssh]) -> None:
    before, said = container_ids(target), list[str]()

    assert target.ensure([WEB1, DB1], said.append) == hosts == target.reach([WEB1, DB1])
    assert (container_ids(target), said) == (before, [])
    assert target.present() == ["db1", "web1"]


def test_a_changed_memory_limit_is_set_without_a_restart(target: DockerTarget, hosts: dict[str, Ssh]) -> None:
    boot = run(hosts["db1"], "stat -c %Y /proc/1")

    target.ensure([WEB1, Machine(DB1.name, DB1.address, 320, 1)], print)

    with engine() as client:
        limits = client.containers.get(f"{target.inventory}-db1").attrs["HostConfig"]
    assert (limits["Memory"], limits["MemorySwap"]) == (320 << 20, 320 << 20)
    assert run(hosts["db1"], "stat -c %Y /proc/1") == boot


def test_a_lost_key_is_made_anew_and_given_to_the_hosts(target: DockerTarget, hosts: dict[str, Ssh]) -> None:
    for path in target.folder.iterdir():
        path.unlink()

    again = target.ensure([WEB1, DB1], print)

    assert run(again["db1"], "hostname") == "db1\n"
    assert hosts == again


def test_an_overlapping_subnet_is_refused(target: DockerTarget, hosts: dict[str, Ssh], tmp_path: Path) -> None:
    other = DockerTarget(f"{target.inventory}-x", "172.31.213.0/24", None, tmp_path / "keys")

    with pytest.raises(MassiveDeployError, match=f"overlaps {SUBNET}") as caught:
        other.ensure([WEB1], print)

    assert target.inventory in caught.value.fix
    assert hosts
    assert other.present() == []


def test_a_container_that_is_not_ours_is_left_alone(tmp_path: Path, target: DockerTarget) -> None:
    other = DockerTarget(f"{target.inventory}-y", "172.31.214.0/28", None, tmp_path / "keys")
    machine = Machine("web1", "172.31.214.3", 256, 1)
    with engine() as client:
        image = controller_recipe().tag()
        stranger = client.containers.create(image, name=f"{other.inventory}-web1")
        try:
            with pytest.raises(MassiveDeployError, match="was not made by massive-deploy"):
                other.ensure([machine], print)
            other.destroy(print)
            stranger.reload()
        finally:
            stranger.remove()


def test_no_engine_is_an_error_with_a_fix(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("DOCKER_HOST", "tcp://127.0.0.1:9")

    with pytest.raises(MassiveDeployError, match="no Docker engine answers") as caught:
        DockerTarget("mdtest-none", SUBNET, None, tmp_path).present()

    assert "docker.io" in caught.value.fix


def test_destroy_leaves_nothing(target: DockerTarget, hosts: dict[str, Ssh]) -> None:
    assert hosts
    target.destroy(print)

    with engine() as client:
        assert client.containers.list(all=True, filters=ours(target.inventory)) == []
        assert client.networks.list(filters=ours(target.inventory)) == []
    assert not target.folder.exists()
    assert target.present() == []
