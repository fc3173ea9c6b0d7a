"""Each check passes what is right, finds what is wrong, and says so when it cannot tell."""

from __future__ import annotations

import datetime
import subprocess
from pathlib import Path

import pytest

from massive_deploy.audit.check import Skipped, Subject, Unclear, catalogue, title
from massive_deploy.desired import Desired, File, User

from .subjects import NOW, check, found, said, subject, with_desired


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Subject:
    return subject(tmp_path_factory.mktemp("app"))


@pytest.mark.parametrize("name", catalogue())
def test_it_says_what_it_looks_at_and_why(name: str) -> None:
    one = check(name)
    assert title(one).endswith(".")
    assert one.LOOKS_AT
    assert one.WHY


@pytest.mark.parametrize("name", catalogue())
def test_its_script_is_valid_shell(name: str, app: Subject) -> None:
    done = subprocess.run(["sh", "-n", "-c", check(name).script(app)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("name", catalogue())
def test_a_host_that_says_nothing_does_not_pass(name: str, app: Subject) -> None:
    try:
        assert found(name, app, "")
    except (Unclear, Skipped):
        return


@pytest.mark.parametrize("name", catalogue())
def test_a_host_without_the_program_does_not_pass(name: str, app: Subject) -> None:
    try:
        assert found(name, app, "sh: 1: program: not found")
    except (Unclear, Skipped):
        return


SOCKETS = """\
tcp   LISTEN 0 128 0.0.0.0:22 0.0.0.0:* users:(("sshd",pid=1,fd=3))
tcp   LISTEN 0 128 [::]:22 [::]:* users:(("sshd",pid=1,fd=4))
tcp   LISTEN 0 511 10.203.77.12:8000 0.0.0.0:* users:(("nginx",pid=2,fd=6))
tcp   LISTEN 0 128 127.0.0.1:6432 0.0.0.0:* users:(("pgbouncer",pid=3,fd=6))
tcp   LISTEN 0 128 [::1]:6010 [::]:* users:(("sshd",pid=3,fd=6))
udp   UNCONN 0 0 127.0.0.53%lo:53 0.0.0.0:* users:(("systemd-resolve",pid=3,fd=6))
udp   UNCONN 0 0 0.0.0.0:68 0.0.0.0:* users:(("dhcpcd",pid=3,fd=6))
udp   UNCONN 0 0 0.0.0.0:40123 0.0.0.0:* users:(("python3",pid=3,fd=6))
"""


def test_declared_ports_pass(app: Subject) -> None:
    assert said("ports", app, SOCKETS) == []


@pytest.mark.parametrize(
    ("line", "what"),
    [
        (
            'tcp LISTEN 0 5 0.0.0.0:8080 0.0.0.0:* users:(("own",pid=1,fd=3))',
            "tcp 8080 (own) on 0.0.0.0: no role serves it",
        ),
        (
            'tcp LISTEN 0 5 *:9100 *:* users:(("exporter",pid=1,fd=3))',
            "tcp 9100 (exporter) on *: only hosts of the stack call it",
        ),
        ("udp UNCONN 0 0 0.0.0.0:514 0.0.0.0:*", "udp 514 (unknown program) on 0.0.0.0: no role serves it"),
        ("tcp LISTEN 0 5 10.203.77.12:5432 0.0.0.0:*", "tcp 5432 (unknown program) on 10.203.77.12: no role serves it"),
    ],
)
def test_what_listens_undeclared_or_too_widely_is_found(line: str, what: str, app: Subject) -> None:
    assert said("ports", app, f"{SOCKETS}{line}\n") == [what]


def test_the_site_may_be_on_every_address_and_so_may_what_the_topology_allows(tmp_path: Path) -> None:
    more = "roles: {firewall: {allow: [{port: 8080}, {port: 9, groups: [app]}]}}"
    edge = subject(tmp_path, "edge-1", more)
    line = "tcp LISTEN 0 5 0.0.0.0:{} 0.0.0.0:*\n"
    assert said("ports", edge, line.format(80) + line.format(8080)) == []
    assert len(said("ports", edge, line.format(443))) == 1
    assert len(said("ports", edge, line.format(9))) == 1


def test_the_packet_filter_must_be_loaded_whole_and_come_back(app: Subject) -> None:
    assert said("firewall", app, "policy drop;\nclosed\nenabled") == []
    assert said("firewall", app, "policy accept;\nclosed\nenabled") == ["no rule of massive-deploy drops anything"]
    assert "not those the topology gives" in said("firewall", app, "policy drop;\nenabled")[0]
    assert "a reboot leaves the host open" in said("firewall", app, "policy drop;\nclosed\ndisabled")[0]


def test_a_packet_filter_that_is_switched_off_is_found(tmp_path: Path) -> None:
    off = subject(tmp_path, more="roles: {firewall: {enabled: false}}")
    assert check("firewall").script(off) == ""
    assert "switched off" in said("firewall", off, "")[0]


def exposures(of: Subject, **other: float) -> str:
    from massive_deploy.audit.checks.sandboxes import units

    lines = []
    for unit in units(of):
        lines.append(f"-> Overall exposure level for {unit}: {other.get(unit.partition('.')[0], 1.3)} OK :-)")
        lines.append(f"process {unit} 77 2")
    return "\n".join(lines)


def test_exposed_units_are_found(app: Subject) -> None:
    assert said("sandboxes", app, exposures(app)) == []
    assert said("sandboxes", app, exposures(app, haproxy=3.0)) == []
    assert said("sandboxes", app, exposures(app, haproxy=9.6)) == ["haproxy.service: exposure 9.6, more than 3"]


def test_a_unit_that_runs_without_its_sandbox_is_found(app: Subject) -> None:
    seen = exposures(app).replace("process haproxy.service 77 2", "process haproxy.service 77 0")
    assert said("sandboxes", app, seen) == ["haproxy.service: its process was started before its sandbox was made"]


def test_a_unit_systemd_does_not_know_is_found(app: Subject) -> None:
    seen = "\n".join(line for line in exposures(app).splitlines() if " nginx.service" not in line)
    assert said("sandboxes", app, seen) == ["nginx.service: systemd does not know it"]


def test_services_behind_our_own_timers_count_and_the_distributions_do_not(tmp_path: Path) -> None:
    from massive_deploy.audit.checks.sandboxes import units

    more = "edge_servers: 2\napp: {source: ., settings: s, domains: [shop.example]}\nroles: {nginx: {tls: acme}}"
    text = more.replace("app: {source: ., settings: s, domains: [shop.example]}\n", "")
    (tmp_path / "topology.yaml").write_text(
        "name: trial\ntarget: docker\ndocker: {subnet: 10.203.77.0/24, memory: 4GiB}\n"
        f"app: {{source: ., settings: s, domains: [shop.example]}}\n{text}\n",
        encoding="utf-8",
    )
    from massive_deploy.inventory import open_inventory
    from massive_deploy.operate.prepare import prepare

    opened = open_inventory(tmp_path)
    edge = Subject(
        "prod", opened.layout.host("edge-1"), opened.layout, prepare(opened, offline=True).rendered["edge-1"]
    )
    assert "acme-certificate.service" in units(edge)
    assert not [unit for unit in units(edge) if unit.startswith(("systemd-", "logrotate", "certbot"))]
    assert {"nginx.service", "varnish.service", "massive-deploy-firewall.service"} <= set(units(edge))


SSHD = """\
port 22
permitrootlogin without-password
passwordauthentication no
kbdinteractiveauthentication no
permitemptypasswords no
hostbasedauthentication no
ciphers chacha20-poly1305@openssh.com,aes256-gcm@openssh.com
macs hmac-sha2-256-etm@openssh.com,hmac-sha2-512-etm@openssh.com
kexalgorithms mlkem768x25519-sha256,curve25519-sha256
hostkey /etc/ssh/ssh_host_ecdsa_key
offers ED25519 /etc/ssh/ssh_host_ed25519_key
offers RSA /etc/ssh/ssh_host_rsa_key
"""


@pytest.mark.parametrize(
    ("old", "new", "what"),
    [
        ("", "", None),
        ("without-password", "yes", "root may log in by a password (PermitRootLogin yes)"),
        ("passwordauthentication no", "passwordauthentication yes", "passwordauthentication is yes"),
        ("kbdinteractiveauthentication no", "kbdinteractiveauthentication yes", "kbdinteractiveauthentication is yes"),
        ("macs ", "macs hmac-sha1-etm@openssh.com,", "macs offers hmac-sha1-etm@openssh.com"),
        ("macs ", "macs hmac-sha2-256,", "macs offers hmac-sha2-256"),
        ("kexalgorithms ", "kexalgorithms ecdh-sha2-nistp256,", "kexalgorithms offers ecdh-sha2-nistp256"),
        ("ciphers ", "ciphers aes128-cbc,", "ciphers offers aes128-cbc"),
        ("offers RSA /etc/ssh/ssh_host_rsa_key", "offers ECDSA /e", "the host has a key of kind ECDSA (/e)"),
    ],
)
def test_sshd(old: str, new: str, what: str | None, app: Subject) -> None:
    assert said("sshd", app, SSHD.replace(old, new, 1)) == ([what] if what else [])


def test_what_to_type_for_sshd_keeps_the_strong_algorithms(app: Subject) -> None:
    (finding,) = found("sshd", app, SSHD.replace("macs ", "macs hmac-sha1,", 1))
    assert "macs hmac-sha2-256-etm@openssh.com,hmac-sha2-512-etm@openssh.com in a file" in finding.next
    assert "hmac-sha1," not in finding.next


SECRET = File("/etc/thing/password", "", 0o640, "thing", "readers", secret=True)


@pytest.mark.parametrize(
    ("line", "what"),
    [
        ("640 thing readers /etc/thing/password", None),
        ("600 thing readers /etc/thing/password", None),
        ("644 thing readers /etc/thing/password", "/etc/thing/password has mode 0644, more than 0640"),
        ("640 thing users /etc/thing/password", "/etc/thing/password belongs to thing:users, not thing:readers"),
        ("stat: cannot stat '/etc/thing/password'", "/etc/thing/password is not there"),
    ],
)
def test_secret_files(line: str, what: str | None, app: Subject) -> None:
    of = with_desired(app, {"thing": Desired(files=(SECRET, File("/etc/open", "")))})
    assert said("secrets", of, line) == ([what] if what else [])
    assert "/etc/open" not in check("secrets").script(of)


def test_no_secret_is_opened_to_look_at_files(app: Subject) -> None:
    assert [file for file in app.files if file.secret]
    assert "/etc/pgbouncer/userlist.txt" in check("secrets").script(app)


ACCOUNTS = "user root 0 /bin/bash locked\nuser app 999 /usr/sbin/nologin locked\nuser you 1000 /bin/bash set\n"


@pytest.mark.parametrize(
    ("old", "new", "what"),
    [
        ("", "", None),
        ("app 999 /usr/sbin/nologin", "app 999 /bin/bash", "app, which services run as, has the shell /bin/bash"),
        (
            "app 999 /usr/sbin/nologin locked",
            "app 999 /usr/sbin/nologin set",
            "app, which services run as, has a password",
        ),
        ("you 1000 /bin/bash set", "you 1000 /bin/bash empty", "you has an empty password"),
        ("you 1000", "you 0", "you is root by another name"),
        ("user app", "user other", "app, which services run as, is not there"),
    ],
)
def test_accounts(old: str, new: str, what: str | None, app: Subject) -> None:
    of = with_desired(app, {"app": Desired(users=(User("app"),))})
    assert said("accounts", of, ACCOUNTS.replace(old, new, 1)) == ([what] if what else [])


def test_the_accounts_script_prints_no_hash(tmp_path: Path, app: Subject) -> None:
    (tmp_path / "shadow").write_text("root:$y$hash:1::::::\napp:!:1::::::\nempty::1::::::\n", encoding="utf-8")
    (tmp_path / "passwd").write_text(
        "root:x:0:0::/root:/bin/bash\napp:x:9:9::/:/usr/sbin/nologin\nempty:x:8:8::/:\nldap:x:7:7::/:/bin/sh\n",
        encoding="utf-8",
    )
    script = check("accounts").script(app).replace("/etc/", f"{tmp_path}/")
    seen = subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=True).stdout
    assert seen.splitlines() == [
        "user root 0 /bin/bash set",
        "user app 9 /usr/sbin/nologin locked",
        "user empty 8 /bin/sh empty",
        "user ldap 7 /bin/sh none",
    ]


UPGRADES = """\
APT::Periodic::Unattended-Upgrade "1";
Unattended-Upgrade::Package-Blacklist "";
Unattended-Upgrade::Package-Blacklist:: "^patroni";
Unattended-Upgrade::Package-Blacklist:: "^postgresql-";
package ii
timer enabled
needrestart l
"""


@pytest.mark.parametrize(
    ("old", "new", "what"),
    [
        ("", "", None),
        ("package ii", "package ", "unattended-upgrades is not installed"),
        ('Unattended-Upgrade "1"', 'Unattended-Upgrade "0"', "APT::Periodic::Unattended-Upgrade is off"),
        ("timer enabled", "timer masked", "apt-daily-upgrade.timer is masked"),
        (
            "package ii",
            'Unattended-Upgrade::Automatic-Reboot "true";\npackage ii',
            "upgrades may reboot the host by themselves",
        ),
        (
            'Unattended-Upgrade::Package-Blacklist:: "^patroni";\n',
            "",
            "an upgrade of patroni may restart it on all nodes at about the same time",
        ),
        ("needrestart l", "needrestart a", "needrestart restarts services by itself"),
    ],
)
def test_upgrades(old: str, new: str, what: str | None, app: Subject) -> None:
    of = with_desired(app, {"postgresql": Desired()})
    assert said("upgrades", of, UPGRADES.replace(old, new, 1)) == ([what] if what else [])


def test_our_own_roles_keep_databases_from_upgrades(tmp_path: Path) -> None:
    """What they write into apt's configuration is what the check wants."""
    for host in ("db-1", "monitor-1"):
        of = subject(tmp_path, host)
        texts = [file.content for file in of.files if file.path.startswith("/etc/apt/apt.conf.d/")]
        words = [word for text in texts for word in text.split('"') if word.startswith("^")]
        lines = "".join(f'Unattended-Upgrade::Package-Blacklist:: "{word}";\n' for word in words)
        plain = "".join(line for line in UPGRADES.splitlines(keepends=True) if "Blacklist" not in line)
        assert said("upgrades", of, lines + plain) == []
        assert said("upgrades", of, plain)


INSTALLS = f"""\
lists {int(NOW) - 86400}.1234
Inst libc6 [2.41-12] (2.41-12+deb13u1 Debian-Security:13/stable-security [amd64])
Inst tzdata [2026a] (2026b Debian:13.5/stable-updates [all])
Conf libc6 (2.41-12+deb13u1 Debian-Security:13/stable-security [amd64])
simulated 0
"""


def test_security_updates_that_wait_are_found(app: Subject) -> None:
    assert said("updates", app, INSTALLS) == ["1 security update waiting: libc6"]
    assert said("updates", app, INSTALLS.replace("Debian-Security:13/stable-security", "Debian:13.5/stable")) == []


def test_old_lists_are_found_and_a_failing_apt_does_not_pass(app: Subject) -> None:
    assert "9 days old" in said("updates", app, f"lists {int(NOW) - 9 * 86400}\nsimulated 0")[0]
    assert "no package lists" in said("updates", app, "lists \nsimulated 0")[0]
    with pytest.raises(Unclear):
        found("updates", app, f"lists {int(NOW)}\nE: dpkg was interrupted\nsimulated 100")


def sysctls(container: str = "none", network: str = "own", **other: str) -> str:
    from massive_deploy.audit.checks import sysctls as module

    lines = [f"container {container}", f"network {network}"]
    for one in (*module._MACHINE, *module._NETWORK):
        value = other.get(one.key.replace(".", "_"), str(one.least))
        lines.append(f"key {one.key.replace('.', '/')} {value}")
    return "\n".join(lines)


def test_sysctls(app: Subject) -> None:
    assert said("sysctls", app, sysctls()) == []
    assert said("sysctls", app, sysctls(kernel_kptr_restrict="0")) == ["kernel.kptr_restrict is 0, not 1"]
    assert said("sysctls", app, sysctls(kernel_kptr_restrict="2")) == []
    redirects = sysctls("docker", net_ipv4_conf_all_accept_redirects="1", kernel_kptr_restrict="0")
    assert said("sysctls", app, redirects) == ["net.ipv4.conf.all.accept_redirects is 1, not 0"]
    with pytest.raises(Skipped):
        found("sysctls", app, sysctls("docker", "read-only", kernel_kptr_restrict="0"))


def pem(days: float) -> str:
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import NameOID

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "shop.example")])
    end = datetime.datetime.fromtimestamp(NOW, datetime.UTC) + datetime.timedelta(days=days)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(end - datetime.timedelta(days=90))
        .not_valid_after(end)
        .sign(key, hashes.SHA256())
    )
    return made.public_bytes(serialization.Encoding.PEM).decode()


def test_certificates_that_end_soon_or_have_ended_are_found(app: Subject) -> None:
    seen = f"file /a.pem\n{pem(60)}{pem(60)}file /b.pem\n{pem(60)}{pem(5)}file /c.pem\n{pem(-3)}done"
    first, second = said("certificates", app, seen)
    assert first.startswith("/b.pem ends in 5 days")
    assert second.startswith("/c.pem has ended on ")


def test_without_certificates_there_is_nothing_to_judge(app: Subject) -> None:
    with pytest.raises(Skipped):
        found("certificates", app, "done")
    broken = "file /a.pem\n-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\ndone"
    assert said("certificates", app, broken) == ["/a.pem holds no certificate that can be read"]


def test_the_certificates_script_prints_no_key(tmp_path: Path, app: Subject) -> None:
    file = tmp_path / "both.pem"
    file.write_text(f"-----BEGIN PRIVATE KEY-----\ncanary\n-----END PRIVATE KEY-----\n{pem(60)}", encoding="utf-8")
    of = with_desired(app, {"thing": Desired(files=(File(str(file), ""),))})
    seen = subprocess.run(["sh", "-c", check("certificates").script(of)], capture_output=True, text=True, check=False)
    assert f"file {file}\n" in seen.stdout
    assert "BEGIN CERTIFICATE" in seen.stdout
    assert "canary" not in seen.stdout
