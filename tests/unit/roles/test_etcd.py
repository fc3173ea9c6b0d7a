from __future__ import annotations

import hashlib

from massive_deploy.roles.etcd.desired import CONFIG, PASSWORDS

from .database_stack import content, desired, secret, shown, task

TASK = "etcd asks for a password"


def variables(host: str) -> dict[str, str]:
    lines = content(desired("etcd", host), CONFIG).splitlines()
    return {name: value.strip('"') for name, _, value in (line.partition("=") for line in lines if "=" in line)}


def test_all_members_are_told_the_same_cluster() -> None:
    members = "db-1=http://10.0.1.1:2380,db-2=http://10.0.1.2:2380,app-1=http://10.0.2.1:2380"
    assert {variables(host)["ETCD_INITIAL_CLUSTER"] for host in ("db-1", "db-2", "app-1")} == {members}
    assert variables("db-1")["ETCD_INITIAL_CLUSTER_TOKEN"] == "massive-deploy-trial"


def test_a_member_listens_on_its_own_address_and_the_loopback() -> None:
    told = variables("db-2")
    assert told["ETCD_NAME"] == "db-2"
    assert told["ETCD_LISTEN_CLIENT_URLS"] == "http://10.0.1.2:2379,http://127.0.0.1:2379"
    assert told["ETCD_LISTEN_PEER_URLS"] == "http://10.0.1.2:2380"
    assert all("0.0.0.0" not in value for value in told.values())  # noqa: S104


def test_debians_own_data_folder_is_never_used() -> None:
    wanted = desired("etcd", "db-1")
    assert variables("db-1")["ETCD_DATA_DIR"] == "/var/lib/etcd/massive-deploy"
    assert [(one.path, one.mode, one.owner) for one in wanted.directories] == [
        ("/var/lib/etcd/massive-deploy", 0o700, "etcd")
    ]


def test_one_member_sets_the_passwords_and_the_others_wait() -> None:
    first, other = desired("etcd", "db-1"), desired("etcd", "db-2")
    (kept,) = (file for file in first.files if file.path == PASSWORDS)
    assert kept.content.split() == [secret("etcd/root"), secret("etcd/patroni")]
    assert (kept.secret, kept.mode, kept.owner) == (True, 0o600, "root")
    assert PASSWORDS not in {file.path for file in other.files}
    assert task(other, TASK).run == ":"
    assert task(other, TASK).want == "user name is empty"


def test_the_first_member_also_looks_whether_the_passwords_are_those_set_last() -> None:
    first = task(desired("etcd", "db-1"), TASK)
    text = f"{secret('etcd/root')}\n{secret('etcd/patroni')}\n"
    assert first.want.splitlines() == ["user name is empty", hashlib.sha256(text.encode()).hexdigest()[:16]]
    assert f"sha256sum {PASSWORDS}.set" in first.observe
    assert first.run.rstrip().endswith(f"install -m 600 {PASSWORDS} {PASSWORDS}.set")


def test_patroni_may_write_below_its_own_prefix_only() -> None:
    assert "--prefix=true readwrite /massive/\n" in task(desired("etcd", "db-1"), TASK).run


def test_no_password_can_be_seen() -> None:
    seen = shown(desired("etcd", "db-1"))
    assert secret("etcd/root") not in seen
    assert secret("etcd/patroni") not in seen
