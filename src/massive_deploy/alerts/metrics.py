"""Names of the metrics that a query reads."""

from __future__ import annotations

import re

_TEXT = re.compile(r'"(?:[^"\\]|\\.)*"')
# Labels in braces, spans in brackets, and lists of labels.
_ASIDE = re.compile(r"\{[^{}]*\}|\[[^\[\]]*\]|\b(?:by|without|on|ignoring|group_left|group_right)\s*\([^()]*\)")
_NAME = re.compile(r"(?<![\w.:])[a-zA-Z_:][\w:]*(?!\w|:|\s*\()")
_WORDS = {
    "and",
    "or",
    "unless",
    "bool",
    "offset",
    "by",
    "without",
    "on",
    "ignoring",
    "group_left",
    "group_right",
    "inf",
}


def names(query: str) -> set[str]:
    """Every metric in a PromQL query. What is called with parentheses is a function, and what is quoted no name."""
    plain = _ASIDE.sub(" ", _TEXT.sub("", query))
    return {name for name in _NAME.findall(plain) if name.lower() not in _WORDS}
