from __future__ import annotations

import stat
from pathlib import Path

from massive_deploy.targets.keys import Keys, known_hosts_line, merge_known_hosts


def test_a_known_hosts_line_has_no_comment_and_names_other_ports() -> None:
    assert known_hosts_line("172.30.7.21", "ssh-ed25519 AAAA root@db1\n") == "172.30.7.21 ssh-ed25519 AAAA"
    assert known_hosts_line("10.0.0.1", "ssh-ed25519 AAAA", port=2222) == "[10.0.0.1]:2222 ssh-ed25519 AAAA"


def test_merging_replaces_only_the_given_addresses() -> None:
    present = "10.0.0.1 ssh-ed25519 OLD\n10.0.0.11 ssh-ed25519 KEPT\n"

    assert merge_known_hosts(present, {"10.0.0.1": "ssh-ed25519 NEW root@a"}) == (
        "10.0.0.1 ssh-ed25519 NEW\n10.0.0.11 ssh-ed25519 KEPT\n"
    )


def test_the_key_is_private_and_made_once(tmp_path: Path) -> None:
    keys = Keys(tmp_path / "state" / "demo")

    assert keys.make("massive-deploy demo")
    made = keys.private.read_bytes()
    assert keys.make("massive-deploy demo"), "killed before a machine knew it"
    keys.trust({"10.0.0.1": "ssh-ed25519 AAAA"})
    assert not keys.make("massive-deploy demo")
    assert keys.private.read_bytes() == made
    assert stat.S_IMODE(keys.folder.stat().st_mode) == 0o700
    assert stat.S_IMODE(keys.private.stat().st_mode) == 0o600
    assert keys.public.read_text().startswith("ssh-ed25519 ")


def test_a_lost_key_is_made_anew_and_every_machine_is_told(tmp_path: Path) -> None:
    keys = Keys(tmp_path)
    keys.make("massive-deploy demo")
    keys.trust({"10.0.0.1": "ssh-ed25519 AAAA"})
    keys.private.unlink()

    assert keys.make("massive-deploy demo")
    assert keys.make("massive-deploy demo")


def test_removing_keeps_what_is_not_ours(tmp_path: Path) -> None:
    keys = Keys(tmp_path / "demo")
    keys.make("massive-deploy demo")
    keys.trust({"10.0.0.1": "ssh-ed25519 AAAA"})
    (keys.folder / "up.log").touch()

    keys.remove()

    assert [path.name for path in keys.folder.iterdir()] == ["up.log"]
