from __future__ import annotations

import io
import tarfile

from massive_deploy.targets.image_base import bootstrap_command, bootstrap_tag
from massive_deploy.targets.image_recipe import Apt, Recipe, dockerfile


def test_the_same_recipe_has_the_same_name() -> None:
    assert Recipe(Apt()).tag() == Recipe(Apt()).tag()
    assert Recipe(Apt()).tag().startswith("massive-deploy/host:trixie-")


def test_every_input_changes_the_name() -> None:
    recipes = [
        Recipe(Apt()),
        Recipe(Apt(mirror="http://mirror.example/debian")),
        Recipe(Apt(proxies={"http": "http://proxy.example:3142"})),
        Recipe(Apt(), certificates={"corporate.crt": b"one"}),
        Recipe(Apt(), certificates={"corporate.crt": b"two"}),
    ]

    assert len({recipe.digest() for recipe in recipes}) == len(recipes)


def test_the_context_holds_what_the_build_file_and_script_use() -> None:
    recipe = Recipe(Apt(proxies={"http": "http://proxy.example:3142"}), certificates={"corporate.crt": b"pem"})

    with tarfile.open(fileobj=io.BytesIO(recipe.context("debian:trixie-slim"))) as archive:
        files = {member.name: member for member in archive}
        proxy = archive.extractfile("recipe/apt/proxy.conf")
        assert proxy is not None
        assert proxy.read() == b'Acquire::http::Proxy "http://proxy.example:3142";\n'
        own_file = "recipe/rootfs/usr/local/lib/massive-deploy/own-file"
        assert files[own_file].mode == 0o755
        assert {
            "Dockerfile",
            "recipe/install.sh",
            "recipe/packages",
            "recipe/ca/corporate.crt",
        } <= files.keys()
        assert "recipe/apt/debian.sources" in files


def test_the_build_file_starts_from_the_base() -> None:
    assert dockerfile("debian:trixie-slim").startswith("FROM debian:trixie-slim\n")


def test_the_bootstrap_uses_the_mirror_and_proxy() -> None:
    recipe = Recipe(Apt(mirror="http://mirror.example/debian", proxies={"http": "http://proxy.example:3142"}))
    command = bootstrap_command(recipe)

    assert command[-3:] == ["trixie", "-", "http://mirror.example/debian"]
    assert '--aptopt=Acquire::http::Proxy "http://proxy.example:3142"' in command


def test_only_the_bootstraps_own_inputs_name_it() -> None:
    plain = Recipe(Apt())

    assert bootstrap_tag(plain) == bootstrap_tag(Recipe(Apt(), certificates={"corporate.crt": b"pem"}))
    assert bootstrap_tag(plain) != bootstrap_tag(Recipe(Apt(mirror="http://mirror.example/debian")))
