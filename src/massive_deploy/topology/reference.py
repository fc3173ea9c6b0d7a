"""The reference of all topology fields as Markdown, from the models themselves."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from .describe import default_of, field_type, range_of, talk_of
from .fields import Named, combined, model_in, summary, walk
from .model import Strict

_HEAD = """\
# Topology reference

Every key of `topology.yaml`. Keys that begin with `x-` at the top level are ignored. The same text, key by key:
`massive-deploy explain failover.max_lag`.
"""


def reference(roles: Mapping[str, type[Strict]]) -> str:
    """The whole page: one table for the top level, one for each section and role."""
    return "\n".join([_HEAD, *_lines(roles)]) + "\n"


def _lines(roles: Mapping[str, type[Strict]]) -> Iterator[str]:
    sections: dict[str, list[Named]] = {}
    titles: dict[str, str] = {"": ""}
    for named in walk(combined(roles)):
        above, _, _ = named.path.rpartition(".")
        sections.setdefault(above, []).append(named)
        if (inner := model_in(named.info.annotation)) is not None:
            titles[named.path] = summary(inner) or named.info.description or ""
    for above, fields in sections.items():
        title = titles.get(above.removesuffix(".<name>"), "")
        yield from (f"## `{above}`", "", title, "") if above else ("## Top level", "")
        yield from ("| key | type | default | meaning |", "| --- | --- | --- | --- |")
        yield from map(_row, fields)
        yield ""


def _row(named: Named) -> str:
    info = named.info
    meaning = " ".join((info.description or "").split())
    talk = talk_of(info)
    limits = range_of(info)
    default = default_of(info)
    cells = [
        f"`{named.path.rpartition('.')[2]}`",
        field_type(info) + (f" ({limits})" if limits else ""),
        default if default in {"", "required", "none"} else f"`{default}`",
        f"{meaning} The talk: {talk}" if talk else meaning,
    ]
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"
