"""HAProxy is told who leads, so that nobody waits for the next health check."""

from __future__ import annotations

import shlex

from massive_deploy.desired import Handover
from massive_deploy.topology.layout import Cluster, Layout

ADMIN = "/run/haproxy/admin.sock"

_TELL = """
import socket, sys
with socket.socket(socket.AF_UNIX) as admin:
    admin.settimeout(3)
    admin.connect(sys.argv[1])
    admin.sendall(sys.stdin.buffer.read().strip().replace(b"\\n", b"; ") + b"\\n")
    said = b""
    while more := admin.recv(4096):
        said += more
sys.exit(said.decode("utf-8", "replace").strip() or 0)
"""


def handover(layout: Layout, cluster: Cluster) -> Handover:
    """Sets the health of the cluster's nodes; from then on the checks decide again.

    The new leader takes writes. It takes no new reads, but keeps those that it has until the check sees it.
    """
    names = " ".join(shlex.quote(host.name) for host in cluster.hosts)
    number = cluster.number
    hurry = f"""
for name in {names}; do
  if [ "$name" = "$NEW_LEADER" ]; then
    echo "set server leader-{number}/$name health up"
    echo "set server streaming-{number}/$name health stopping"
  else
    echo "set server leader-{number}/$name health down"
  fi
done | timeout 5 python3 -c {shlex.quote(_TELL)} {ADMIN}
"""
    return Handover(hosts=tuple(host.name for host in layout.running("haproxy")), hurry=hurry)
