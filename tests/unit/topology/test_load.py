"""What a right topology file becomes."""

from __future__ import annotations

from pathlib import Path

import pytest

from massive_deploy.errors import InvalidInput
from massive_deploy.topology.document import read
from massive_deploy.topology.stacks import read_stack

from .fakes import Pool, loaded

HERE = Path(__file__).parent
APP = "app: {source: https://example.com/shop.git, settings: shop.settings}\n"


def written(folder: Path, text: str) -> Path:
    path = folder / "topology.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_values_are_those_of_yaml_1_2_with_anchors_merged() -> None:
    topology = loaded(HERE / "good/ssh.yaml").topology
    host = topology.hosts["node"]
    assert (host.user, host.key, host.address, host.port) == ("deploy", "~/.ssh/id_ed25519", "192.0.2.1", 22)
    assert topology.app.environment["ANSWER"] == "yes"
    assert topology.app.environment["TIME"] == "12:30:45"
    assert topology.app.environment["DAY"] == "2024-01-31"
    assert topology.app.environment["UNDERSCORE"] == "1_0"
    assert topology.reads.max_lag == 4 * 1024 * 1024


def test_a_stack_gives_its_defaults_only_where_the_user_wrote_nothing(tmp_path: Path) -> None:
    small = loaded(HERE / "good/ssh.yaml").topology
    assert (small.app_servers, small.replicas) == (1, 0)
    head = "name: demo\ntarget: docker\nstack: sharded\n"
    assert loaded(written(tmp_path, head + APP)).topology.shards == 2
    assert loaded(written(tmp_path, head + "shards: 5\n" + APP)).topology.shards == 5


def test_roles_have_their_settings_or_their_defaults() -> None:
    settings = loaded(HERE / "good/ssh.yaml").settings
    assert settings["pgbouncer"] == Pool(pool_size=3, hosts=("a", "b"))
    assert settings["redis"] == type(settings["redis"])()


def test_what_is_doubtful_is_said_with_its_place(tmp_path: Path) -> None:
    [warning] = loaded(HERE / "good/ssh.yaml").warnings
    assert (warning.line, warning.where) == (10, "app.environment.TOKEN_URL")
    text = "name: demo\ntarget: docker\nfailover: {synchronous: strict}\n" + APP
    [warning] = loaded(written(tmp_path, text)).warnings
    assert "writes stop while it is away" in warning.what


def test_a_byte_order_mark_and_windows_line_ends_are_fine(tmp_path: Path) -> None:
    path = tmp_path / "topology.yaml"
    path.write_bytes(b"\xef\xbb\xbfname: demo\r\ntarget: docker\r\n" + APP.encode())
    assert loaded(path).topology.name == "demo"


def test_a_version_directive_does_not_bring_yaml_1_1_back(tmp_path: Path) -> None:
    assert read(written(tmp_path, "%YAML 1.1\n---\na: no\nb: 1:30\nc: 010\n")).data == {"a": "no", "b": "1:30", "c": 10}


def test_own_keys_win_over_merged_ones_and_the_place_is_where_it_was_written(tmp_path: Path) -> None:
    document = read(written(tmp_path, "x: &x {a: 1, b: 2}\ny:\n  <<: *x\n  b: 3\n"))
    assert document.data["y"] == {"a": 1, "b": 3}
    assert document.position(("y", "b")) == (4, 6)
    assert document.position(("y", "a")) == (1, 11)


def test_hostile_keys_cannot_steer_the_terminal(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput) as refusal:
        loaded(written(tmp_path, 'name: demo\ntarget: docker\n"re\\e[2Jp\\nx": 1\n' + APP))
    assert str(refusal.value).isprintable()


@pytest.mark.parametrize(
    ("change", "where", "what"),
    [
        (("count: 1", "count: ten"), "hosts.all.count", "must be 'edge_servers'"),
        (("quorum: [all]", "quorum: [db]"), "", "quorum names groups that do not exist: db"),
        (("redis, ", ""), "", "no group has redis"),
        (("replicas: 0", "replicas: many"), "defaults.replicas", "must be a whole number"),
        (("replicas: 0", "replica: 0"), "defaults.replica", "did you mean 'replicas'?"),
        (("replicas: 0", "name: demo"), "defaults.name", "a stack cannot give a default for 'name'"),
    ],
)
def test_a_wrong_stack_file_is_refused(change: tuple[str, str], where: str, what: str, tmp_path: Path) -> None:
    text = (HERE.parents[2] / "stacks/small.yaml").read_text(encoding="utf-8").replace(*change)
    with pytest.raises(InvalidInput) as refusal:
        read_stack(written(tmp_path, text))
    [problem] = refusal.value.problems
    assert problem.where == where
    assert what in str(problem)
