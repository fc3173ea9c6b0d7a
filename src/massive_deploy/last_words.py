"""What a unit that does not stay up has said."""

from __future__ import annotations


def last_words(unit: str) -> str:
    """Shell that prints a unit's last errors, the last its processes said, and the last that systemd said of it.

    With several processes that crash, what they failed by is soon far from the end, and systemd's words beyond that.
    `unit` is quoted for the shell.
    """
    return (
        f'own=$(journalctl _SYSTEMD_UNIT="$(systemctl show -p Id --value -- {unit})" -n 100 --no-pager -o cat); '
        'echo "$own" | grep -E "(Error|Exception)(:|$)" | tail -n 3; echo "$own" | tail -n 6; '
        f"journalctl -u {unit} -n 3 --no-pager -o cat"
    )
