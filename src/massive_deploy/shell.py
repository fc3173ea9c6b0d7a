"""Words for shell scripts, quoted."""

from __future__ import annotations

import shlex
from collections.abc import Mapping


def assignments(words: Mapping[str, str]) -> str:
    """Lines that set these variables, to be put before a script."""
    return "".join(f"{name}={shlex.quote(word)}\n" for name, word in words.items())
