"""Journals of all hosts on the monitor host: who gets in, what outlives hosts, what catches up. And traffic."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from harness import ROOT, Stack, http, stack, within
from warm import warm

from massive_deploy.authority import leaf, new_authority

pytestmark = [pytest.mark.stack, pytest.mark.proof]
NAME = "md-logs"
HOSTS = """
summary: The site, its database and the monitor, each by itself.
hosts:
  site: {parts: [edge, app, memcached, redis], count: 1}
  db: {parts: [database], count: databases}
  monitor: {parts: [monitor], count: 1}
quorum: [db]
"""
TOPOLOGY = """
name: {name}
stack: logs
target: docker
app_servers: 1
replicas: 0
roles:
  journal_remote: {{disk: 64MiB}}
app:
  source: {source}
  settings: shop.settings
  health: /-/health
"""
SENDERS = ("site-1", "db-1")
ALL = (*SENDERS, "monitor-1")
UPLOAD = "https://{address}:19532/upload"
KIND = "Content-Type: application/vnd.fdo.journal"
# An entry as systemd-journal-upload sends it, in words of printf.
ENTRY = (
    "__REALTIME_TIMESTAMP=1795766400000000\\n__MONOTONIC_TIMESTAMP=1000\\n_BOOT_ID=0123456789abcdef0123456789abcdef\\n"
    "_HOSTNAME=db-1\\n_SYSTEMD_UNIT=words.service\\nMESSAGE={message}\\n\\n"
)
FLOOD = """
import os, socket
journal = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
journal.connect("/run/systemd/journal/socket")
for number in range(9000):
    journal.send(f"MESSAGE=flood {os.urandom(400).hex()}\\nPRIORITY=6\\n".encode())
"""


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    folder = tmp_path_factory.mktemp("logs")
    (folder / "stacks").mkdir()
    (folder / "stacks/logs.yaml").write_text(HOSTS, encoding="utf-8")
    with stack(folder, NAME) as found:
        found.write(warm(TOPOLOGY.format(name=NAME, source=ROOT / "examples/shop")))
        found.up()
        yield found


def say(made: Stack, host: str, word: str) -> None:
    """One line of the unit `words`."""
    made.on(host, f"systemd-run --quiet --wait --unit=words echo {word}")


def told(made: Stack, *words: str, code: int = 0) -> list[dict[str, object]]:
    """Lines of the unit `words` that `logs` shows."""
    shown = made.command("logs", str(made.folder), "--unit", "words", "--json", *words, code=code).stdout
    return [json.loads(line) for line in shown.splitlines()]


def hosts_with(made: Stack, word: str) -> list[str]:
    """Who has said the word, once for each time it is shown."""
    found = told(made, "--collected", "--grep", word)
    return sorted(str(line["host"]) for line in found if str(line["text"]).endswith(word))


def container(verb: str, host: str) -> None:
    subprocess.run(["docker", verb, f"{NAME}-{host}"], capture_output=True, check=True)


def test_what_is_said_on_each_host_is_on_the_monitor_host(made: Stack) -> None:
    for host in ALL:
        say(made, host, f"hello-{host}")
    for host in ALL:
        within(30, lambda host=host: hosts_with(made, f"hello-{host}") == [host], f"{host} is heard")
    lines = told(made, "--collected", "--grep", "hello-")
    assert {str(line["host"]): line["collected"] for line in lines} == {
        "site-1": True,
        "db-1": True,
        "monitor-1": False,
    }


def test_checks_pass_and_a_second_run_changes_nothing(made: Stack) -> None:
    made.command("verify", str(made.folder), "--roles", "base,journal_remote,journal_upload")
    assert " 0 operations" in made.up()


def test_strangers_are_refused_and_leave_nothing(made: Stack) -> None:
    url = UPLOAD.format(address=made.hosts()["monitor-1"]["address"])
    other = leaf(new_authority("other", datetime.now(UTC)), ("db-1",), datetime.now(UTC))
    made.inside("site-1", "umask 077; cat >/root/other.pem", other.both)
    own = "/etc/massive-deploy/journal-upload.pem"
    entry = f"printf '{ENTRY.format(message='stranger')}'"
    told_status = "-o /dev/null -w '%{http_code}' --data-binary @-"
    ask = f"{entry} | curl -sS --cacert /etc/massive-deploy/ca.crt -H '{KIND}' {told_status}"
    before = made.on("monitor-1", "ls /var/log/journal/remote | cut -d@ -f1 | sort -u")
    assert made.on("site-1", f"{ask} {url}") == "400"
    assert made.on("site-1", f"{ask} --cert /root/other.pem {url}") == "400"
    plain = url.replace("https", "http")
    assert made.on("site-1", f"{entry} | curl -sS -H '{KIND}' {told_status} {plain}") == "400"
    stranger = "journalctl --quiet --directory=/var/log/journal/remote MESSAGE=stranger -o cat | wc -l"
    assert made.on("monitor-1", stranger) == "0\n"
    # The same entry with a certificate of the stack: it is the certificate that was missing.
    assert made.on("site-1", f"{ask} --cert {own} {url}") == "202"
    within(10, lambda: made.on("monitor-1", stranger) == "1\n", "an entry of a host of the stack")
    assert made.on("monitor-1", "ls /var/log/journal/remote | cut -d@ -f1 | sort -u") == before


def test_a_host_writes_under_its_own_name_only(made: Stack) -> None:
    url = UPLOAD.format(address=made.hosts()["monitor-1"]["address"])
    trust = "--cacert /etc/massive-deploy/ca.crt --cert /etc/massive-deploy/journal-upload.pem"
    ask = f"printf '{ENTRY.format(message='forged')}' | curl -sS {trust}"
    made.on("site-1", f"{ask} -H '{KIND}' --data-binary @- {url}")
    assert within(10, lambda: hosts_with(made, "forged"), "the entry is there") == ["site-1"]


def test_the_last_words_of_a_dead_host_are_told(made: Stack) -> None:
    say(made, "db-1", "last-words")
    within(30, lambda: hosts_with(made, "last-words") == ["db-1"], "db-1 is heard")
    container("kill", "db-1")
    try:
        found = told(made, "--grep", "last-words", code=5)
        (line,) = [line for line in found if str(line["text"]).endswith("last-words")]
        assert (line["host"], line["collected"]) == ("db-1", True)
        run = made.command("logs", str(made.folder), "--hosts", "db-1", "--unit", "words", code=5)
        assert "what monitor-1 has of its journal is shown" in run.stderr
    finally:
        container("start", "db-1")


def test_the_monitor_hosts_loss_costs_nothing_and_senders_catch_up(made: Stack) -> None:
    within(120, lambda: made.http("/-/health", host="site-1").status == 200, "the site is back")
    container("kill", "monitor-1")
    try:
        for number in range(20):
            assert made.http("/-/health", host="site-1").status == 200
            say(made, "site-1", f"meanwhile-{number}")
        time.sleep(15)
        # A run on other hosts neither fails nor has anything to do.
        assert " 0 operations" in made.command("up", str(made.folder), "--hosts", "site-1").stdout
        assert made.command("logs", str(made.folder), "--collected", code=5).stdout == ""
    finally:
        container("start", "monitor-1")
    for number in (0, 19):
        within(120, lambda n=number: hosts_with(made, f"meanwhile-{n}") == ["site-1"], "site-1 catches up")


def test_a_receiver_that_hangs_is_given_up(made: Stack) -> None:
    container("pause", "monitor-1")
    try:
        say(made, "site-1", "into-the-void")
        time.sleep(75)
        watched = made.on("site-1", "journalctl --quiet --since=-90s -u systemd-journal-upload -o cat")
        assert "Watchdog timeout" in watched
    finally:
        container("unpause", "monitor-1")
    within(60, lambda: hosts_with(made, "into-the-void") == ["site-1"], "site-1 catches up")


def test_the_journals_stay_within_their_share(made: Stack) -> None:
    made.inside("site-1", "cat >/root/flood.py", FLOOD)
    for number in range(12):
        # Each unit may say 10,000 lines in half a minute.
        made.on("site-1", f"systemd-run --quiet --wait --unit=flood-{number} python3 /root/flood.py")
        time.sleep(2)
    say(made, "site-1", "after-the-flood")
    within(120, lambda: hosts_with(made, "after-the-flood") == ["site-1"], "site-1 is heard")
    files = int(made.on("monitor-1", "ls /var/log/journal/remote | grep -c @"))
    size = int(made.on("monitor-1", "du -sm /var/log/journal/remote").split()[0])
    assert files >= 2
    assert size <= 65
    # Quiet hosts are still there.
    assert hosts_with(made, "hello-db-1") == ["db-1"]


def test_new_certificates_take_over(made: Stack) -> None:
    made.command("secrets", "rotate", str(made.folder), "ca/*")
    assert "systemd-journal-upload@db-1" in made.up()
    say(made, "db-1", "renewed")
    within(60, lambda: hosts_with(made, "renewed") == ["db-1"], "db-1 is heard")
    made.command("verify", str(made.folder), "--roles", "journal_remote,journal_upload")


def test_traffic_is_counted_where_the_log_is(made: Stack, tmp_path: Path) -> None:
    address = made.hosts()["site-1"]["address"]
    begin = int(time.time())
    for number in range(30):
        http(f"http://{address}/.well-known/counted?{number}")
    time.sleep(3)
    since = datetime.fromtimestamp(begin, UTC).isoformat()
    words = ("traffic", str(made.folder), "--since", since, "--top", "50")
    found = json.loads(made.command(*words, "--json").stdout)
    (path,) = [row for row in found["most_asked"] if row["path"] == "/.well-known/counted"]
    # The app server's nginx wrote into the same file.
    assert int(made.on("site-1", "grep -c well-known/counted /var/log/nginx/access.log")) > 30
    assert path["requests"] == 30
    assert found["statuses"]["404"] >= 30
    assert sum(found["hosts"].values()) == found["requests"] == sum(found["classes"].values())
    page = tmp_path / "traffic.html"
    shown = made.command(*words, "--html", str(page)).stdout
    assert shown == ""
    assert "/.well-known/counted" in page.read_text(encoding="utf-8")
    assert "/.well-known/counted" in made.command(*words).stdout


def test_the_access_log_is_rotated_by_size(made: Stack) -> None:
    made.on("site-1", "systemctl stop nginx-logs.timer")
    made.on("site-1", "sed -i 's/maxsize .*/maxsize 1k/' /etc/massive-deploy/logrotate-nginx.conf")
    made.on("site-1", "systemctl start nginx-logs.service")
    made.http("/after-rotation", host="site-1")
    time.sleep(3)
    assert int(made.on("site-1", "grep -c after-rotation /var/log/nginx/access.log")) >= 1
    assert made.on("site-1", "ls /var/log/nginx/access.log.1").strip() == "/var/log/nginx/access.log.1"
    assert "logrotate-nginx.conf" in made.command("plan", str(made.folder), code=2).stdout
