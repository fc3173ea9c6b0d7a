"""Sizes as people write them: `512MiB`, `2GiB`, `16MB`."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import BeforeValidator, WithJsonSchema

_FACTORS = {
    "B": 1,
    "kB": 1000,
    "MB": 1000**2,
    "GB": 1000**3,
    "KiB": 1024,
    "MiB": 1024**2,
    "GiB": 1024**3,
    "TiB": 1024**4,
}
_PATTERN = re.compile(r"^([0-9]+)\s*(B|kB|MB|GB|KiB|MiB|GiB|TiB)$")


def parse_size(value: object) -> object:
    """Bytes from a text such as `16MiB`; an integer already means bytes. The rest pydantic refuses."""
    if not isinstance(value, str):
        return value
    match = _PATTERN.match(value.strip())
    if match is None:
        raise ValueError("write a size such as 512MiB or 2GiB")
    return int(match[1]) * _FACTORS[match[2]]


def parse_megabytes(value: object) -> object:
    """MiB from a text such as `2GiB`; an integer already means MiB."""
    size = parse_size(value)
    return size // 1024**2 if isinstance(value, str) and isinstance(size, int) else value


_SCHEMA = {"anyOf": [{"type": "integer"}, {"type": "string", "pattern": _PATTERN.pattern}]}

Size = Annotated[int, BeforeValidator(parse_size), WithJsonSchema(_SCHEMA)]
Megabytes = Annotated[int, BeforeValidator(parse_megabytes), WithJsonSchema(_SCHEMA)]
