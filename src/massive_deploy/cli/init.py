"""`init`: the first inventory."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated

import typer

from massive_deploy.errors import MassiveDeployError, Refused

STACKS = {
    "small": ["all"],
    "massive": ["edge", "app", "app", "db", "db", "cache", "monitor"],
    "sharded": ["edge", "app", "app", "db", "db", "db", "db", "cache", "monitor"],
}


def init(
    folder: Annotated[Path, typer.Argument(help="Folder of the new inventory.")] = Path("inventories/prod"),
    stack: Annotated[str, typer.Option("--stack", help="small, massive or sharded.")] = "massive",
    target: Annotated[str, typer.Option("--target", help="ssh (machines you have) or docker (made here).")] = "ssh",
    source: Annotated[str, typer.Option("--source", help="The Django project: a folder or a git URL.")] = "",
    settings: Annotated[str, typer.Option("--settings", help="Its settings module.")] = "",
) -> None:
    """Write a first topology.yaml with its editor schema. Overwrites nothing."""
    import jinja2

    from massive_deploy.console import terminal
    from massive_deploy.paths import shipped

    for given, known, what in ((stack, STACKS, "stack"), (target, {"ssh", "docker"}, "target")):
        if given not in known:
            raise MassiveDeployError(f"no {what} '{given}'", f"choose one of: {', '.join(sorted(known))}")
    topology = folder / "topology.yaml"
    if topology.exists():
        raise Refused(f"{topology} exists already", f"edit it, or: massive-deploy init {folder}-2")
    found_source, found_settings = _project(Path.cwd(), folder)
    loader = jinja2.FileSystemLoader(shipped("templates") / "project")
    environment = jinja2.Environment(loader=loader, trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True)  # noqa: S701
    values = {
        "name": re.sub(r"[^a-z0-9-]+", "-", folder.resolve().name.lower()).strip("-") or "prod",
        "stack": stack,
        "target": target,
        "source": source or found_source,
        "settings": settings or found_settings,
        "hosts": _hosts(STACKS[stack]),
    }
    folder.mkdir(parents=True, exist_ok=True)
    topology.write_text(environment.get_template("topology.yaml.j2").render(values), encoding="utf-8")
    (folder / ".gitignore").write_text(environment.get_template("gitignore.j2").render(), encoding="utf-8")
    _write_schema(folder)
    out = terminal()
    out.print(f"wrote {topology}", markup=False)
    edit = f"edit {topology}: `source` and `settings`" + (
        ", and the addresses under `hosts`" if target == "ssh" else ""
    )
    out.print(f"next: {edit}; then massive-deploy validate {folder}", markup=False)


def _project(here: Path, folder: Path) -> tuple[str, str]:
    """The Django project around this folder, as (source, settings module); an example where there is none."""
    manage = here / "manage.py"
    if not manage.is_file():
        return "https://example.com/you/your-site.git", "mysite.settings"
    found = re.search(r"DJANGO_SETTINGS_MODULE['\"],\s*['\"]([\w.]+)", manage.read_text(encoding="utf-8"))
    depth = len(folder.parts) if not folder.is_absolute() else 0
    return ("/".join([".."] * depth) if depth else str(here)), found[1] if found else "mysite.settings"


def _hosts(groups: list[str]) -> list[dict[str, str]]:
    counts: dict[str, int] = {}
    hosts = []
    for number, group in enumerate(groups, 11):
        counts[group] = counts.get(group, 0) + 1
        hosts.append({"name": f"{group}-{counts[group]}", "address": f"192.0.2.{number}", "group": group})
    return hosts


def _write_schema(folder: Path) -> None:
    import json

    from massive_deploy.roles import settings as settings_of_roles
    from massive_deploy.topology.schema import schema as json_schema

    text = json.dumps(json_schema(settings_of_roles()), indent=2)
    (folder / "topology.schema.json").write_text(text + "\n", encoding="utf-8")
