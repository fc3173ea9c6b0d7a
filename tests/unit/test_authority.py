from __future__ import annotations

import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner

from massive_deploy.authority import (
    LEAF_DAYS,
    Pair,
    ends,
    from_word,
    given,
    is_due,
    leaf,
    names_of,
    new_authority,
    to_word,
)
from massive_deploy.certificates import ROOT, SITE, Kept
from massive_deploy.cli.app import app
from massive_deploy.errors import MassiveDeployError, Refused, Unusable
from massive_deploy.secrets import MissingSecret, Secrets, problem_with
from massive_deploy.secrets_edit import parse

NOW = datetime(2030, 1, 1, tzinfo=UTC)
NAMES = ("shop.example", "*.shop.example", "localhost", "192.0.2.10")


@pytest.fixture(autouse=True)
def own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.delenv("MASSIVE_DEPLOY_IDENTITY", raising=False)


@pytest.fixture(scope="module")
def authority() -> Pair:
    return new_authority("trial", NOW)


def kept(folder: Path, days: float = 0) -> tuple[Secrets, Kept]:
    secrets = Secrets(folder)
    return secrets, Kept(secrets, "trial", NOW + timedelta(days=days))


def verified(folder: Path, authority: Pair, pair: Pair, *options: str) -> bool:
    """What openssl says of it."""
    (folder / "ca.pem").write_text(authority.chain, encoding="ascii")
    (folder / "leaf.pem").write_text(pair.chain, encoding="ascii")
    line = ["openssl", "verify", "-x509_strict", "-CAfile", "ca.pem", "-purpose", "sslserver", *options, "leaf.pem"]
    at = ["-attime", str(int((NOW + timedelta(days=1)).timestamp()))]
    return subprocess.run([*line[:2], *at, *line[2:]], cwd=folder, capture_output=True, check=False).returncode == 0


def test_a_leaf_is_good_for_its_names_and_for_no_others(authority: Pair, tmp_path: Path) -> None:
    pair = leaf(authority, NAMES, NOW)
    assert set(names_of(pair)) == set(NAMES)
    assert verified(tmp_path, authority, pair, "-verify_hostname", "shop.example")
    assert verified(tmp_path, authority, pair, "-verify_hostname", "www.shop.example")
    assert verified(tmp_path, authority, pair, "-verify_ip", "192.0.2.10")
    assert not verified(tmp_path, authority, pair, "-verify_hostname", "other.example")
    assert not verified(tmp_path, authority, pair, "-verify_ip", "192.0.2.11")
    assert not verified(tmp_path, new_authority("other", NOW), pair)


def test_a_leaf_signs_nothing_itself(authority: Pair, tmp_path: Path) -> None:
    middle = leaf(authority, NAMES, NOW)
    (tmp_path / "middle.pem").write_text(middle.chain, encoding="ascii")
    forged = leaf(middle, ("evil.example",), NOW)
    assert not verified(tmp_path, authority, forged, "-untrusted", "middle.pem")


def test_it_is_made_anew_for_names_age_and_authority_and_else_not(authority: Pair) -> None:
    pair = leaf(authority, NAMES, NOW)
    assert not is_due(pair, authority, NAMES, NOW)
    assert not is_due(pair, authority, tuple(reversed(NAMES)), NOW)
    assert is_due(pair, authority, NAMES[:2], NOW)
    assert is_due(pair, new_authority("trial", NOW), NAMES, NOW)
    third = LEAF_DAYS * 2 / 3
    assert not is_due(pair, authority, NAMES, NOW + timedelta(days=third - 1))
    assert is_due(pair, authority, NAMES, NOW + timedelta(days=third + 1))


def test_no_leaf_outlives_its_authority(authority: Pair) -> None:
    late = ends(authority) - timedelta(days=10)
    assert ends(leaf(authority, NAMES, late)) == ends(authority)


def test_a_pair_becomes_one_word_that_a_secret_may_be(authority: Pair) -> None:
    pair = leaf(authority, NAMES, NOW)
    chain = Pair(pair.chain + authority.chain, pair.key)
    for one in (authority, pair, chain):
        assert from_word(to_word(one)) == one
        assert problem_with("ca/nginx/edge-1", to_word(one)) == ""
        assert parse(f"tls/site: {to_word(one)}") == {"tls/site": to_word(one)}
    other = to_word(leaf(authority, NAMES, NOW))
    swapped = f"{to_word(pair).split('~')[0]}~{other.split('~')[1]}"
    for wrong in ("x", "", "~", to_word(pair)[:-9], to_word(pair).replace("~", "."), swapped):
        with pytest.raises(ValueError, match="no certificate with its key"):
            from_word(wrong)
    assert "certificate" in problem_with("tls/site", swapped)


def test_what_is_made_stays_the_same_until_it_is_due(tmp_path: Path) -> None:
    secrets, first = kept(tmp_path)
    pair = first.leaf("nginx/edge-1", NAMES)
    assert first.leaf("nginx/edge-1", NAMES) == pair
    assert first.leaf("nginx/edge-2", NAMES) != pair
    assert secrets.save()
    secrets, again = kept(tmp_path, days=100)
    assert again.leaf("nginx/edge-1", NAMES) == pair
    assert not secrets.save()
    root = again.certificates().authority()
    secrets, late = kept(tmp_path, days=700)
    assert late.leaf("nginx/edge-1", NAMES) != pair
    assert late.certificates().authority() == root
    assert secrets.save()


def test_a_rotated_authority_is_followed_by_its_leaves(tmp_path: Path) -> None:
    secrets, first = kept(tmp_path)
    pair, root = first.leaf("nginx/edge-1", NAMES), first.certificates().authority()
    secrets.save()
    secrets.rotate([ROOT])
    secrets.save()
    assert set(Secrets(tmp_path).values()) == {"ca/nginx/edge-1"}
    _, after = kept(tmp_path)
    assert after.certificates().authority() != root
    assert after.leaf("nginx/edge-1", NAMES) != pair


def test_a_damaged_one_is_named_and_never_shown(tmp_path: Path) -> None:
    _, first = kept(tmp_path)
    first._secrets._values = {ROOT: "abc"}
    with pytest.raises(Unusable, match="ca/root: the value is no certificate") as wrong:
        first.leaf("nginx/edge-1", NAMES)
    assert "secrets rotate" in wrong.value.fix


def test_a_given_certificate_is_checked_before_it_is_kept(authority: Pair, tmp_path: Path) -> None:
    pair, other = leaf(authority, NAMES, NOW), leaf(authority, NAMES, NOW)
    assert given("a comment\n" + pair.chain + authority.chain, pair.key) == Pair(pair.chain + authority.chain, pair.key)
    for chain, key, why in (
        (pair.chain, other.key, "does not belong"),
        (authority.chain + pair.chain, pair.key, "does not belong"),
        ("nothing", pair.key, "no PEM certificate"),
        (pair.chain, "nothing", "no PEM private key"),
    ):
        with pytest.raises(ValueError, match=why):
            given(chain, key)
    secrets, certificates = kept(tmp_path)
    with pytest.raises(MissingSecret) as missing:
        certificates.given(SITE)
    assert "secrets certificate" in missing.value.fix
    secrets.update({SITE: to_word(pair)})
    assert certificates.given(SITE) == pair
    with pytest.raises(Refused):
        secrets.rotate([SITE])


def test_an_encrypted_key_is_refused_with_the_way_out(authority: Pair) -> None:
    line = ["openssl", "pkey", "-aes256", "-passout", "pass:x"]
    locked = subprocess.run(line, input=authority.key, capture_output=True, text=True, check=True).stdout
    with pytest.raises(ValueError, match="openssl pkey"):
        given(authority.chain, locked)


def run(*words: str | Path) -> tuple[int, str]:
    """Exit code and output of a command, errors of ours as the program shows them."""
    result = CliRunner().invoke(app, [str(word) for word in words])
    if isinstance(result.exception, MassiveDeployError):
        return result.exception.code, f"{result.exception.what}\n{result.exception.fix}"
    return result.exit_code, result.output


def test_the_commands(authority: Pair, tmp_path: Path) -> None:
    folder = tmp_path / "inventory"
    folder.mkdir()
    text = "name: trial\ntarget: docker\napp: {source: ., settings: shop.settings}\n"
    (folder / "topology.yaml").write_text(text, encoding="utf-8")
    code, pem = run("ca", folder)
    assert (code, pem.count("BEGIN CERTIFICATE"), "PRIVATE" in pem) == (0, 1, False)
    assert run("ca", folder) == (0, pem)
    pair, other = leaf(authority, NAMES, NOW), leaf(authority, NAMES, NOW)
    files = {"chain": pair.chain, "key": pair.key, "other": other.key}
    for name, content in files.items():
        (tmp_path / name).write_text(content, encoding="ascii")
    code, said = run("secrets", "certificate", folder, tmp_path / "chain", tmp_path / "other")
    assert code == 1
    assert "does not belong" in said
    assert run("secrets", "certificate", folder, tmp_path / "chain", tmp_path / "missing")[0] == 1
    code, said = run("secrets", "certificate", folder, tmp_path / "chain", tmp_path / "key")
    assert code == 0, said
    assert "shop.example" in said
    assert kept(folder)[1].given(SITE) == pair
    code, shown = run("secrets", "show", folder)
    assert shown.split() == [ROOT, SITE]
