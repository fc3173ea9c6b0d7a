"""What auditors' own programs say of the running hosts, and sshd configurations that would lock us out."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

import pytest
from harness import ROOT, Stack, stack, within
from warm import warm

pytestmark = [pytest.mark.stack, pytest.mark.proof]
NAME = "md-hard"
TOPOLOGY = """
name: {name}
stack: massive
target: docker
app_servers: 1
replicas: 1
roles: {{nginx: {{tls: own}}}}
app:
  source: {source}
  settings: shop.settings
  health: /-/health
"""
SCRIPT = "/usr/local/lib/massive-deploy/sshd"
LIVE = "/etc/ssh/sshd_config.d/10-massive-deploy.conf"
AUDITOR = "db-1"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with stack(tmp_path_factory.mktemp("hard"), NAME) as found:
        found.write(warm(TOPOLOGY.format(name=NAME, source=ROOT / "examples/shop")))
        found.up()
        yield found


def test_the_whole_audit_passes_and_checks_pass(made: Stack) -> None:
    made.command("verify", str(made.folder), "--roles", "base,hardening,firewall")
    told = json.loads(made.command("audit", str(made.folder), "--json", code=None).stdout)
    wrong = {(one["check"], one["host"]): one for one in told["results"] if one["outcome"] in ("failed", "error")}
    assert wrong == {}
    assert " 0 operations" in made.up()


def test_a_configuration_nobody_confirms_is_taken_back(made: Stack) -> None:
    before = made.on("app-1", f"cat {LIVE}")
    made.on("app-1", f"echo 'DenyUsers *' >>/etc/massive-deploy/sshd.conf; {SCRIPT} try 45")
    assert "DenyUsers" in made.on("app-1", f"cat {LIVE}")
    refused = made.command("exec", str(made.folder), "--hosts", "app-1", "--", "true", code=None)
    assert refused.returncode != 0
    within(75, lambda: made.on("app-1", f"cat {LIVE}") == before, "the one from before is back")
    made.command("exec", str(made.folder), "--hosts", "app-1", "--", "true")
    assert "the one from before is back" in made.on(
        "app-1", "journalctl -u massive-deploy-sshd-revert -o cat --no-pager"
    )
    made.up()


def test_up_that_cannot_come_in_again_fails_and_the_host_goes_back(made: Stack) -> None:
    made.on("app-1", f"rm {LIVE}; systemctl reload ssh")
    # Only connections that begin after sshd has read its configuration anew are refused.
    made.on("app-1", "echo 'DenyUsers *' >/etc/ssh/sshd_config.d/20-own.conf")
    told = made.command("up", str(made.folder), code=5)
    assert "a new connection did not come in" in told.stderr
    made.on("app-1", "rm /etc/ssh/sshd_config.d/20-own.conf")
    within(90, lambda: made.on("app-1", f"test -e {LIVE} || echo gone") == "gone\n", "it is taken back")
    made.up()
    made.command("verify", str(made.folder), "--roles", "hardening")


def installed(made: Stack, package: str) -> None:
    """An auditor's program, on one host only."""
    line = f"DEBIAN_FRONTEND=noninteractive apt-get -qq -y --no-install-recommends install {package} >/dev/null 2>&1"
    made.on(AUDITOR, f"apt-get -qq update; {line}")


def test_ssh_audit_finds_nothing(made: Stack) -> None:
    installed(made, "ssh-audit")
    address = made.hosts()["app-1"]["address"]
    told = json.loads(made.on(AUDITOR, f"ssh-audit --json --skip-rate-test {address} || true"))
    notes = [
        (kind, one["algorithm"], level, text)
        for kind in ("kex", "key", "enc", "mac")
        for one in told[kind]
        for level in ("fail", "warn")
        for text in one.get("notes", {}).get(level, ())
    ]
    assert notes == []
    assert {one["algorithm"] for one in told["key"]} >= {"ssh-ed25519"}


def test_testssl_gives_the_edge_an_a_plus(made: Stack) -> None:
    installed(made, "testssl.sh bsdextrautils dnsutils procps")
    address = made.hosts()["edge-1"]["address"]
    domain = made.on("edge-1", "openssl x509 -in /etc/nginx/tls/site.pem -noout -ext subjectAltName || true")
    name = re.search(r"DNS:([a-z0-9.-]+)", domain)
    target = name[1] if name else address
    line = f"testssl --quiet --color 0 --add-ca /etc/massive-deploy/ca.crt --ip {address} {target} 2>&1 || true"
    said = made.on(AUDITOR, line)
    grade = re.search(r"Overall Grade\s+(\S+)", said)
    assert grade is not None, said[-3000:]
    assert grade[1] == "A+", said[-3000:]


@pytest.mark.parametrize("host", ["db-1", "edge-1", "app-1", "monitor-1"])
def test_lynis_is_content(made: Stack, host: str) -> None:
    line = "DEBIAN_FRONTEND=noninteractive apt-get -qq -y --no-install-recommends install lynis >/dev/null 2>&1"
    made.on(host, f"apt-get -qq update; {line}")
    made.on(host, "lynis audit system --quick --quiet --no-colors >/dev/null 2>&1 || true")
    told = made.on(host, "cat /var/log/lynis-report.dat")
    index = re.search(r"^hardening_index=(\d+)", told, re.MULTILINE)
    assert index is not None, told[-2000:]
    rest = "\n".join(line for line in told.splitlines() if line.startswith(("warning", "suggestion")))
    assert int(index[1]) >= 75, f"{index[1]}\n{rest}"
