"""`manage.py prerender`: write pages that are the same for everybody as files for the edge."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from django_massive import prerender
from django_massive.conf import setting


class Command(BaseCommand):
    """Pages of MASSIVE_PRERENDER and of the sitemaps, or those named."""

    help = "Write pages as PRERENDER_ROOT/HOST/PATH/index.html, each replaced as a whole."

    def add_arguments(self, parser: CommandParser) -> None:
        """Django's hook."""
        parser.add_argument("paths", nargs="*", help="paths of pages; default: MASSIVE_PRERENDER and the sitemaps")
        parser.add_argument("--root", default=None, help="folder; default: PRERENDER_ROOT of settings or environment")
        parser.add_argument("--host", action="append", help="host name; default: the whole names in ALLOWED_HOSTS")
        parser.add_argument("--scheme", choices=["http", "https"], default="https", help="what links are made with")
        parser.add_argument("--prune", action="store_true", help="remove pages that are not listed any more")

    def handle(self, *args: Any, **options: Any) -> None:  # noqa: ARG002
        """Write them; a page that is refused is named, the others are written.

        Raises:
            CommandError: nothing to do, or a page was refused.
        """
        root = _root(options["root"])
        hosts = options["host"] or [name for name in settings.ALLOWED_HOSTS if not name.startswith((".", "*"))]
        if not hosts:
            raise CommandError("no host name: give --host, or whole names in ALLOWED_HOSTS")
        paths = list(dict.fromkeys(options["paths"] or prerender.paths()))
        if not paths:
            raise CommandError("no pages: name paths, or set MASSIVE_PRERENDER or MASSIVE_PRERENDER_SITEMAPS")
        renderer = prerender.Renderer(options["scheme"])
        kept: set[Path] = set()
        refused, changed = [], 0
        for host in hosts:
            for path in paths:
                try:
                    file = prerender.file_of(root, host, path)
                    # A page that fails now keeps the file it has.
                    kept.add(file)
                    changed += prerender.write(file, renderer.page(host, path))
                except prerender.Refused as error:
                    refused.append(f"{host}{path}: {error}")
        pruned = _prune(root, hosts, kept) if options["prune"] else 0
        self.stdout.write(f"{len(kept) - len(refused)} pages, {changed} of them new or changed, {pruned} removed")
        if refused:
            raise CommandError("not pre-rendered: " + "; ".join(refused))


def _root(given: str | None) -> Path:
    root = given or setting("PRERENDER_ROOT", "") or os.environ.get("PRERENDER_ROOT", "")
    if not root:
        raise CommandError("no folder: give --root, or set MASSIVE_PRERENDER_ROOT or PRERENDER_ROOT in the environment")
    return Path(root)


def _prune(root: Path, hosts: list[str], kept: set[Path]) -> int:
    gone = [file for host in hosts for file in (root / host).rglob("index.html") if file not in kept]
    for file in gone:
        file.unlink()
    return len(gone)
