"""The surroundings break during `up`: it says where and why and what to do, harms nobody else, and goes on when healed.

Every fault hits one of two light hosts of a live stack; visitors come to the stack's edge all the while.
"""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator

import pytest
from harness import visitors, within
from lamps import CONTROLLER, HOSTS, NETWORK, Lamps, live_lamps
from stub_mirror import stub_mirror

pytestmark = [pytest.mark.stack, pytest.mark.proof]
CUT = (
    "nft add table inet cut; nft 'add chain inet cut in { type filter hook input priority -10; }';"
    "nft 'add chain inet cut out { type filter hook output priority -10; }';"
    f"nft add rule inet cut in ip saddr {CONTROLLER} drop; nft add rule inet cut out ip daddr {CONTROLLER} drop"
)
MEND = "nft delete table inet cut"
SSH = f"ssh root@{NETWORK}.12:22"
WITHOUT_SL = "apt-get -q -y purge sl >/dev/null 2>&1"


def other_apt(seconds: int) -> str:
    """A real apt that holds its lock for a while."""
    return f"apt-get -q -y -o DPkg::Pre-Invoke::='sleep {seconds}' install --reinstall procps"


@pytest.fixture(scope="module")
def lamps(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lamps]:
    with live_lamps(tmp_path_factory.mktemp("lamps")) as made:
        yield made


@pytest.fixture(autouse=True)
def served(lamps: Lamps) -> Iterator[None]:  # noqa: ARG001 - the stack must be there
    """Nobody at the edge notices anything of all this."""
    with visitors([(f"http://{NETWORK}.{HOSTS['all-1']}/", None)], at_once=1) as failures:
        yield
    assert failures == []


def test_a_wire_cut_in_the_middle_is_noticed_in_bounded_time(lamps: Lamps) -> None:
    before = lamps.brightness
    now = lamps.change(warm_up=15)
    run = lamps.start()
    lamps.warming()
    with lamps.with_("lamp-1", CUT, MEND):
        start = time.monotonic()
        said = lamps.fails("lamp-1 | lamp: warm up", run=run)
        assert time.monotonic() - start < 100
        assert "the connection was lost" in said
        assert lamps.sh("lamp-2", "cat /var/lib/lamp-warm").strip() == str(now), "the other host ends its step"
        for host in ("lamp-1", "lamp-2"):
            assert lamps.sh(host, "cat /etc/beacon.conf").strip() == str(before), "later stages do not run"
    lamps.healed("--lock-wait", "150")


def test_a_host_that_is_cut_off_when_the_run_starts(lamps: Lamps) -> None:
    lamps.change()
    before = lamps.digest()
    with lamps.with_("lamp-1", CUT, MEND):
        said = lamps.fails(f"lamp-1 | {SSH}")
    assert f"next: ssh -i {lamps.keys}/id_ed25519 root@{NETWORK}.12; then run this again" in said
    assert lamps.digest() == before
    lamps.healed()


def test_a_wrong_and_an_unknown_host_key_are_refused(lamps: Lamps) -> None:
    known = lamps.keys / "known_hosts"
    right = known.read_text(encoding="utf-8")
    lines = {line.split()[0]: line for line in right.splitlines() if line}
    other = lines[f"{NETWORK}.13"].partition(" ")[2]
    try:
        known.write_text(right.replace(lines[f"{NETWORK}.12"], f"{NETWORK}.12 {other}"), encoding="utf-8")
        said = lamps.fails(f"lamp-1 | {SSH}")
        assert f"ssh-keygen -f {known} -R {NETWORK}.12" in said
        known.write_text(right.replace(lines[f"{NETWORK}.12"] + "\n", ""), encoding="utf-8")
        assert f"ssh-keyscan -t ed25519 -p 22 {NETWORK}.12 >>{known}" in lamps.fails(f"lamp-1 | {SSH}")
        assert f"{NETWORK}.12" not in known.read_text(encoding="utf-8"), "it is not accepted on the way"
    finally:
        known.write_text(right, encoding="utf-8")
    lamps.healed()


def test_a_wrong_key_then_a_ban(lamps: Lamps) -> None:
    other = lamps.keys / "other"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(other)], check=True)
    topology = (lamps.stack.folder / "topology.yaml").read_text(encoding="utf-8")
    strict = "printf 'PerSourcePenalties authfail:40 min:20 max:40\\n' >/etc/ssh/sshd_config.d/10-strict.conf"
    loose = "rm /etc/ssh/sshd_config.d/10-strict.conf; systemctl restart ssh"
    with lamps.with_("lamp-1", f"{strict}; systemctl restart ssh", loose):
        lamps.stack.edit(f"{NETWORK}.12, group: lamp, key: {lamps.keys}/id_ed25519", f"{NETWORK}.12, key: {other}")
        try:
            assert f"ssh-copy-id -i {other} root@{NETWORK}.12" in lamps.fails(f"lamp-1 | {SSH}")
        finally:
            lamps.stack.write(topology)
        said = lamps.fails(f"lamp-1 | {SSH}")
        assert "the SSH server says: Not allowed at this time" in said
        assert "next: wait a minute" in said
    lamps.healed()


def test_sudo_that_asks_for_a_password(lamps: Lamps) -> None:
    wound = "echo 'deploy ALL=(ALL) ALL' >/etc/sudoers.d/deploy"
    cure = "echo 'deploy ALL=(ALL) NOPASSWD: ALL' >/etc/sudoers.d/deploy"
    lamps.change()
    with lamps.with_("lamp-2", wound, cure):
        said = lamps.fails("lamp-2 | sudo")
    assert "cannot use sudo without a password" in said
    assert "NOPASSWD" in said
    lamps.healed()


def test_two_runs_at_once(lamps: Lamps) -> None:
    lamps.change(warm_up=12)
    run = lamps.start("--reason", "the first of two")
    lamps.warming()
    refused = lamps.stack.command("up", str(lamps.stack.folder), code=4)
    assert f"pid {run.pid} since" in refused.stderr
    assert "the first of two" in refused.stderr
    assert "--lock-wait" in refused.stderr
    out, err = run.communicate(timeout=60)
    assert run.returncode == 0, err
    lamps.clean_words(out, err, refused.stderr)
    lamps.healed()


def test_a_host_restarted_in_the_middle(lamps: Lamps) -> None:
    before = lamps.brightness
    lamps.change(warm_up=12)
    run = lamps.start()
    lamps.warming()
    lamps.containers["lamp-1"].restart(timeout=20)
    said = lamps.fails("lamp-1 | lamp: warm up", run=run)
    assert "the connection was lost" in said
    assert lamps.sh("lamp-2", "cat /etc/beacon.conf").strip() == str(before)
    within(60, lambda: lamps.sh("lamp-1", "systemctl is-active ssh", code=None) == "active\n", "sshd is back")
    lamps.healed()


def test_another_apt_is_waited_for(lamps: Lamps) -> None:
    lamps.sh("lamp-1", WITHOUT_SL)
    lamps.sh("lamp-1", f"systemd-run -q --unit slow-apt {other_apt(30)}")
    within(30, lambda: "apt-get" in lamps.sh("lamp-1", "lslocks -n -o COMMAND"), "apt holds its lock")
    start = time.monotonic()
    lamps.healed()
    assert time.monotonic() - start > 20
    assert lamps.sh("lamp-1", "systemctl show -p Result --value slow-apt").strip() == "success"


def test_another_apt_that_never_ends_is_named(lamps: Lamps) -> None:
    lamps.stack.edit("apt_lock_timeout: 90", "apt_lock_timeout: 4")
    lamps.stack.up()
    lamps.sh("lamp-1", WITHOUT_SL)
    before = lamps.brightness
    lamps.change()
    hold = f"systemd-run -q --unit stuck-apt {other_apt(600)}"
    with lamps.with_("lamp-1", hold, "systemctl stop stuck-apt"):
        within(30, lambda: "apt-get" in lamps.sh("lamp-1", "lslocks -n -o COMMAND"), "apt holds its lock")
        start = time.monotonic()
        said = lamps.fails("lamp-1 | packages: install 1 package")
        assert time.monotonic() - start < 30
        assert "waited 4 s" in said
        assert "(apt-get)" in said
    assert lamps.sh("lamp-2", "cat /etc/beacon.conf").strip() == str(before)
    lamps.stack.edit("apt_lock_timeout: 4", "apt_lock_timeout: 90")
    lamps.healed()


@pytest.mark.parametrize(
    ("fault", "cause"),
    [("503", "503"), ("silent", "Connection failed"), ("corrupt", "Hash Sum mismatch")],
)
def test_a_mirror_that_misbehaves(lamps: Lamps, fault: str, cause: str) -> None:
    lamps.sh("lamp-1", WITHOUT_SL)
    size = int(lamps.sh("lamp-1", "apt-cache show sl | sed -n 's/^Size: //p' | head -n 1") or 0)
    before = lamps.brightness
    lamps.change()
    with stub_mirror(CONTROLLER, fault, size) as (url, asked):
        conf = f'Acquire::http::Proxy "{url}"; Acquire::Retries "0"; Acquire::http::Timeout "2";'
        wound = f"echo '{conf}' >/etc/apt/apt.conf.d/99stub; apt-get clean"
        cure = "rm /etc/apt/apt.conf.d/99stub"
        if fault == "503":
            wound += "; mv /var/lib/apt/lists /var/lib/apt/lists.kept"
            cure += "; rm -r /var/lib/apt/lists; mv /var/lib/apt/lists.kept /var/lib/apt/lists"
        with lamps.with_("lamp-1", wound, cure):
            said = lamps.fails("lamp-1 | packages: install 1 package")
            assert cause in said
            assert asked
    assert lamps.sh("lamp-2", "cat /etc/beacon.conf").strip() == str(before)
    lamps.healed()


INTERRUPTED = r"""set -eu
rm -rf /run/deb; mkdir -p /run/deb/DEBIAN
printf 'Package: interrupted\nVersion: 1\nArchitecture: all\nMaintainer: t <t@example.com>\nDescription: t\n' \
  >/run/deb/DEBIAN/control
printf '#!/bin/sh\n[ -e /run/once ] || { touch /run/once; kill -9 $PPID; sleep 1; }\n' >/run/deb/DEBIAN/postinst
chmod 755 /run/deb/DEBIAN/postinst
dpkg-deb --build /run/deb /run/interrupted.deb >/dev/null
dpkg -i /run/interrupted.deb >/dev/null 2>&1 && exit 1
[ -n "$(dpkg --audit)" ]
"""


def test_an_interrupted_dpkg_is_finished(lamps: Lamps) -> None:
    lamps.sh("lamp-1", WITHOUT_SL)
    with lamps.with_("lamp-1", INTERRUPTED, "dpkg --purge interrupted; rm -rf /run/deb /run/interrupted.deb /run/once"):
        assert "finish an interrupted dpkg run" in lamps.stack.command("plan", str(lamps.stack.folder), code=2).stdout
        lamps.healed()
        assert lamps.sh("lamp-1", "dpkg-query -W -f '${db:Status-Abbrev}' interrupted").strip() == "ii"


SMALL_VAR = """set -eu
mkdir -p /run/small; mount -t tmpfs -o size=400m tmpfs /run/small
cp -a /var/. /run/small/; mount --bind /run/small /var
"""
OLD_VAR = "rm -f /var/filler; umount /var; cp -a /run/small/. /var/; umount /run/small"
FILL = "dd if=/dev/zero of=/var/filler bs=64k 2>/dev/null; sync"


def test_a_full_disk_is_found_first_and_in_the_middle(lamps: Lamps) -> None:
    with lamps.with_("lamp-1", SMALL_VAR, OLD_VAR):
        lamps.change(warm_up=6)
        lamps.sh("lamp-1", FILL, code=None)
        said = lamps.fails("lamp-1 | disk space")
        assert "/var has 0 MiB left" in said
        assert "next: make room" in said
        lamps.sh("lamp-1", "rm /var/filler")
        run = lamps.start()
        lamps.warming()
        lamps.sh("lamp-1", FILL, code=None)
        assert "No space left on device" in lamps.fails("lamp-1 | lamp: warm up", run=run)
        lamps.sh("lamp-1", "rm /var/filler")
        lamps.healed()


# As if its clock went an hour ahead: containers share the machine's, which must not be set.
LATE = """cat >/usr/local/bin/date <<'WRAPPER'
#!/bin/sh
exec faketime -f +1h /usr/bin/date "$@"
WRAPPER
chmod 755 /usr/local/bin/date"""


def test_all_hosts_findings_come_at_once_and_nothing_is_touched(lamps: Lamps) -> None:
    lamps.change()
    lamps.sh("lamp-1", "apt-get -q -y install faketime >/dev/null 2>&1")
    before = lamps.digest()
    with (
        lamps.with_("lamp-1", LATE, "rm /usr/local/bin/date"),
        lamps.with_("lamp-2", "mount --bind /etc /etc; mount -o remount,bind,ro /etc", "umount /etc"),
    ):
        said = lamps.fails("lamp-1 | clock", "lamp-2 | file systems")
        assert "ahead of this machine's" in said
        assert "cannot be written: /etc" in said
        lamps.stack.command("plan", str(lamps.stack.folder), code=5)
    assert lamps.digest() == before
    lamps.healed()


def test_another_system_is_refused(lamps: Lamps) -> None:
    lamps.change()
    before = lamps.digest()
    other = "printf 'ID=fedora\\nVERSION_ID=42\\n' >/run/os-release; mount --bind /run/os-release /usr/lib/os-release"
    kernel = "printf '#!/bin/sh\\necho FreeBSD\\n' >/usr/local/bin/uname; chmod 755 /usr/local/bin/uname"
    with (
        lamps.with_("lamp-1", other, "umount /usr/lib/os-release; rm /run/os-release"),
        lamps.with_("lamp-2", kernel, "rm /usr/local/bin/uname"),
    ):
        said = lamps.fails("lamp-1 | system", "lamp-2 | system")
        assert "this is Linux (fedora 42)" in said
        assert "this is FreeBSD" in said
    assert lamps.digest() == before
    lamps.healed()
