"""What is run on a host about locks. Prints lines: `held`, `done`, `busy HOLDER`, `manual LINE-OF-THE-FILE`."""

from __future__ import annotations

import shlex

from massive_deploy.engine.probe import STATE

LOCK = "/run/lock/massive-deploy"
MANUAL = f"{STATE}/manual-lock"

# The holder's file begins with the process that keeps the lock: what a killed run left there is told from the truth by
# whether that process lives. Between taking the lock and writing the file there is a moment, hence the tries.
_TELL = r"""
manual_lock() { [ -s "$manual" ] && printf 'manual ' && head -n 1 -- "$manual"; }
run_lock() { IFS=' ' read -r pid told <"$lock.holder" && [ -d "/proc/$pid" ] && printf 'busy %s\n' "$told"; }
"""
# The holder says a word now and then: once a wire was cut, nobody acknowledges it, and that ends the connection and so
# the lock. Without it, sshd would wait for hours for a controller that is gone.
_HOLD = r"""
manual_lock && exit
exec 9>>"$lock" || exit
flock -n -E 75 9
case $? in
  0) ;;
  75)
    for try in 1 2 3 4 5 6 7 8 9 10; do
      run_lock 2>/dev/null && exit
      sleep 0.1
    done
    echo busy
    exit ;;
  *) exit ;;
esac
manual_lock && exit
new=$(mktemp "$lock.holder.XXXXXX") && printf '%s %s\n' "$$" "$text" >"$new" && mv -fT -- "$new" "$lock.holder"
echo held
while timeout 15 cat >/dev/null; [ $? -eq 124 ]; do echo; done
rm -f -- "$lock.holder"
"""
_STATUS = "run_lock 2>/dev/null\nmanual_lock\ntrue\n"
_ACQUIRE = r"""set -eu
install -d -m 0711 -- "${manual%/*}"
new=$(mktemp "$manual.XXXXXX")
trap 'rm -f -- "$new"' EXIT
cat >"$new"
chmod 0644 -- "$new"
if ln -T -- "$new" "$manual" 2>/dev/null; then echo done; else manual_lock; fi
run_lock 2>/dev/null || true
"""
_RELEASE = 'if manual_lock; then rm -f -- "$manual"; fi\n'


def _command(script: str, lock: str, manual: str, text: str = "") -> str:
    whole = f"lock=$1 manual=$2 text=$3\n{_TELL}{script}"
    return shlex.join(["sh", "-c", whole, "massive-deploy-lock", lock, manual, text])


def hold(text: str, lock: str = LOCK, manual: str = MANUAL) -> str:
    """Takes the lock for this holder and keeps it until its input ends."""
    return _command(_HOLD, lock, manual, text)


def status(lock: str = LOCK, manual: str = MANUAL) -> str:
    """Tells the run lock and the manual lock, where there are some; takes neither."""
    return _command(_STATUS, lock, manual)


def acquire(lock: str = LOCK, manual: str = MANUAL) -> str:
    """Puts the manual lock (its line on standard input) there unless there is one; tells also the run lock."""
    return _command(_ACQUIRE, lock, manual)


def release(lock: str = LOCK, manual: str = MANUAL) -> str:
    """Removes the manual lock and tells whose it was."""
    return _command(_RELEASE, lock, manual)
