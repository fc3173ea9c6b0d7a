"""Units of measure, for people."""

from __future__ import annotations


def size(count: int | None) -> str:
    """Bytes with the unit that fits."""
    if count is None:
        return "?"
    amount, unit = float(count), 0
    while amount >= 1024 and unit < 4:
        amount, unit = amount / 1024, unit + 1
    return f"{amount:.3g} {('B', 'KiB', 'MiB', 'GiB', 'TiB')[unit]}" if unit else f"{count} B"
