from __future__ import annotations

from ipaddress import IPv4Network

import pytest

from massive_deploy.errors import MassiveDeployError
from massive_deploy.targets import Machine
from massive_deploy.targets.docker_network import check_addresses, subnets


@pytest.mark.parametrize("address", ["172.30.7.0", "172.30.7.1", "172.30.7.255", "172.30.8.2"])
def test_an_address_that_docker_would_refuse_is_named(address: str) -> None:
    with pytest.raises(MassiveDeployError) as caught:
        check_addresses([Machine("db1", address, 256, 1)], "172.30.7.0/24")

    assert f"{address} of db1" in caught.value.what
    assert caught.value.fix == "give it one from 172.30.7.2 to 172.30.7.254"


def test_free_addresses_pass() -> None:
    check_addresses([Machine("db1", "172.30.7.2", 256, 1)], "172.30.7.0/24")


def test_subnets_are_the_ipv4_ones_of_a_network_description() -> None:
    description = {"IPAM": {"Config": [{"Subnet": "10.9.0.0/16"}, {"Subnet": "fd00::/64"}]}}

    assert list(subnets(description)) == [IPv4Network("10.9.0.0/16")]
    assert list(subnets({"IPAM": {"Config": None}})) == []
