"""Who may lead next, from what the members' hosts answer."""

from __future__ import annotations

import io
import json
import shlex
from typing import Any

import pytest
from rich.console import Console

from massive_deploy.errors import Refused
from massive_deploy.operate import failover, hand_over, switchover
from massive_deploy.operate.candidates import Seen, Table, table
from massive_deploy.operate.candidates_report import shown, to_json
from massive_deploy.operate.candidates_script import parse, script
from massive_deploy.operate.look import unsettled
from massive_deploy.topology.layout import Host, Layout, Port
from massive_deploy.topology.model import App, Topology

MIB = 1024**2
WRITTEN = 100 * MIB


def answer(own: dict[str, Any], *rows: dict[str, Any], synchronous: object = "quorum", answers: bool = True) -> str:
    database = [{"answers": True, "writes": own.get("role") == "primary"}, *rows] if answers else []
    return "\n".join(
        [
            "@@ configuration",
            json.dumps({"ttl": 30, "synchronous_mode": synchronous}),
            "@@ database",
            *(json.dumps(row) for row in database),
            "@@ patroni",
            json.dumps(own),
            "@@ end",
        ]
    )


def leader(**changed: Any) -> dict[str, Any]:
    return {"state": "running", "role": "primary", "timeline": 4, "xlog": {"location": WRITTEN}} | changed


def replica(behind: int = 0, replayed: int | None = None, **changed: Any) -> dict[str, Any]:
    wal = {
        "received_location": WRITTEN - behind,
        "replayed_location": WRITTEN - (behind if replayed is None else replayed),
    }
    told = {"state": "running", "role": "replica", "timeline": 4, "xlog": wal, "quorum_standby": True}
    return told | {"replication_state": "streaming", "tags": {"clonefrom": False}} | changed


def cut_off(behind: int = 0, replayed: int | None = None, **changed: Any) -> str:
    """The answer of a replica whose leader is gone: it receives from nobody."""
    return answer(replica(behind, replayed, replication_state="", **changed))


def judged(*answers: str | None, written: int = 0) -> Table:
    told = [
        Seen(f"db-{number}", error="no route") if text is None else parse(f"db-{number}", text)
        for number, text in enumerate(answers, 1)
    ]
    return table("trial-1", told, MIB, written)


def why(found: Table, name: str = "db-2") -> str:
    row = found.row(name)
    return "?" if row is None else row.why


def test_a_streaming_synchronous_replica_within_the_limit_is_fit() -> None:
    found = judged(answer(leader()), answer(replica(100)), answer(replica(50)))
    assert found.leader == "db-1"
    assert [row.name for row in found.candidates] == ["db-3", "db-2"]
    row = found.row("db-2")
    assert row is not None
    assert (row.received, row.replayed, row.synchronous, row.receiving, row.tags) == (100, 100, True, True, ())


@pytest.mark.parametrize(
    ("own", "reason"),
    [
        (replica(8 * MIB), "db-2 is 8 MiB behind, more than failover.max_lag 1 MiB"),
        (replica(0, 3 * MIB), "db-2 is 3 MiB behind, more than failover.max_lag 1 MiB"),
        (replica(replication_state="in archive recovery"), "db-2 does not stream"),
        (replica(timeline=3), "db-2 is on timeline 3, the cluster on 4"),
        (replica(quorum_standby=False), "db-2 is not synchronous, and commits are"),
        (replica(state="starting"), "db-2 is replica, starting"),
        (replica(tags={"nofailover": True}), "db-2 has the tag nofailover"),
    ],
)
def test_why_not(own: dict[str, Any], reason: str) -> None:
    assert why(judged(answer(leader()), answer(own))) == reason


def test_without_synchronous_commits_nobody_needs_to_be_synchronous() -> None:
    own = replica(quorum_standby=False)
    assert why(judged(answer(leader(), synchronous=False), answer(own, synchronous=False))) == ""


def test_silence_is_no_candidate() -> None:
    found = judged(answer(leader()), None, answer(replica(), answers=False), "bash: oops")
    assert [why(found, f"db-{n}") for n in (2, 3, 4)] == [
        "no route",
        "db-3's server answers no query",
        "the answer is incomplete",
    ]


def test_two_who_both_say_they_lead_are_no_leader() -> None:
    assert judged(answer(leader()), answer(leader())).leader == ""


def test_without_a_leader_lag_is_measured_by_what_etcd_remembers() -> None:
    one, two = answer(replica(8 * MIB)), answer(replica(9 * MIB))
    assert why(judged(one, two), "db-1") == "", "the more advanced one lacks nothing that is known"
    assert why(judged(one, two, written=WRITTEN), "db-1").startswith("db-1 is 8 MiB behind")


def test_what_a_planned_change_waits_for() -> None:
    slow = {"pid": 7, "user": "shop", "database": "shop", "age": 61.4, "doing": "idle in transaction, UPDATE"}
    found = judged(
        answer(leader(pause=True), slow, {"backup": "streaming database files, pid 9"}), answer(replica(), slow)
    )
    assert found.hindrances == (
        "a long transaction on db-1: pid 7, shop in shop, for 61 s (idle in transaction, UPDATE)",
        "a base backup of db-1 (streaming database files, pid 9)",
        "Patroni is paused (maintenance mode)",
    )


def test_an_election_needs_two_replicas_and_all_fit() -> None:
    fit, unfit = answer(replica()), answer(replica(2 * MIB))
    assert switchover.choose(judged(answer(leader()), fit, fit), "", "inv") == ""
    assert switchover.choose(judged(answer(leader()), fit), "", "inv") == "db-2"
    assert switchover.choose(judged(answer(leader()), unfit, fit), "", "inv") == "db-3"
    assert switchover.choose(judged(answer(leader()), fit, fit), "db-3", "inv") == "db-3"


@pytest.mark.parametrize(
    ("to", "said"),
    [
        ("db-2", "db-2 is 8 MiB behind, more than failover.max_lag 1 MiB"),
        ("db-1", "db-1 leads already"),
        ("db-9", "db-9 is no member of trial-1"),
    ],
)
def test_the_wanted_leader_is_refused_with_the_reason(to: str, said: str) -> None:
    with pytest.raises(Refused) as refused:
        switchover.choose(judged(answer(leader()), answer(replica(8 * MIB)), answer(replica())), to, "inv")
    assert refused.value.what == said


def test_when_nobody_is_fit_every_reason_is_told() -> None:
    found = judged(answer(leader()), answer(replica(8 * MIB)), answer(replica(timeline=3)), None)
    with pytest.raises(Refused) as refused:
        switchover.choose(found, "", "inv")
    assert [line.strip() for line in refused.value.what.splitlines()[1:]] == [
        "db-2 is 8 MiB behind, more than failover.max_lag 1 MiB",
        "db-3 is on timeline 3, the cluster on 4",
        "db-4: no route",
    ]


QUORUM = {"leader": "db-1", "sync": {"leader": "db-1", "sync_standby": "db-2,db-3", "quorum": 1}}


def test_a_failover_takes_who_has_received_most() -> None:
    found = judged(None, cut_off(200), cut_off(100), written=WRITTEN)
    assert failover.choose(found, QUORUM, "", "inv") == "db-3"
    with pytest.raises(Refused, match="db-3 has received more than db-2"):
        failover.choose(found, QUORUM, "db-2", "inv")


def test_a_failover_is_refused_while_a_leader_takes_writes() -> None:
    fit = answer(replica())
    with pytest.raises(Refused, match="db-1 leads trial-1 and takes writes"):
        failover.choose(judged(answer(leader()), fit, fit), QUORUM, "", "inv")
    stuck = answer(leader(), answers=False)
    assert failover.choose(judged(stuck, fit, fit), QUORUM, "", "inv") == "db-2"


def test_a_failover_is_refused_while_a_server_takes_writes_and_its_patroni_is_silent() -> None:
    fit = answer(replica(replication_state="in archive recovery"))
    silent = answer(leader()).replace(json.dumps(leader()), "")
    found = judged(silent, fit, fit)
    assert why(found, "db-1") == "Patroni does not answer, and its server takes writes"
    with pytest.raises(Refused, match="db-1 of trial-1 takes writes") as refused:
        failover.choose(found, QUORUM, "", "inv")
    assert "on db-1: `systemctl restart patroni`" in refused.value.fix
    with pytest.raises(Refused, match="db-1 of trial-1 takes writes"):
        failover.choose(found, {}, "db-2", "inv")
    recovers = judged(silent.replace('"writes": true', '"writes": false'), fit, fit)
    assert failover.choose(recovers, QUORUM, "", "inv") == "db-2"


def test_a_failover_is_refused_while_two_take_writes() -> None:
    with pytest.raises(Refused, match="db-1 and db-2 of trial-1 take writes"):
        failover.choose(judged(answer(leader()), answer(leader()), answer(replica())), QUORUM, "", "inv")


def test_a_failover_is_refused_while_replicas_receive_from_a_leader_that_only_we_cannot_reach() -> None:
    found = judged(None, answer(replica()), answer(replica(replication_state="")))
    with pytest.raises(Refused, match="db-1 holds the lock of trial-1 and does not answer") as refused:
        failover.choose(found, QUORUM, "", "inv")
    assert "receive from a server (db-2)" in refused.value.what
    assert "reach db-1, or stop it" in refused.value.fix
    with pytest.raises(Refused, match="db-9 holds the lock"):
        failover.choose(found, QUORUM | {"leader": "db-9"}, "", "inv")


def test_a_failover_goes_ahead_when_the_silent_one_holds_no_lock_or_nobody_receives() -> None:
    found = judged(None, answer(replica()), answer(replica()))
    assert failover.choose(found, {"sync": QUORUM["sync"]}, "", "inv") == "db-2"
    assert failover.choose(found, QUORUM | {"leader": ""}, "", "inv") == "db-2"
    assert failover.choose(judged(None, cut_off(), cut_off()), QUORUM, "", "inv") == "db-2"


def test_a_failover_is_refused_while_an_unfit_voter_has_received_more() -> None:
    found = judged(None, cut_off(0, 3 * MIB), cut_off(MIB // 2), written=WRITTEN)
    assert [row.name for row in found.candidates] == ["db-3"]
    for to in ("", "db-3"):
        with pytest.raises(Refused) as refused:
            failover.choose(found, QUORUM, to, "inv")
        assert refused.value.what == (
            "db-2 has received 512 KiB more than db-3 and is not fit: "
            "db-2 is 3 MiB behind, more than failover.max_lag 1 MiB"
        )
        assert refused.value.fix == "wait until it has replayed"
    assert failover.choose(found, {"leader": "db-1"}, "", "inv") == "db-3", "commits wait for nobody"
    other = {"sync": {"leader": "db-1", "sync_standby": "db-3", "quorum": 0}}
    assert failover.choose(found, other, "", "inv") == "db-3", "db-2 confirmed nothing"
    level = judged(None, cut_off(MIB // 2, 3 * MIB), cut_off(MIB // 2), written=WRITTEN)
    assert failover.choose(level, QUORUM, "", "inv") == "db-3", "db-2 has received no more"


def test_what_keeps_a_voter_that_has_received_more_is_told() -> None:
    found = judged(None, cut_off(tags={"nofailover": True}), cut_off(100), written=WRITTEN)
    with pytest.raises(Refused, match=r"received 100 B more than db-3 .*: db-2 has the tag nofailover") as refused:
        failover.choose(found, QUORUM, "", "inv")
    assert refused.value.fix == "mend that, or bring the leader back"


def test_the_old_position_of_a_stuck_leader_hides_no_difference() -> None:
    stuck = answer(leader(xlog={"location": WRITTEN - 4 * MIB}), answers=False)
    found = judged(stuck, answer(replica(0, 3 * MIB)), answer(replica(MIB // 2)))
    with pytest.raises(Refused, match="db-2 has received 512 KiB more than db-3"):
        failover.choose(found, QUORUM, "", "inv")


def test_a_failover_is_refused_with_the_numbers_when_all_lag_too_far() -> None:
    found = judged(None, cut_off(8 * MIB), cut_off(9 * MIB), written=WRITTEN)
    with pytest.raises(Refused) as refused:
        failover.choose(found, QUORUM, "", "inv")
    assert "db-2 is 8 MiB behind, more than failover.max_lag 1 MiB" in refused.value.what
    assert "db-3 is 9 MiB behind" in refused.value.what


def test_one_of_two_quorum_replicas_alone_is_not_promoted() -> None:
    found = judged(None, cut_off(), None, written=WRITTEN)
    with pytest.raises(Refused, match="1 of 2 synchronous replicas answer, 2 are needed") as refused:
        failover.choose(found, QUORUM, "", "inv")
    assert "db-3" in refused.value.fix
    alone = {"sync": {"leader": "db-1", "sync_standby": "db-2", "quorum": 0}}
    assert failover.choose(found, alone, "", "inv") == "db-2"


def test_what_etcd_remembers_of_the_position() -> None:
    assert failover.written({"status": {"optime": 42, "slots": {}}}) == 42
    assert failover.written({"status": "42"}) == 42
    assert failover.written({"status": 42}) == 42
    assert failover.written({}) == 0
    assert failover.written({"status": "none"}) == 0


def test_a_leaving_leader_hands_over_to_one_that_stays() -> None:
    found = judged(answer(replica(100)), answer(replica()), answer(replica(replication_state="")))
    assert hand_over.choose(found, "db-4", ["db-1", "db-3"]) == "db-1"
    with pytest.raises(Refused, match="db-4 leads database cluster trial-1"):
        hand_over.choose(found, "db-4", ["db-3"])


def test_a_cluster_is_settled_when_all_stream_on_the_leaders_timeline() -> None:
    assert unsettled(judged(answer(leader()), answer(replica()))) == []
    found = judged(answer(leader()), answer(replica(timeline=3)), answer(replica(replication_state="")), None)
    assert unsettled(found) == ["db-2", "db-3", "db-4"]
    assert unsettled(found, ["db-4"]) == ["db-2", "db-3"]


def test_the_table_for_people_and_for_machines() -> None:
    found = judged(answer(leader()), answer(replica(512)), answer(replica(8 * MIB)), None)
    out = io.StringIO()
    Console(file=out, width=160).print(shown(found))
    words = out.getvalue()
    for word in (
        "trial-1",
        "leads",
        "512 B",
        "8 MiB",
        "synchronous",
        "yes",
        "no: db-3 is 8 MiB behind",
        "no: no route",
    ):
        assert word in words
    data = json.loads(json.dumps(to_json(found)))
    assert [(row["name"], row["fit"], row["received"]) for row in data["rows"]] == [
        ("db-1", False, 0),
        ("db-2", True, 512),
        ("db-3", False, 8 * MIB),
        ("db-4", False, None),
    ]


def test_the_script_asks_live_figures_and_no_query_texts() -> None:
    host = Host("db-1", "db", ("database",), "10.0.0.2", 1, cluster=1)
    topology = Topology(name="trial", app=App(source=".", settings="shop.settings"))
    layout = Layout(
        "trial", topology, (host,), {"postgresql": ("db-1",)}, {}, {"postgresql": (Port("rest", 8018),)}, {}
    )
    text = script(layout, "db-1")
    assert "http://10.0.0.2:8018/patroni" in text
    assert "pg_stat_progress_basebackup" in text
    assert "make_interval(secs => 30)" in text
    assert "NOT pg_is_in_recovery()" in text
    first_word = shlex.quote("substring(query FROM '\\w+')")[1:-1]
    assert text.count(first_word) == 1
    rest = text.replace(first_word, "").lower()
    assert "query" not in rest
    assert "*" not in rest, "all columns would be query texts too"
