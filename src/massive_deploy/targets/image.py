"""The image of Docker hosts: found if this recipe was built before, else built."""

from __future__ import annotations

import io
import time

import docker
import requests
from docker.errors import APIError, BuildError

from massive_deploy.errors import MassiveDeployError
from massive_deploy.targets import Say
from massive_deploy.targets.docker_engine import explain
from massive_deploy.targets.image_base import base_image, has_image
from massive_deploy.targets.image_controller import controller_recipe
from massive_deploy.targets.image_recipe import Recipe


def host_image(client: docker.DockerClient, wanted: str | None, say: Say) -> str:
    """Name of a local image to make hosts from: the user's own, or ours, built when it is missing."""
    if wanted is not None:
        return _users_own(client, wanted, say)
    recipe = controller_recipe()
    if not has_image(client, recipe.tag()):
        started = time.monotonic()
        say(f"building the host image {recipe.tag()}, once; this takes a minute or two")
        build(client, recipe, base_image(client, recipe, say))
        say(f"built the host image in {time.monotonic() - started:.0f} s")
    return recipe.tag()


def build(client: docker.DockerClient, recipe: Recipe, base: str) -> None:
    """Builds the host image on a base image that the engine holds or can pull."""
    try:
        client.images.build(
            fileobj=io.BytesIO(recipe.context(base)),
            custom_context=True,
            tag=recipe.tag(),
            rm=True,
            forcerm=True,
        )
    except BuildError as error:
        lines = "".join(str(entry.get("stream", "")) for entry in error.build_log if isinstance(entry, dict))
        tail = "\n".join(lines.strip().splitlines()[-15:])
        raise MassiveDeployError(
            f"the host image {recipe.tag()} could not be built: {error.msg}\n{tail}",
            "containers must reach the Debian mirror: see the last lines above",
        ) from error
    except (APIError, requests.RequestException) as error:
        raise MassiveDeployError(f"the host image could not be built: {explain(error)}") from error


def _users_own(client: docker.DockerClient, name: str, say: Say) -> str:
    if not has_image(client, name):
        say(f"pulling {name}")
        try:
            client.images.pull(name)
        except APIError as error:
            raise MassiveDeployError(
                f"the image {name} is neither here nor to be had: {explain(error)}",
                "correct the target's image, or leave it out to use the one built here",
            ) from error
    return name
