"""A machine the tool did not make: plain sshd, no root login, a sudo user; and a Django project it has never seen.

The project is what `django-admin startproject` writes, with REST framework added, in a git repository. Its settings
know nothing of the stack.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import docker
import pytest
from harness import Stack, stack, within
from warm import warm_image

from massive_deploy.targets import Machine
from massive_deploy.targets.docker_arguments import container_arguments

pytestmark = pytest.mark.stack
NAME = "md-given"
ADDRESS = "10.203.253.11"
SUDO_USER = """
apt-get -qq -y purge memcached haproxy >/dev/null  # of the packages, some are left to install
useradd --create-home --shell /bin/bash deploy
echo 'deploy ALL=(ALL) NOPASSWD: ALL' >/etc/sudoers.d/deploy
printf 'PermitRootLogin no\\nPasswordAuthentication no\\n' >/etc/ssh/sshd_config.d/10-given.conf
install -d -m 700 -o deploy -g deploy /home/deploy/.ssh
printf '%s\\n' "$KEY" >/home/deploy/.ssh/authorized_keys
chown deploy: /home/deploy/.ssh/authorized_keys
systemctl restart ssh
"""
URLS = """
from django.contrib import admin
from django.contrib.auth.models import User
from django.urls import include, path
from rest_framework import routers, serializers, viewsets


class UserSerializer(serializers.ModelSerializer):
    class Meta:
        model = User
        fields = ["username"]


class UserViewSet(viewsets.ModelViewSet):
    queryset = User.objects.order_by("username")
    serializer_class = UserSerializer


router = routers.DefaultRouter()
router.register("users", UserViewSet)
urlpatterns = [path("admin/", admin.site.urls), path("", include(router.urls))]
"""
TOPOLOGY = """
name: {name}
stack: small
target: ssh
hosts:
  only: {{address: {address}, user: deploy, key: {keys}/id, known_hosts: {keys}/known_hosts}}
app:
  source: file://{repository}
  ref: main
  settings: pets.settings
"""


def run(*words: str | Path, cwd: Path | None = None) -> str:
    done = subprocess.run([str(word) for word in words], cwd=cwd, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("project")
    uv = Path(sys.executable).parent / "uv"
    run(uv, "tool", "run", "--quiet", "--from", "django>=5.2,<5.3", "django-admin", "startproject", "pets", folder)
    settings = folder / "pets/settings.py"
    text = settings.read_text(encoding="utf-8")
    settings.write_text(
        text.replace("INSTALLED_APPS = [", 'INSTALLED_APPS = [\n    "rest_framework",'), encoding="utf-8"
    )
    (folder / "pets/urls.py").write_text(URLS, encoding="utf-8")
    (folder / "requirements.txt").write_text("django>=5.2,<5.3\ndjangorestframework\n", encoding="utf-8")
    git = ("git", "-c", "user.name=t", "-c", "user.email=t@example.com")
    run("git", "init", "--quiet", "--initial-branch", "main", folder)
    run("git", "add", "--all", cwd=folder)
    run(*git, "commit", "--quiet", "--message", "A fresh project", cwd=folder)
    return folder


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The given machine; yields the folder with the key and known_hosts to reach it."""
    folder = tmp_path_factory.mktemp("ssh")
    run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", folder / "id")
    client = docker.from_env()
    network = client.networks.create(
        NAME,
        ipam={"Driver": "default", "Config": [{"Subnet": "10.203.253.0/24"}]},
        options={"com.docker.network.driver.mtu": "1400"},
    )
    arguments = container_arguments(NAME, Machine("only", ADDRESS, 3072, 2), warm_image())
    made = client.containers.create(**{**arguments, "labels": {}})
    try:
        made.start()
        within(30, lambda: made.exec_run(["systemctl", "is-active", "ssh"]).exit_code == 0, "systemd and sshd")
        key = (folder / "id.pub").read_text(encoding="ascii").strip()
        code, said = made.exec_run(["sh", "-euc", SUDO_USER], environment={"KEY": key})
        assert code == 0, said
        _, host_key = made.exec_run(["cat", "/etc/ssh/ssh_host_ed25519_key.pub"])
        (folder / "known_hosts").write_text(f"{ADDRESS} {host_key.decode()}", encoding="ascii")
        yield folder
    finally:
        made.remove(force=True, v=True)
        network.remove()


@pytest.fixture(scope="module")
def given(tmp_path_factory: pytest.TempPathFactory, keys: Path, repository: Path) -> Iterator[Stack]:
    with stack(tmp_path_factory.mktemp("given"), NAME, destroy=False) as made:
        made.write(TOPOLOGY.format(name=NAME, address=ADDRESS, keys=keys, repository=repository))
        made.up()
        yield made


def test_the_project_serves_through_the_edge(given: Stack) -> None:
    answer = given.http("/users/?format=json", host="only")
    assert (answer.status, answer.body) == (200, "[]")


def test_what_it_writes_is_in_the_stacks_postgresql(given: Stack) -> None:
    assert given.http("/users/?format=json", {"username": "rex"}, host="only").status == 201
    sql = f"runuser -u postgres -- psql -qtA -d {NAME.replace('-', '_')} -c 'select username from auth_user'"
    assert given.on("only", sql).strip() == "rex"


def test_static_files_of_the_admin_are_served(given: Stack) -> None:
    page = given.http("/admin/login/", host="only")
    assert page.status == 200
    sheet = page.body.split('<link rel="stylesheet" href="', 1)[1].split('"', 1)[0]
    assert given.http(sheet, host="only").status == 200


def test_a_second_up_changes_nothing(given: Stack) -> None:
    before = given.digest()
    assert " 0 operations" in given.up()
    assert given.digest() == before


def test_every_acceptance_check_passes(given: Stack) -> None:
    given.command("verify", str(given.folder))


def test_machines_that_were_given_are_not_destroyed(given: Stack) -> None:
    assert "not ours" in given.command("destroy", str(given.folder), "--confirm", NAME, code=3).stderr


def test_a_wrong_host_key_is_refused_and_nothing_runs(given: Stack, keys: Path) -> None:
    known = keys / "known_hosts"
    right = known.read_text(encoding="ascii")
    run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", keys / "other")
    other = (keys / "other.pub").read_text(encoding="ascii")
    try:
        known.write_text(f"{ADDRESS} {other}", encoding="ascii")
        said = given.command("up", str(given.folder), code=5).stderr
    finally:
        known.write_text(right, encoding="ascii")
    assert "host key" in said.lower()
    assert "next:" in said
