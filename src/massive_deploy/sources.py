"""The project's source at the controller: from a folder or a git repository to one archive named by its content."""

from __future__ import annotations

import gzip
import hashlib
import io
import os
import posixpath
import re
import subprocess
import tarfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from massive_deploy import atomic, runtime
from massive_deploy.environment import env_file
from massive_deploy.errors import MassiveDeployError
from massive_deploy.paths import cache_dir
from massive_deploy.requirements import Requirements, choose
from massive_deploy.topology.model import App
from massive_deploy.view import Release

# Raised whenever the build on the host changes what it makes of the same source.
RECIPE = "2"
PYTHON = "3.13"
# gunicorn's gevent worker imports packaging, which not every gunicorn brings along.
RUNTIME = ("gunicorn>=23", "packaging", "gevent>=24.11", "psycopg[binary,pool]>=3.2", "pymemcache>=4", "redis>=5")
WORKER = ("celery[redis]>=5.4",)

REMOTE = re.compile(r"^(https?|ssh|git|file)://|^[A-Za-z0-9._-]+@[A-Za-z0-9._-]+:")
SKIPPED_FOLDERS = {".git", ".hg", ".svn", ".venv", "venv", "node_modules", ".tox", ".nox", ".idea", ".massive-deploy"}
SKIPPED_SUFFIXES = (".pyc", ".sqlite3")


@dataclass(frozen=True, slots=True)
class Entry:
    """A file of the source: its content, whether it may be executed; or the target of a symbolic link."""

    content: bytes = b""
    executable: bool = False
    link: str | None = None


Source = Mapping[str, Entry]


def fetch(app: App, base: Path) -> Release:
    """The release that the project's source is now, with its archive in the cache.

    Args:
        app: what to deploy.
        base: folder that a relative source starts from.

    Raises:
        MassiveDeployError: the source or its ref cannot be reached, or it is no Django project we can build.
    """
    place = _place(app, base)
    if isinstance(place, str):
        ref, commit = app.ref, _commit(place, app.ref)
        source = _from_git(place, commit)
    else:
        ref, commit = "", ""
        source = _from_folder(place)
    _refuse_strange_paths(source)
    _require_manage_py(app, source)
    files = {path: entry.content for path, entry in source.items() if entry.link is None}
    recipe = _recipe(app, choose(files, posixpath.normpath(app.subdirectory), app.requirements))
    content = {
        **{f"recipe/{name}": entry for name, entry in recipe.items()},
        **{f"src/{p}": e for p, e in source.items()},
    }
    return replace(_pack(content), ref=ref, commit=commit)


def archive_of(release: str) -> Path:
    """Where the source of a release is at this controller, if it was fetched here."""
    return cache_dir() / "sources" / f"{release}.tar.gz"


def has_refs(app: App, base: Path) -> bool:
    """Whether the source is a git repository, and not a folder that is taken as it is.

    Raises:
        MassiveDeployError: there is no such folder.
    """
    return isinstance(_place(app, base), str)


def _place(app: App, base: Path) -> str | Path:
    """A git URL, or a folder."""
    if REMOTE.match(app.source):
        return app.source
    folder = (base / Path(app.source).expanduser()).resolve()
    if not folder.is_dir():
        raise MassiveDeployError(
            f"the source {app.source} is no folder ({folder})", "set app.source to a folder or a git URL"
        )
    if (folder / "HEAD").is_file() and (folder / "objects").is_dir():
        return folder.as_uri()
    return folder


# ------------------------------------------------------------------ folders


def _from_folder(folder: Path) -> Source:
    names = _known_to_git(folder) or _walk(folder)
    found = {}
    for name in sorted(set(names)):
        path = folder / name
        if path.is_symlink():
            found[name] = Entry(link=str(path.readlink()))
        elif path.is_file():
            found[name] = Entry(path.read_bytes(), os.access(path, os.X_OK))
    return found


def _known_to_git(folder: Path) -> list[str]:
    command = ["git", "-C", str(folder), "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    try:
        listed = subprocess.run(command, capture_output=True, check=False)
    except FileNotFoundError:
        return []
    return [os.fsdecode(name) for name in listed.stdout.split(b"\0") if name] if listed.returncode == 0 else []


def _walk(folder: Path) -> Iterable[str]:
    for root, folders, files in os.walk(folder):
        here = Path(root)
        linked = [name for name in folders if (here / name).is_symlink()]
        folders[:] = sorted(name for name in folders if name not in linked and not _is_skipped(here / name))
        for name in [*linked, *files]:
            if not name.endswith(SKIPPED_SUFFIXES):
                yield str((here / name).relative_to(folder))


def _is_skipped(folder: Path) -> bool:
    name = folder.name
    return name in SKIPPED_FOLDERS or name.endswith(("cache__", "_cache")) or (folder / "pyvenv.cfg").exists()


# ---------------------------------------------------------------------- git


def _mirror(url: str) -> Path:
    return cache_dir() / "git" / hashlib.sha256(url.encode()).hexdigest()[:16]


def _commit(url: str, ref: str) -> str:
    """The full name of the commit that a branch, tag or commit is now; it is in our mirror then.

    Raises:
        MassiveDeployError: the repository cannot be reached, or has nothing of that name.
    """
    mirror = _mirror(url)
    if re.fullmatch(r"[0-9a-f]{40}", ref) and (mirror / "HEAD").exists() and _has(mirror, ref):
        return ref
    commit = _resolve(url, ref)
    if not (mirror / "HEAD").exists():
        mirror.parent.mkdir(parents=True, exist_ok=True)
        _git(["init", "--quiet", "--bare", str(mirror)], url)
    if commit is None or not _has(mirror, commit):
        _git(["-C", str(mirror), "fetch", "--quiet", "--prune", "--force", "--", url, "+refs/*:refs/mirror/*"], url)
    commit = commit or ref
    if not _has(mirror, commit):
        raise _no_such_ref(url, ref)
    full = ["-C", str(mirror), "rev-parse", "--verify", "--end-of-options", f"{commit}^{{commit}}"]
    return _git(full, url).decode().strip()


def _from_git(url: str, commit: str) -> Source:
    mirror = _mirror(url)
    archive = _git(["-C", str(mirror), "archive", "--format=tar", f"{commit}^{{commit}}"], url)
    found = {}
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        for member in tar:
            if member.issym():
                found[member.name] = Entry(link=member.linkname)
            elif member.isfile() and (stream := tar.extractfile(member)) is not None:
                found[member.name] = Entry(stream.read(), bool(member.mode & 0o100))
    return found


def _resolve(url: str, ref: str) -> str | None:
    """The commit behind a branch or tag; None for what may be a commit's own name.

    Raises:
        MassiveDeployError: the repository cannot be reached, or has nothing of that name.
    """
    listed = _git(["ls-remote", "--", url], url).decode(errors="replace")
    refs = {name: commit for commit, _, name in (line.partition("\t") for line in listed.splitlines())}
    for name in (f"refs/heads/{ref}", f"refs/tags/{ref}^{{}}", f"refs/tags/{ref}", ref):
        if name in refs:
            return refs[name]
    if re.fullmatch(r"[0-9a-f]{7,40}", ref):
        return None
    raise _no_such_ref(url, ref, refs)


def _no_such_ref(url: str, ref: str, refs: Iterable[str] = ()) -> MassiveDeployError:
    branches = [name.removeprefix("refs/heads/") for name in refs if name.startswith("refs/heads/")]
    choice = f"one of: {', '.join(branches[:8])}" if branches else "a branch, tag or commit it has"
    return MassiveDeployError(f"{_shown(url)} has no branch, tag or commit {ref}", f"set app.ref to {choice}")


def _has(mirror: Path, commit: str) -> bool:
    command = ["git", "-C", str(mirror), "rev-parse", "--quiet", "--verify", "--end-of-options", f"{commit}^{{commit}}"]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def _git(arguments: list[str], url: str) -> bytes:
    environ = {**os.environ, "GIT_TERMINAL_PROMPT": "0"}
    try:
        done = subprocess.run(["git", *arguments], capture_output=True, check=False, env=environ, timeout=600)
    except FileNotFoundError as error:
        raise MassiveDeployError("git is not installed here", "install git, or give app.source as a folder") from error
    except subprocess.TimeoutExpired as error:
        raise MassiveDeployError(
            f"{_shown(url)} did not answer within 10 minutes", "check the network, then try again"
        ) from error
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip().splitlines() or ["no reason given"]
        cause = said[-1].replace(url, _shown(url))
        fix = f"check app.source and your access: git ls-remote {_shown(url)}"
        raise MassiveDeployError(f"cannot read the repository {_shown(url)}: {cause}", fix)
    return done.stdout


def _shown(url: str) -> str:
    """The URL without credentials."""
    return re.sub(r"://[^/@]*@", "://", url)


# ------------------------------------------------------------------ archive


def _refuse_strange_paths(source: Source) -> None:
    for path, entry in source.items():
        parts = PurePosixPath(path).parts
        if path.startswith("/") or ".." in parts:
            raise MassiveDeployError(f"the source holds a path outside itself: {path}", "remove it from the source")
        if entry.link is None:
            continue
        target = posixpath.normpath(posixpath.join(posixpath.dirname(path), entry.link))
        if entry.link.startswith("/") or target.startswith(".."):
            what = f"the link {path} points outside the source, to {entry.link}"
            raise MassiveDeployError(what, "replace it with a copy, or keep it out of the source (.gitignore)")


def _require_manage_py(app: App, source: Source) -> None:
    wanted = posixpath.normpath(posixpath.join(app.subdirectory, "manage.py"))
    if wanted in source:
        return
    candidates = sorted(posixpath.dirname(path) or "." for path in source if PurePosixPath(path).name == "manage.py")
    choice = f"app.subdirectory to one of: {', '.join(candidates)}" if candidates else "app.source to a Django project"
    raise MassiveDeployError(f"there is no {wanted} in {_shown(app.source)}", f"set {choice}")


def _recipe(app: App, requirements: Requirements) -> Source:
    """What the host builds by; part of the archive, so that any change of it is another release."""
    choices = {
        "RECIPE": RECIPE,
        "PYTHON": PYTHON,
        "KIND": requirements.kind,
        "FILE": requirements.file,
        "PROJECT": "yes" if requirements.install_project else "no",
        "STATIC": "yes" if app.collectstatic else "no",
        "SETTINGS": app.settings,
        "OVERLAY": "yes" if app.overlay else "no",
    }
    packages = [*RUNTIME, *(WORKER if app.worker else ()), *app.pip]
    return {
        "choices.env": Entry(env_file(choices).encode()),
        "requirements.txt": Entry(_lines(requirements.dependencies)),
        "runtime.txt": Entry(_lines(packages)),
        **{name: Entry(content) for name, content in ([runtime.wheel()] if app.runtime else [])},
    }


def _lines(words: Iterable[str]) -> bytes:
    return "".join(f"{word}\n" for word in words).encode()


def _pack(content: Source) -> Release:
    """A tar.gz with nothing in it of time, user or machine."""
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for path in sorted(content):
            entry = content[path]
            member = tarfile.TarInfo(path)
            member.mode = 0o755 if entry.executable else 0o644
            if entry.link is None:
                member.size = len(entry.content)
                tar.addfile(member, io.BytesIO(entry.content))
            else:
                member.type, member.linkname = tarfile.SYMTYPE, entry.link
                tar.addfile(member)
    release = hashlib.sha256(raw.getvalue()).hexdigest()[:12]
    archive = archive_of(release)
    if not archive.exists():
        archive.parent.mkdir(parents=True, exist_ok=True)
        atomic.replace(archive, gzip.compress(raw.getvalue(), compresslevel=6, mtime=0))
    return Release(release, str(archive))
