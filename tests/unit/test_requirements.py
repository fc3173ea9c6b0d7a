from __future__ import annotations

import pytest

from massive_deploy.errors import MassiveDeployError
from massive_deploy.requirements import Requirements, choose

PROJECT = b'[project]\nname = "x"\ndependencies = ["Django>=5"]\n'
BUILD = b'[build-system]\nrequires = ["hatchling"]\n'
POETRY = b'[tool.poetry]\nname = "x"\n[build-system]\nrequires = ["poetry-core"]\n'
TOOLS = b"[tool.ruff]\nline-length = 100\n"


@pytest.mark.parametrize(
    ("files", "subdirectory", "wanted", "expected"),
    [
        ({"requirements.txt": b""}, ".", "auto", Requirements("requirements", "requirements.txt")),
        ({"requirements.txt": b"", "uv.lock": b"", "pyproject.toml": PROJECT}, ".", "auto",
         Requirements("uv", "uv.lock")),
        ({"site/requirements.txt": b"", "uv.lock": b"", "pyproject.toml": b""}, "site", "auto",
         Requirements("requirements", "site/requirements.txt")),
        ({"requirements.txt": b""}, "a/b", "auto", Requirements("requirements", "requirements.txt")),
        ({"pyproject.toml": PROJECT}, ".", "auto", Requirements("pyproject", "pyproject.toml", ("Django>=5",))),
        ({"pyproject.toml": PROJECT + BUILD, "src/x/a.py": b""}, ".", "auto",
         Requirements("pyproject", "pyproject.toml", ("Django>=5",), install_project=True)),
        ({"pyproject.toml": PROJECT + BUILD, "x/a.py": b""}, ".", "auto",
         Requirements("pyproject", "pyproject.toml", ("Django>=5",))),
        ({"pyproject.toml": POETRY}, ".", "auto", Requirements("project", "pyproject.toml")),
        ({"pyproject.toml": TOOLS, "requirements/base.txt": b""}, ".", "auto",
         Requirements("requirements", "requirements/base.txt")),
        ({"a.txt": b"", "requirements.txt": b""}, ".", "a.txt", Requirements("requirements", "a.txt")),
    ],
)  # fmt: skip
def test_choice(files: dict[str, bytes], subdirectory: str, wanted: str, expected: Requirements) -> None:
    assert choose(files, subdirectory, wanted) == expected


@pytest.mark.parametrize(
    ("files", "wanted", "what", "fix"),
    [
        ({"manage.py": b""}, "auto", "no file says", "add a requirements.txt"),
        ({"deps/requirements-x.txt": b""}, "auto", "no file says", "deps/requirements-x.txt"),
        ({"requirements.txt": b""}, "other.txt", "no other.txt", "requirements.txt"),
        ({"pyproject.toml": b"["}, "auto", "not valid TOML", "mend it"),
        ({"uv.lock": b""}, "auto", "no pyproject.toml beside it", "app.requirements"),
    ],
)
def test_refusals(files: dict[str, bytes], wanted: str, what: str, fix: str) -> None:
    with pytest.raises(MassiveDeployError, match=what) as caught:
        choose(files, ".", wanted)
    assert fix in caught.value.fix
