from __future__ import annotations

import pytest

from massive_deploy.errors import MassiveDeployError, Refused
from massive_deploy.targets import Machine, Ssh
from massive_deploy.targets.ssh import SshTarget

TARGET = SshTarget({"web1": Ssh("192.0.2.1", user="deploy"), "db1": Ssh("192.0.2.2", port=2222)})
WEB1 = Machine("web1", "192.0.2.1", 1024, 2)


def test_coordinates_are_those_given() -> None:
    assert TARGET.ensure([WEB1], print) == {"web1": Ssh("192.0.2.1", user="deploy")}
    assert TARGET.present() == ("web1", "db1")


def test_a_machine_without_coordinates_is_named() -> None:
    with pytest.raises(MassiveDeployError, match="cache1"):
        TARGET.reach([WEB1, Machine("cache1", "192.0.2.3", 1024, 2)])


def test_borrowed_hosts_are_never_removed() -> None:
    with pytest.raises(Refused):
        TARGET.destroy(print)
