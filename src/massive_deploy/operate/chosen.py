"""What `deploy` and `rollback` have chosen: recorded beside the topology, so that `up` never changes it silently."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import Field, ValidationError

from massive_deploy import atomic
from massive_deploy.errors import InvalidInput
from massive_deploy.topology.document import read
from massive_deploy.topology.model import GitRef, Strict
from massive_deploy.topology.words import problems

FILE = "release.yaml"
_HEAD = """\
# Managed by massive-deploy: the release that `deploy --ref` or `rollback` chose. Keep this file in git.
# While it is here, `up` brings this one; `massive-deploy deploy` without --ref goes back to what topology.yaml says.
"""


class Chosen(Strict):
    """The release to run: a commit of the source, or one that the app hosts keep."""

    ref: GitRef | None = None
    """What `deploy --ref` was given."""
    commit: Annotated[str, Field(pattern=r"^[0-9a-f]{40}$")] | None = None
    """The commit that was then; a branch may have moved since."""
    release: Annotated[str, Field(pattern=r"^[0-9a-f]{12}$")] | None = None
    """The kept release that `rollback` brought back."""

    def __str__(self) -> str:
        if self.release is not None:
            return f"release {self.release}, as `rollback` chose"
        return f"{self.ref} ({(self.commit or '')[:9]}), as `deploy --ref` chose"


def load_chosen(folder: Path) -> Chosen | None:
    """What was chosen for the inventory in this folder; None when the topology says what to run.

    Raises:
        InvalidInput: the file is not as massive-deploy writes it.
    """
    path = folder / FILE
    if not path.exists():
        return None
    document = read(path)
    try:
        return Chosen.model_validate(document.data)
    except ValidationError as error:
        raise InvalidInput(problems(error, document, Chosen)) from error


def save_chosen(folder: Path, chosen: Chosen | None) -> None:
    """Record it; None removes the record. A file that says it already is left alone."""
    path = folder / FILE
    if chosen is None:
        path.unlink(missing_ok=True)
        return
    lines = "".join(f'{name}: "{value}"\n' for name, value in chosen.model_dump(exclude_none=True).items())
    text = _HEAD + lines
    if not path.exists() or path.read_text(encoding="utf-8") != text:
        atomic.replace(path, text.encode(), 0o644)
