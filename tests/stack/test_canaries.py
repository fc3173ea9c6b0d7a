"""Every secret of an inventory is a word we know, and we look for it everywhere while the stack is worked on."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from harness import ROOT, Stack, within
from oracles import WHERE_SECRETS_MUST_NOT_BE, astray, secrets
from scenarios import PAIR, PAIR_STACK, SETTINGS, inventory
from watching import Watch, disguises, watch

from massive_deploy.inventory import open_inventory
from massive_deploy.operate.prepare import prepare

pytestmark = [pytest.mark.stack, pytest.mark.proof]
NAME = os.environ.get("CANARY_NAME", "md-canary")
GIVEN = "app/env/payment_token"
NEW = " (new)"
EDITOR = """
import hashlib, pathlib, sys
file = pathlib.Path(sys.argv[-1])
names = {line.partition(":")[0] for line in file.read_text().splitlines() if line.strip() and line[0] != "#"}
word = lambda name: "canary-" + hashlib.sha256(name.encode()).hexdigest()[:24]
file.write_text("".join(f"{name}: {word(name)}\\n" for name in sorted(names | {GIVEN})))
"""
# Who may have a secret in its environment (docs/secrets.md): by the end of its control group, or by its command.
IN_ENVIRONMENT = ("/app.service", "/app-worker.service", "/prometheus-redis-exporter.service")
# etcdctl takes a password from nowhere else; what runs beside it in the same step of root's inherits it.
VARIABLES = re.compile(r"(ETCDCTL_(USER|PASSWORD)=\S+ ?)+")
# Written by programs from what they were given; the last keeps an old password until the replica connects anew.
KEPT = {
    "/etc/massive-deploy/etcd-passwords.set": "600 root:root",
    "/var/lib/postgresql/.pgpass-patroni": "600 postgres:postgres",
}
COMMANDS_WITH_ENVIRONMENT = ("manage.py", "massive_wsgi.py", "collect-static", "redis-cli", "/bin/manage ")


@dataclass
class Story:
    """What was seen and said in a stack's life."""

    stack: Stack
    values: dict[str, str] = field(default_factory=dict)
    watched: list[Watch] = field(default_factory=list)
    said: dict[str, str] = field(default_factory=dict)

    def say(self, *words: str, code: int | None = 0) -> None:
        """Run a command and keep all it printed."""
        run = self.stack.command(*words, code=code)
        self.said[f"{len(self.said)} {' '.join(words)}"] = run.stdout + run.stderr

    def words(self) -> list[str]:
        """Every secret there ever was, in all its disguises."""
        return [word for value in self.values.values() for word in disguises(value)]


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    folder = tmp_path_factory.mktemp("canary")
    stack = inventory(folder, NAME)
    (folder / "tmp").mkdir()
    stack = Stack(stack.folder, NAME, {**stack.environment, "TMPDIR": str(folder / "tmp")})
    told = Story(stack)
    try:
        _live(told, folder)
        yield told
    finally:
        stack.destroy()


def _live(told: Story, folder: Path) -> None:
    """From nothing to a changed and rotated stack."""
    stack, inv, out = told.stack, str(told.stack.folder), str(folder / "out")
    (folder / "stacks").mkdir()
    (folder / "stacks/pair.yaml").write_text(PAIR_STACK, encoding="utf-8")
    topology = PAIR.format(name=NAME, replicas=1, roles=SETTINGS[0], source=ROOT / "examples/shop")
    stack.write(topology.replace("app:\n", "app:\n  secret_environment: [PAYMENT_TOKEN]\n"))
    _plant_canaries(told, folder)
    with watch(stack, told.values.values()) as seen:
        told.watched.append(seen)
        told.say("plan", inv, code=2)
        told.say("up", inv)
        stack.edit("roles: {}", f"roles: {SETTINGS[1]}")
        told.say("plan", inv, "--json", "--out", f"{out}-plan.json", code=2)
        told.say("plan", inv, "--markdown", code=2)
        told.say("up", f"{out}-plan.json")
    told.say("secrets", "rotate", inv, *(name for name in told.values if name != GIVEN))
    told.values |= {f"{name}{NEW}": value for name, value in secrets(stack).items() if name != GIVEN}
    with watch(stack, told.values.values()) as seen:
        told.watched.append(seen)
        for format_ in ([], ["--json"], ["--markdown"]):
            told.say("plan", inv, "--out", f"{out}-rotated.json", *format_, code=2)
        told.say("up", inv)
        told.say("status", inv, "--json")
        told.say("status", inv)
        told.say("verify", inv)
        told.say("history", inv, "--json")
        told.say("secrets", "show", inv)
        told.say("render", inv, f"{out}-rendered")
        told.say("diff", inv, code=None)
    for path in [*folder.glob("out-*.json"), *(p for p in (folder / "out-rendered").rglob("*") if p.is_file())]:
        told.said[str(path)] = path.read_text(encoding="utf-8")


def _plant_canaries(told: Story, folder: Path) -> None:
    stack, inv = told.stack, str(told.stack.folder)
    script = folder / "editor.py"
    script.write_text(f"GIVEN = {GIVEN!r}\n{EDITOR}", encoding="utf-8")
    editing = Stack(stack.folder, NAME, {**stack.environment, "EDITOR": f"{sys.executable} {script}", "VISUAL": ""})
    for words in (("init",), ("edit",), ("init",), ("edit",)):
        editing.command("secrets", words[0], inv)
    told.values |= secrets(stack)
    assert len(told.values) > 8
    assert all(value.startswith("canary-") for value in told.values.values())


def test_the_watchers_catch_a_secret_in_arguments_environments_and_open_files(story: Story) -> None:
    word = "planted-3f1c9a7d5b"
    encoded = disguises(word)[2]
    with watch(story.stack, [word]) as seen:
        argument = ["docker", "exec", "-i", f"{NAME}-web-1", "bash"]
        short = f"perl -e 'select undef, undef, undef, 0.02' {word};"
        script = f"for n in $(seq 50); do {short} done; perl -e 'sleep 1' x{encoded}x"
        subprocess.run(argument, input=script, text=True, check=True)
        subprocess.run([sys.executable, "-c", "import time; time.sleep(0.3)", word], check=True)
        subprocess.run(["/bin/sleep", "1"], env={"X": word}, check=True)
        story.stack.inside("web-1", "install -m 644 /dev/stdin /etc/planted; sleep 3; rm /etc/planted", word)
        story.stack.inside("db-2", "install -m 600 /dev/stdin /etc/private; sleep 3; rm /etc/private", word)
    arguments = " ".join(seen.arguments())
    assert "perl -e" in arguments, "base64"
    assert "time.sleep(0.3)" in arguments, "at the controller"
    assert any("0.02" in hit for hit in seen.arguments()), "short ones"
    assert [hit["command"] for hit in seen.environments()] == ["/bin/sleep 1 "]
    assert {line.split()[1] for line in seen.files} == {"/etc/planted"}
    found = story.stack.inside("web-1", f"logger {word}; sleep 1; {WHERE_SECRETS_MUST_NOT_BE}", f"{word}\n")
    assert "journal: " in found


def test_the_watchers_were_awake(story: Story) -> None:
    for seen in story.watched:
        assert {"processes", "web-1", "db-1", "db-2"} <= set(seen.rounds)
        assert min(seen.rounds.values()) >= 10, seen.rounds


def test_no_process_had_a_secret_among_its_arguments(story: Story) -> None:
    assert [hit for seen in story.watched for hit in seen.arguments()] == []


def test_secrets_are_in_those_environments_only_that_are_documented(story: Story) -> None:
    strange = [
        hit
        for seen in story.watched
        for hit in seen.environments()
        if not hit["group"].endswith(IN_ENVIRONMENT)
        and not (hit["user"] == 0 and VARIABLES.fullmatch(hit["text"]))
        and not any(word in hit["command"] for word in COMMANDS_WITH_ENVIRONMENT)
    ]
    assert strange == [], "\n".join(map(str, strange))


def test_nothing_that_everybody_reads_ever_held_a_secret(story: Story) -> None:
    assert set().union(*(seen.files for seen in story.watched)) == set()


def test_nothing_that_was_printed_or_written_for_people_holds_one(story: Story) -> None:
    words = story.words()
    assert [what for what, text in story.said.items() if any(word in text for word in words)] == []
    assert any("content not shown" in text for text in story.said.values())


def test_no_log_no_journal_and_no_temporary_folder_holds_one(story: Story) -> None:
    assert astray(story.stack, dict(enumerate(story.words()))) == []
    folder = Path(story.stack.environment["TMPDIR"])
    assert list(folder.iterdir()) == []


def _planned(stack: Stack) -> Mapping[str, dict[str, str]]:
    """host → path → `mode owner:group` of the files that are there to hold secrets."""
    rendered = prepare(open_inventory(stack.folder)).rendered
    return {
        host: {
            file.path: f"{file.mode:o} {file.owner}:{file.group}"
            for desired in roles.values()
            for file in desired.files
            if file.secret
        }
        for host, roles in rendered.items()
    }


EVERYWHERE = """
patterns=$(mktemp /dev/shm/patterns.XXXXXX)
trap 'rm -f "$patterns"' EXIT
cat >"$patterns"
grep -raFlf "$patterns" /bin /boot /etc /home /lib /media /mnt /opt /root /run /sbin /srv /tmp /usr /var 2>/dev/null |
  while IFS= read -r path; do stat -c '%n %a %U:%G' -- "$path"; done
"""


def test_on_disk_each_is_in_its_place_only(story: Story, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("XDG_STATE_HOME", "XDG_CONFIG_HOME", "XDG_CACHE_HOME"):
        monkeypatch.setenv(name, story.stack.environment[name])
    patterns = "".join(f"{word}\n" for word in story.words())
    strange = []
    for host, planned in _planned(story.stack).items():
        for line in story.stack.inside(host, EVERYWHERE, patterns).splitlines():
            path, _, rest = line.partition(" ")
            if (planned | KEPT).get(path) != rest:
                strange.append(f"{host}: {line}")
    assert strange == []


def test_memory_of_old_values_is_gone_from_the_hosts(story: Story) -> None:
    old = "".join(f"{value}\n" for name, value in story.values.items() if not name.endswith(NEW) and name != GIVEN)
    found = {host: story.stack.inside(host, EVERYWHERE, old) for host in story.stack.hosts()}
    lines = [line for text in found.values() for line in text.splitlines()]
    assert [line for line in lines if line.split()[0] not in KEPT] == []
    within(5, lambda: story.stack.http("/", host="web-1").status == 200, "the site with rotated secrets")
