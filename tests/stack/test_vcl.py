"""What Varnish does with requests and answers: tests/vcl against the VCL that hosts get, all in one container."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from vcl_cases import MAIN, PARAMETERS, cases, expanded, files
from warm import warm_image

pytestmark = pytest.mark.stack

FOLDER = "/var/tmp/vcl"


def docker(*words: str, check: bool = True) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["docker", *words], check=check, capture_output=True, text=True, timeout=600)


@pytest.fixture(scope="module")
def container(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Its name; it has varnishtest, the cases, and the VCL of the role's defaults in a folder called `as-is`."""
    folder = tmp_path_factory.mktemp("vcl")
    for case in cases():
        (folder / case.name).write_text(expanded(case), encoding="utf-8")
    for path, content in files({"languages": ["en", "pt-br"]}, 2, {}).items():
        target = folder / "as-is" / path.lstrip("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(content, encoding="utf-8")
    name = f"massive-deploy-vcl-{os.getpid()}"
    docker("run", "--detach", "--name", name, "--entrypoint", "sleep", warm_image(), "infinity")
    try:
        docker("cp", "--quiet", str(folder), f"{name}:{FOLDER}")
        # The compiler runs without root's rights.
        docker("exec", name, "chmod", "-R", "a+rX", FOLDER)
        yield name
    finally:
        docker("rm", "--force", "--volumes", name, check=False)


@pytest.mark.parametrize("case", cases(), ids=lambda path: path.stem)
def test_case(container: str, case: Path) -> None:
    # Varnish loads what it compiles from its working folder, and /tmp is often one where programs may not run.
    words = ("exec", "--env", "TMPDIR=/var/tmp", "--workdir", FOLDER, container)
    done = docker(*words, "varnishtest", "-t", "120", case.name, check=False)
    assert done.returncode == 0, done.stdout[-6000:]


def test_the_files_compile_where_they_are(container: str) -> None:
    """Includes are found beside the main file, wherever that is: they are checked before they go live."""
    words = ("exec", "--env", "TMPDIR=/var/tmp", container, "varnishd", "-C", "-n", "/var/tmp/work")
    parameters = [word for one in PARAMETERS for word in ("-p", one.replace('"', ""))]
    done = docker(*words, *parameters, "-f", f"{FOLDER}/as-is{MAIN}", check=False)
    assert done.returncode == 0, done.stderr[-2000:]
