"""The shell script that counts an edge host's access log on that host."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from pathlib import Path

LOG = "/var/log/nginx/access.log"
MOST = 20000
"""Names of a kind that are told apart while no more than one request in so many is theirs."""
STEPS = (1, 5, 10, 30, 60, 300, 600, 1800, 3600, 10800, 21600, 86400)
BARS = 72

# What is read is little more than what is asked for: where it begins is found by halving, as its lines are in order but
# for the seconds that nginx's workers gather theirs in. A file that is rotated meanwhile is known by its inode.
_READ = """
export LC_ALL=C
place() {
  low=0 high=$(stat -c %s -- "$1")
  while [ $((high - low)) -gt 65536 ]; do
    middle=$(((low + high) / 2))
    at=$(tail -c "+$((middle + 1))" -- "$1" 2>/dev/null | head -n 2 | tail -n 1 | cut -c 10-34)
    seconds=$(date -d "$at" +%s 2>/dev/null) || seconds=$2
    if [ -n "$at" ] && [ "$seconds" -lt "$2" ]; then low=$middle; else high=$middle; fi
  done
}
lines() {
  case $1 in *.gz) zcat -- "$1"; return ;; esac
  place "$1" $((UNTIL + 5)); end=$high
  place "$1" $((SINCE - 5))
  tail -c "+$((low + 1))" -- "$1" | head -c $((end - low)) | { [ "$low" -eq 0 ] || read -r _; cat; }
}
all() {
  read=
  while :; do
    next=
    for file in "$LOG" "$LOG".[0-9]*; do
      [ -f "$file" ] && [ "$(stat -c %Y -- "$file")" -ge "$SINCE" ] || continue
      inode=$(stat -c %i -- "$file")
      case " $read " in *" $inode "*) ;; *) next=$file read="$read $inode"; break ;; esac
    done
    [ -n "$next" ] || break
    lines "$next"
    echo
  done
}
"""


@dataclass(frozen=True, slots=True)
class Span:
    """From when until before when, in seconds since 1970."""

    since: int
    until: int

    @property
    def step(self) -> int:
        """Seconds that are counted together."""
        return next((step for step in STEPS if (self.until - self.since) / step <= BARS), STEPS[-1])


def script(span: Span, skip: int | None = None, log: str = LOG) -> str:
    """Prints tab-separated counts (`tally.parse` reads them). `skip` is the port of another server in the same log."""
    program = (Path(__file__).parent / "count.awk").read_text(encoding="ascii")
    values = {"since": span.since, "until": span.until, "step": span.step, "skip": skip or "", "most": MOST}
    words = ["nice", "-n", "19", "awk", *(w for k, v in values.items() for w in ("-v", f"{k}={v}")), program]
    begin = f"LOG={shlex.quote(log)} SINCE={span.since} UNTIL={span.until}"
    return f"{begin}\n{_READ}\nall </dev/null | {shlex.join(words)}\n"
