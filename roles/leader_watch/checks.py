"""Checks of the watcher on a database host."""

from __future__ import annotations

import json
import time
from typing import Any

from massive_deploy.verify.steady import stay_up
from massive_deploy.view import HostView

from .desired import CONFIG, STATE, UNIT, USER


def check_leader_watch_stays_up(host: Any, view: HostView) -> None:  # noqa: ARG001
    """the watcher is running, starts at boot and has not restarted meanwhile"""
    stay_up(host, UNIT)


def check_leader_watch_knows_the_leader(host: Any, view: HostView) -> None:
    """the watcher has just read etcd, and the leader it knows is the one Patroni names"""
    for left in range(10, -1, -1):
        state = _state(host)
        url = f"http://{view.host.address}:{view.layout.port('postgresql', 'rest')}/cluster"
        members = json.loads(host.check_output(f"curl -fsS --max-time 5 {url}"))["members"]
        leaders = [member["name"] for member in members if member["role"] == "leader"]
        if leaders == [state["leader"]] and _clock(host) - state["at"] < 10:
            return
        if left:
            time.sleep(1)
    raise AssertionError(f"the watcher says {state}, Patroni says {leaders} leads")


def check_leader_watch_is_at_rest(host: Any, view: HostView) -> None:  # noqa: ARG001
    """in a healthy cluster it does not vote, and holds no fence towards anybody"""
    state = _state(host)
    assert (state["votes"], state["fence"]) == (False, []), state
    assert state["why"] in {"the leader answers", "this host leads"}, state


def check_leader_watch_can_raise_its_fence(host: Any, view: HostView) -> None:  # noqa: ARG001
    """the packet filter that a vote needs is in place, and lets everything pass"""
    assert host.check_output("nft list chain inet massive_leader_watch out").count("@cut drop") == 1
    assert "elements" not in host.check_output("nft list set inet massive_leader_watch cut")


def check_leader_watch_keeps_its_secret(host: Any, view: HostView) -> None:  # noqa: ARG001
    """only the watcher can read the password of etcd; it runs without root's rights"""
    config = host.file(CONFIG)
    assert (config.user, config.mode) == (USER, 0o600)
    assert host.check_output(f"systemctl show -p MainPID --value {UNIT} | xargs ps -o user:32= -p") == USER


def _state(host: Any) -> Any:
    return json.loads(host.check_output(f"cat {STATE}"))


def _clock(host: Any) -> float:
    """Seconds of the host's own clock."""
    return float(host.check_output("date +%s"))
