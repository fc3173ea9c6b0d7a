"""A minimal Debian to build on: from a registry when one answers, else bootstrapped here."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import tempfile

import docker
import requests
from docker.errors import APIError, DockerException, ImageNotFound

from massive_deploy.errors import MassiveDeployError
from massive_deploy.targets import Say
from massive_deploy.targets.docker_engine import connect, explain
from massive_deploy.targets.image_recipe import DPKG_CONFIG, REGISTRY_BASE, SUITE, Recipe

REGISTRY_PATIENCE_S = 8
BOOTSTRAP_REPOSITORY = "massive-deploy/bootstrap"


def base_image(client: docker.DockerClient, recipe: Recipe, say: Say) -> str:
    """Name of the image to build on."""
    if has_image(client, REGISTRY_BASE) or registry_answers():
        return REGISTRY_BASE
    tag = bootstrap_tag(recipe)
    if not has_image(client, tag):
        say(f"no registry answers: bootstrapping Debian {SUITE} with mmdebstrap")
        bootstrap(client, recipe, tag)
    return tag


def registry_answers() -> bool:
    """Whether the engine (not this process: it may have other ways out) can get the base image."""
    try:
        with connect(REGISTRY_PATIENCE_S) as client:
            client.images.get_registry_data(REGISTRY_BASE)
    except (MassiveDeployError, DockerException, requests.RequestException):
        return False
    return True


def has_image(client: docker.DockerClient, name: str) -> bool:
    """Whether the engine holds an image of this name."""
    try:
        client.images.get(name)
    except ImageNotFound:
        return False
    return True


def bootstrap_command(recipe: Recipe) -> list[str]:
    """The mmdebstrap call that writes a root file system, as tar, to its standard output."""
    return [
        "mmdebstrap",
        "--variant=minbase",
        "--format=tar",
        "--include=ca-certificates",
        f"--dpkgopt={DPKG_CONFIG}",
        *(f"--aptopt={option.removesuffix(';')}" for option in recipe.apt.options()),
        # Copies of the controller's: they would hide that a host has none of its own yet.
        '--customize-hook=rm -f "$1/etc/hostname" "$1/etc/hosts" "$1/etc/resolv.conf"',
        SUITE,
        "-",
        recipe.apt.mirror,
    ]


def bootstrap_tag(recipe: Recipe) -> str:
    """Name of the bootstrapped image; other changes of the recipe than to its bootstrap keep it."""
    words = [word for word in bootstrap_command(recipe) if not word.startswith("--dpkgopt=")]
    inputs = repr(words).encode() + DPKG_CONFIG.read_bytes()
    return f"{BOOTSTRAP_REPOSITORY}:{SUITE}-{hashlib.sha256(inputs).hexdigest()[:12]}"


def bootstrap(client: docker.DockerClient, recipe: Recipe, tag: str) -> None:
    """Imports a bootstrapped Debian under this name."""
    if shutil.which("mmdebstrap") is None:
        raise MassiveDeployError(
            f"no registry gives {REGISTRY_BASE}, and mmdebstrap, which could make it, is not installed here",
            "sudo apt-get install mmdebstrap debian-archive-keyring",
        )
    repository, _, version = tag.partition(":")
    with tempfile.TemporaryFile() as log:
        # A session of its own: when it fails, mmdebstrap hangs up its whole process group.
        with subprocess.Popen(
            bootstrap_command(recipe), stdout=subprocess.PIPE, stderr=log, start_new_session=True
        ) as process:
            try:
                client.api.import_image_from_stream(process.stdout, repository=repository, tag=version)
                problem = ""
            except APIError as error:
                problem = explain(error)
                process.terminate()
            except BaseException:
                process.terminate()
                raise
        if process.returncode != 0 or problem:
            log.seek(0)
            words = log.read().decode(errors="replace").strip().splitlines()[-10:]
            if has_image(client, tag):
                client.images.remove(tag, force=True)
            raise MassiveDeployError(
                "mmdebstrap could not make the base image: " + "\n".join([problem, *words]).strip(),
                f"check that {recipe.apt.mirror} can be reached and debian-archive-keyring is up to date",
            )
