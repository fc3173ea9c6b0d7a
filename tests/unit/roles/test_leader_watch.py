"""The decision to free a leader's lock, over partitions of every shape, and the watcher over random ones."""

from __future__ import annotations

import itertools
import json
import random
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field

import pytest
from massive_deploy.roles.leader_watch.desired import CONFIG, UNIT, USER
from massive_deploy.roles.leader_watch.templates.leader_watch.decide import (
    Key,
    Node,
    Settings,
    Silence,
    View,
    ballot,
    enough,
    may_open,
    renewal,
    why_no_release,
    why_no_vote,
)
from massive_deploy.roles.leader_watch.templates.leader_watch.watcher import (
    StoreError,
    Watcher,
    withdraw_before_start,
)

from .database_stack import content, desired, secret, shown

EARLY = {"failover": {"early": True, "speed": "fast"}}
REPLICAS = 2


def names(count: int) -> list[str]:
    return [f"db-{n}" for n in range(1, count + 1)]


def nodes(count: int) -> dict[str, Node]:
    return {name: Node(f"10.0.1.{n}", 5432, 8008) for n, name in enumerate(names(count), 1)}


def settings(me: str, count: int = 3) -> Settings:
    return Settings(me, "/massive/trial/trial-1/", nodes(count), 0.5, 3.0, 3)


def keys(
    count: int = 3,
    *,
    votes: Mapping[str, str] | None = None,
    voters: tuple[str, ...] | None = None,
    quorum: int | None = None,
    config: Mapping[str, object] | None = None,
) -> dict[str, Key]:
    """A cluster that db-1 leads, in its term 7."""
    standbys = names(count)[1:] if voters is None else list(voters)
    sync = {"leader": "db-1", "sync_standby": ",".join(standbys), "quorum": len(standbys) - 1}
    if quorum is not None:
        sync["quorum"] = quorum
    wanted = {"synchronous_mode": "quorum", "loop_wait": 2, **(config or {})}
    made = {
        "leader": Key("db-1", 7, 99),
        "config": Key(json.dumps(wanted), 2),
        "sync": Key(json.dumps(sync), 5),
        "members/db-1": Key(json.dumps({"conn_url": "postgres://10.0.1.1:5432/postgres"}), 6),
    }
    for host, value in (votes or {}).items():
        made[f"early/{host}"] = Key(value, 20, 1)
    return made


def view(count: int = 3, **options: object) -> View:
    return View(keys(count, **options))  # type: ignore[arg-type]


STANDING = {"db-2": "db-1 7", "db-3": "db-1 7"}


def test_two_other_hosts_must_agree() -> None:
    assert enough(view(votes=STANDING))
    assert not enough(view(votes={"db-2": "db-1 7"}))
    assert not enough(view(votes={"db-2": "db-1 7"}, voters=("db-2",)))
    assert enough(view(votes=STANDING, voters=("db-2",)))


def test_the_leader_has_no_vote_and_votes_of_another_term_do_not_count() -> None:
    assert not enough(view(votes={"db-1": "db-1 7", "db-2": "db-1 7"}, quorum=0))
    assert not enough(view(votes={"db-2": "db-1 7", "db-3": "db-1 6"}, quorum=0))
    assert not enough(view(votes={"db-2": "db-1 7", "db-3": "db-2 7"}, quorum=0))
    assert not enough(view(votes={"db-2": "db-1 7", "db-3": ""}, quorum=0))


def test_hosts_whose_replica_cannot_acknowledge_do_not_make_up_for_one_that_can() -> None:
    votes = {"db-2": "db-1 7", "db-4": "db-1 7"}
    assert not enough(view(4, votes=votes, voters=("db-2", "db-3")))
    assert enough(view(4, votes={**votes, "db-3": "db-1 7"}, voters=("db-2", "db-3")))


@pytest.mark.parametrize("quorum", [None, "1", -1, 1.5])
def test_a_sync_key_without_a_quorum_frees_nothing(quorum: object) -> None:
    made = keys(votes=STANDING)
    made["sync"] = Key(json.dumps({"leader": "db-1", "sync_standby": "db-2,db-3", "quorum": quorum}), 5)
    assert not enough(View(made))


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"config": Key('{"synchronous_mode": false, "loop_wait": 2}', 2)}, "quorum commit is off"),
        ({"config": Key('{"synchronous_mode": true, "loop_wait": 2}', 2)}, "quorum commit is off"),
        ({"config": Key('{"synchronous_mode": "quorum", "pause": true}', 2)}, "Patroni is paused"),
        ({"config": Key("nonsense", 2)}, "quorum commit is off"),
        ({"failover": Key('{"leader": "db-1"}', 9)}, "a switchover is under way"),
        ({"sync": Key('{"leader": "db-1", "sync_standby": null, "quorum": 0}', 9)}, "the leader commits alone"),
        ({"sync": Key('{"leader": "db-1", "sync_standby": "db-1", "quorum": 0}', 9)}, "the leader commits alone"),
        ({"sync": Key('{"leader": "db-2", "sync_standby": "db-1", "quorum": 0}', 9)}, "the leader commits alone"),
        ({"sync": Key("[]", 9)}, "the leader commits alone"),
    ],
)
def test_where_it_would_not_be_safe_nobody_votes(change: dict[str, Key], why: str) -> None:
    unsafe = View({**keys(), **change})
    assert why_no_release(unsafe) == why
    assert why_no_vote(unsafe, settings("db-2"), silent=True, idle=lambda: 99) == why


def test_a_host_votes_when_the_leader_is_silent_and_has_missed_a_round() -> None:
    assert why_no_vote(view(), settings("db-2"), silent=True, idle=lambda: 3) == ""
    assert why_no_vote(view(), settings("db-2"), silent=False, idle=lambda: 99) == "the leader answers"
    assert why_no_vote(view(), settings("db-2"), silent=True, idle=lambda: 2) == "the leader renews its lease"
    assert why_no_vote(view(), settings("db-1"), silent=True, idle=lambda: 99) == "this host leads"
    assert why_no_vote(View({}), settings("db-2"), silent=True, idle=lambda: 99) == "nobody leads"


def test_slower_loops_take_longer() -> None:
    waits = [renewal(view(config={"loop_wait": wait}), settings("db-2")) for wait in (1, 2, 5, 10, "x")]
    assert waits == [3, 3, 6, 11, 11]


def test_a_leader_elsewhere_than_expected_is_not_voted_against() -> None:
    other = View({**keys(), "members/db-1": Key('{"conn_url": "postgres://10.0.9.9:5432/postgres"}', 6)})
    assert (
        why_no_vote(other, settings("db-2"), silent=True, idle=lambda: 99)
        == "the leader's address is not the expected one"
    )


def test_one_failed_attempt_is_no_silence_however_long_it_took() -> None:
    silence = Silence(3)
    silence.note(False, 0, 60)
    assert not silence.silent
    silence.note(False, 60, 61)
    silence.note(False, 61, 62)
    assert silence.silent
    silence.note(True, 62, 63)
    assert not silence.silent


def test_silence_lasts_as_long_as_asked_for() -> None:
    silence = Silence(3)
    for tenth in range(0, 29, 5):
        silence.note(False, tenth / 10, tenth / 10 + 0.1)
    assert not silence.silent
    silence.note(False, 3, 3.1)
    assert silence.silent


def test_a_fence_opens_towards_the_leader_and_towards_a_replica_only() -> None:
    assert may_open("db-1", "db-1", "")
    assert may_open("db-1", "db-2", "replica")
    assert [may_open("db-1", leader, role) for leader in ("db-2", "") for role in ("primary", "", "demoted")] == [
        False
    ] * 6


# A model of partitions: who reaches whom -> who votes -> is the lock freed -> can the old leader still be acknowledged?


Links = frozenset[tuple[str, str]]


def shapes(hosts: list[str]) -> Iterator[Links]:
    """All directed graphs: the pairs (from, to) whose packets arrive."""
    pairs = list(itertools.permutations(hosts, 2))
    for bits in range(1 << len(pairs)):
        yield frozenset(pair for n, pair in enumerate(pairs) if bits >> n & 1)


def talk(links: Links, one: str, other: str) -> bool:
    """Whether a TCP connection holds between them, which needs both directions."""
    return one == other or ((one, other) in links and (other, one) in links)


def elected(links: Links, members: list[str]) -> Iterator[str]:
    """Members of etcd that may lead it: they talk with a majority."""
    for member in members:
        if 2 * sum(talk(links, member, other) for other in members) > len(members):
            yield member


def reaches(links: Links, host: str, members: list[str], head: str) -> bool:
    """Whether a host gets answers of etcd that all agree on, through any member."""
    return any(talk(links, host, member) and talk(links, member, head) for member in members)


def judge(links: Links, hosts: list[str], head: str, voters: tuple[str, ...], numsync: int) -> tuple[bool, set[str]]:
    """Whether db-1 loses its lock, and who has closed the fence."""
    members = hosts[:3]
    renewed = reaches(links, "db-1", members, head)
    quorum = len(voters) - numsync
    fenced = set()
    for host in hosts:
        if not reaches(links, host, members, head):
            continue
        now = view(len(hosts), voters=voters, quorum=quorum)
        silent = not talk(links, host, "db-1")
        if not why_no_vote(now, settings(host, len(hosts)), silent=silent, idle=lambda: 0 if renewed else 20):
            fenced.add(host)
    now = view(len(hosts), voters=voters, quorum=quorum, votes=dict.fromkeys(fenced, "db-1 7"))
    return not why_no_release(now) and enough(now), fenced


def acknowledges(voters: tuple[str, ...], fenced: set[str], numsync: int) -> bool:
    """Whether the old leader can still be acknowledged once all links are whole again: the worst that can happen."""
    return len(set(voters) - fenced) >= numsync


@pytest.mark.parametrize("count", [3, 4])
def test_in_no_partition_is_the_lock_freed_while_the_old_leader_can_be_acknowledged(count: int) -> None:
    hosts = names(count)
    freed = kept = 0
    sets = [s for size in range(1, count) for s in itertools.combinations(hosts[1:], size)]
    cases = [(voters, numsync) for voters in sets for numsync in range(1, len(voters) + 1)]
    chance = random.Random(4)
    for links in shapes(hosts):
        if count == 4 and chance.random() > 0.08 and any((b, a) not in links for a, b in links):
            continue  # all shapes that go both ways, and some of the others
        for head in elected(links, hosts[:3]):
            for voters, numsync in cases:
                gone, fenced = judge(links, hosts, head, voters, numsync)
                if gone:
                    freed += 1
                    assert not acknowledges(voters, fenced, numsync), (links, head, voters, numsync, fenced)
                    assert len(fenced) >= 2
                    assert "db-1" not in fenced
                else:
                    kept += 1
    assert freed > 10
    assert kept > 10


def test_without_fences_the_model_finds_the_second_acknowledgement() -> None:
    """The model can tell: what is freed while links are cut is acknowledged once they are whole."""
    cut = frozenset(pair for pair in itertools.permutations(names(3), 2) if "db-1" not in pair)
    gone, fenced = judge(cut, names(3), "db-2", ("db-2", "db-3"), 1)
    assert gone
    assert fenced == {"db-2", "db-3"}
    assert acknowledges(("db-2", "db-3"), set(), 1)


@pytest.mark.parametrize("away", ["db-2", "db-3"])
def test_a_leader_cut_from_one_replica_keeps_its_lock(away: str) -> None:
    links = frozenset(pair for pair in itertools.permutations(names(3), 2) if set(pair) != {"db-1", away})
    for head in elected(links, names(3)):
        assert judge(links, names(3), head, ("db-2", "db-3"), 1)[0] is False


# The watcher itself over random links, a leader that goes on as long as it may, and replicas that follow it.


@dataclass
class World:
    """Three hosts at steps of half a second. Everything that is not the watcher is simple, and hostile where it may be.

    A replica confirms whatever its old leader sends whenever packets pass; a new leader is one who has all that was
    acknowledged among more than the quorum of voters; the old one goes on until it learns of the new.
    """

    chance: random.Random
    fences_hold: bool = True
    keys: dict[str, Key] = field(default_factory=lambda: keys(3))
    revision: int = 100
    renewed: int = 0
    now: int = 0
    cut: set[str] = field(default_factory=set)
    fenced: dict[str, set[str]] = field(default_factory=lambda: {name: set() for name in names(3)})
    primary: set[str] = field(default_factory=lambda: {"db-1"})
    late: list[tuple[str, Key, View]] = field(default_factory=list)

    def talk(self, one: str, other: str) -> bool:
        return one == other or not ({one, other} & self.cut)

    def put(self, name: str, value: str, lease: int = 0) -> None:
        self.revision += 1
        self.keys[name] = Key(value, self.revision, lease)

    def turn(self) -> None:
        """Links change, the leader renews its lease if it can, some late votes arrive."""
        if self.chance.random() < 0.08:
            self.cut = set() if self.cut else {self.chance.choice(names(3))}
        leader = self.keys.get("leader")
        if leader and leader.value not in self.cut:
            self.renewed = self.now
        for me, against, seen in [late for late in self.late if self.chance.random() < 0.3]:
            StoreOf(self, me).land(against, seen)
            self.late.remove((me, against, seen))

    def acknowledged_by(self, leader: str) -> bool:
        address = nodes(3)[leader].address
        return any(
            self.talk(leader, other) and not (self.fences_hold and address in self.fenced[other])
            for other in names(3)
            if other != leader and other not in self.primary
        )


@dataclass
class StoreOf:
    """etcd as one host reaches it; a vote may arrive late although the host was told that it failed."""

    world: World
    me: str

    def _reach(self) -> None:
        if self.me in self.world.cut or self.world.chance.random() < 0.05:
            raise StoreError("cut")

    def view(self) -> View:
        self._reach()
        return View(dict(self.world.keys))

    def idle(self, lease: int) -> float:  # noqa: ARG002
        self._reach()
        return (self.world.now - self.world.renewed) / 2

    def vote(self, view: View) -> None:
        self._reach()
        leader = view.leader
        assert leader is not None
        if self.me in view.votes:
            return
        if self.world.chance.random() < 0.2:
            self.world.late.append((self.me, leader, view))
            raise StoreError("no answer in time")
        self.land(leader, view)

    def land(self, leader: Key, view: View) -> None:
        name = f"early/{self.me}"
        before, now = view.keys.get(name, Key("", 0)), self.world.keys.get(name, Key("", 0))
        if self.world.keys.get("leader") == leader and before.revision == now.revision:
            self.world.put(name, ballot(leader))

    def withdraw(self) -> str:
        self._reach()
        self.world.put(f"early/{self.me}", "")
        leader = self.world.keys.get("leader")
        return leader.value if leader else ""

    def release(self, view: View) -> bool:
        self._reach()
        judged = ["leader", "sync", "config", *(f"early/{host}" for host in view.votes)]
        if any(self.world.keys.get(name) != view.keys[name] for name in judged):
            return False
        del self.world.keys["leader"]
        self.world.put("sync", view.keys["sync"].value)
        return True


@dataclass
class FenceOf:
    """One host's packet filter."""

    world: World
    me: str

    @property
    def closed(self) -> frozenset[str]:
        return frozenset(self.world.fenced[self.me])

    def close(self, node: Node) -> None:
        self.world.fenced[self.me].add(node.address)

    def hold(self) -> None:
        return

    def open(self, address: str) -> None:
        self.world.fenced[self.me].discard(address)


@dataclass
class ProbeOf:
    """One host's look at a node; half the patience is over already."""

    world: World
    me: str
    target: str
    since: int = 0

    @property
    def silent(self) -> bool:
        if self.world.talk(self.me, self.target):
            self.since = self.world.now
        return self.world.now - self.since >= 6

    def stop(self) -> None:
        return


def named(address: str) -> str:
    return next(name for name, node in nodes(3).items() if node.address == address)


def watcher(world: World, me: str) -> Watcher:
    """One that has just started."""

    def role(node: Node) -> str:
        name = named(node.address)
        return ("primary" if name in world.primary else "replica") if world.talk(me, name) else ""

    def look(node: Node) -> ProbeOf:
        return ProbeOf(world, me, named(node.address), world.now)

    return Watcher(settings(me), StoreOf(world, me), FenceOf(world, me), look, role)


def rounds(world: World, watchers: dict[str, Watcher]) -> int:
    """A round of each watcher; how often one of them freed the lock. Now and then one starts anew."""
    freed = 0
    for name in names(3):
        if world.chance.random() < 0.01:
            watchers[name] = watcher(world, name)
        held = "leader" in world.keys
        with suppress(StoreError):
            watchers[name].tick()
        freed += held and "leader" not in world.keys
    return freed


def play(seed: int, *, fences_hold: bool = True) -> tuple[int, int]:
    """How often the lock was freed, and how often a node acknowledged that did not hold it while another wrote."""
    world = World(random.Random(seed), fences_hold)
    watchers = {name: watcher(world, name) for name in names(3)}
    freed = second = 0
    for world.now in range(300):
        world.turn()
        freed += rounds(world, watchers)
        if "leader" not in world.keys:
            elect(world)
        holder = world.keys["leader"].value if "leader" in world.keys else ""
        second += sum(world.acknowledged_by(name) for name in world.primary if name != holder)
        for name in world.primary - {holder}:
            if name not in world.cut and world.chance.random() < 0.3:
                world.primary.discard(name)
    return freed, second


def elect(world: World) -> None:
    """Patroni: a host that sees etcd and another voter takes the lock; /sync then names the other two."""
    able = [name for name in names(3) if name not in world.cut and name not in world.primary]
    if len(able) >= 2:
        new = world.chance.choice(able)
        world.put("leader", new, 1)
        world.put("members/" + new, json.dumps({"conn_url": f"postgres://{nodes(3)[new].address}:5432/postgres"}))
        standbys = ",".join(name for name in names(3) if name != new)
        world.put("sync", json.dumps({"leader": new, "sync_standby": standbys, "quorum": 1}))
        world.primary.add(new)
        world.renewed = world.now


def test_no_second_node_acknowledges_over_random_partitions() -> None:
    played = [play(seed) for seed in range(60)]
    assert sum(freed for freed, _ in played) > 40
    assert sum(second for _, second in played) == 0


def test_without_fences_a_second_node_does() -> None:
    assert sum(play(seed, fences_hold=False)[1] for seed in range(20)) > 0


def test_etcd_is_asked_for_the_lease_only_where_all_else_speaks_for_a_vote() -> None:
    def idle() -> float:
        raise AssertionError("asked")

    assert why_no_vote(view(), settings("db-2"), silent=False, idle=idle) == "the leader answers"
    with pytest.raises(AssertionError):
        why_no_vote(view(), settings("db-2"), silent=True, idle=idle)


class Still(random.Random):
    """No accident happens."""

    def random(self) -> float:
        return 1.0


def test_a_host_that_restarts_takes_its_vote_back_before_postgresql_can_confirm_anything() -> None:
    world = World(Still(), keys=keys(votes=STANDING))
    assert enough(View(world.keys))
    assert withdraw_before_start(StoreOf(world, "db-2"), seconds=0)
    assert View(world.keys).votes == {"db-3"}
    assert not enough(View(world.keys))


def test_a_vote_is_taken_back_when_etcd_answers_late() -> None:
    class Late(StoreOf):
        tries = 0

        def withdraw(self) -> str:
            self.tries += 1
            if self.tries < 4:
                raise StoreError("cut")
            return super().withdraw()

    world = World(Still(), keys=keys(votes=STANDING))
    assert withdraw_before_start(Late(world, "db-2"), seconds=60, pause=0)
    assert View(world.keys).votes == {"db-3"}


def test_a_boot_without_etcd_goes_on() -> None:
    world = World(Still(), cut={"db-2"})
    assert not withdraw_before_start(StoreOf(world, "db-2"), seconds=0)


def test_the_vote_is_taken_back_before_patroni_starts_and_cannot_hold_it_up() -> None:
    wanted = desired("leader_watch", "db-1", replicas=REPLICAS, topology=EARLY)
    unit = content(wanted, f"/etc/systemd/system/{UNIT}.service").splitlines()
    assert "Before=patroni.service" in unit
    (before,) = (line for line in unit if line.startswith("ExecStartPre="))
    assert before == f"ExecStartPre=-/usr/bin/timeout 5 /usr/bin/python3 -m leader_watch {CONFIG} --withdraw"
    assert not [line for line in unit if line.startswith(("After=", "Requires=")) and "etcd" in line]


def early(host: str) -> str:
    return content(desired("leader_watch", host, replicas=REPLICAS, topology=EARLY), CONFIG)


def test_each_watcher_knows_its_own_cluster_and_asks_its_own_etcd_first() -> None:
    told = json.loads(early("db-2"))
    assert told["me"] == "db-2"
    assert told["prefix"] == "/massive/trial/trial-1/"
    assert told["nodes"]["db-1"] == {"address": "10.0.1.1", "sql": 5432, "rest": 8008}
    assert sorted(told["nodes"]) == names(3)
    assert told["etcd"]["endpoints"][0] == "http://10.0.1.2:2379"
    assert len(told["etcd"]["endpoints"]) == 3


def test_the_password_is_in_one_file_that_only_the_watcher_reads() -> None:
    wanted = desired("leader_watch", "db-1", replicas=REPLICAS, topology=EARLY)
    (config,) = (file for file in wanted.files if secret("etcd/patroni") in file.content)
    assert (config.path, config.mode, config.owner, config.secret) == (CONFIG, 0o600, USER, True)
    assert secret("etcd/patroni") not in shown(wanted)


def test_the_program_arrives_as_it_is_here() -> None:
    wanted = desired("leader_watch", "db-1", replicas=REPLICAS, topology=EARLY)
    for file in wanted.files:
        if file.path.endswith(".py"):
            compile(file.content, file.path, "exec")
            assert "{{" not in file.content
