"""One member of etcd is replaced while the others run: the old one is removed, the new one is announced."""

from __future__ import annotations

from typing import TYPE_CHECKING

from massive_deploy.errors import HostFailure, HostsFailed, Refused
from massive_deploy.operate.guards import quorum_move
from massive_deploy.shell import assignments

if TYPE_CHECKING:
    from massive_deploy.operate.observe import Session
    from massive_deploy.operate.prepare import Prepared
    from massive_deploy.targets import Say

# Adding comes last: until the new member runs, both others are needed.
REPLACE = r"""
set -eu
IFS= read -r ETCDCTL_PASSWORD
export ETCDCTL_PASSWORD ETCDCTL_USER=root ETCDCTL_API=3
ctl() { etcdctl --endpoints="$endpoints" "$@"; }
for endpoint in $(echo "$endpoints" | tr , ' '); do
  etcdctl --endpoints="$endpoint" endpoint health >/dev/null 2>&1 || { echo "$endpoint is not healthy" >&2; exit 1; }
done
id=$(ctl member list | awk -F ', ' -v name="$left" '$3 == name {print $1}')
[ -z "$id" ] || ctl member remove "$id" >/dev/null
ctl member list | grep -qF "$peer" || ctl member add "$joined" --peer-urls="$peer" >/dev/null
"""


def replace_member(opened: Session, prepared: Prepared, say: Say) -> None:
    """Does nothing when the members stay; running it again is safe. Call before the new placement is recorded.

    Raises:
        Refused: a staying member is not among the hosts of this run.
        HostsFailed: a staying member is not healthy, or etcd refused; its message is the cause.
    """
    inventory = prepared.inventory
    move = quorum_move(inventory)
    if move is None:
        return
    (left,), (joined,) = move
    layout = inventory.layout
    staying = [host for host in layout.running("etcd") if host.name != joined]
    if any(host.name not in opened.reach for host in staying):
        raise Refused("a member of etcd is replaced with all others at hand", "run it without --hosts")
    client, peer = layout.port("etcd", "client"), layout.port("etcd", "peer")
    words = {
        "left": left,
        "joined": joined,
        "peer": f"http://{layout.host(joined).address}:{peer}",
        "endpoints": ",".join(f"http://{host.address}:{client}" for host in staying),
    }
    password = f"{prepared.secrets('etcd/root')}\n"
    output = opened.fleet.run(staying[0].name, assignments(words) + REPLACE, stdin=password, timeout=60)
    if not output.ok:
        raise HostsFailed([HostFailure(staying[0].name, "etcd", f"replace {left} by {joined}", output.cause)])
    say(f"etcd: {left} is no longer a member, {joined} will join")
