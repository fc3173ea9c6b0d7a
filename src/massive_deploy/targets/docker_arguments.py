"""What the Docker engine is asked for, as plain values."""

from __future__ import annotations

from ipaddress import IPv4Network
from typing import Any

from massive_deploy.targets import Machine

INVENTORY_LABEL = "massive-deploy.inventory"
MACHINE_LABEL = "massive-deploy.machine"
CPU_PERIOD_US = 100_000


def container_name(inventory: str, machine: str) -> str:
    """Name of a machine's container."""
    return f"{inventory}-{machine}"


def network_arguments(inventory: str, subnet: str) -> dict[str, Any]:
    """Arguments of `networks.create`. The gateway is the subnet's first address."""
    network = IPv4Network(subnet)
    return {
        "name": inventory,
        "driver": "bridge",
        "options": {"com.docker.network.driver.mtu": "1400"},
        "ipam": {
            "Driver": "default",
            "Config": [{"Subnet": str(network), "Gateway": str(network.network_address + 1)}],
        },
        "labels": {INVENTORY_LABEL: inventory},
    }


def limits(machine: Machine) -> dict[str, int]:
    """Limits that can be changed while the container runs: bytes, and microseconds of CPU per period."""
    memory = machine.memory_mb * 1024 * 1024
    return {
        "mem_limit": memory,
        "memswap_limit": memory,
        "cpu_period": CPU_PERIOD_US,
        "cpu_quota": int(machine.cpus * CPU_PERIOD_US),
    }


def container_arguments(inventory: str, machine: Machine, image: str) -> dict[str, Any]:
    """Arguments of `containers.create` for a host that runs systemd, on cgroup v1 and v2."""
    return {
        "image": image,
        "command": ["/sbin/init"],
        "name": container_name(inventory, machine.name),
        "hostname": machine.name,
        "network": inventory,
        "networking_config": {inventory: {"IPAMConfig": {"IPv4Address": machine.address}}},
        "labels": {INVENTORY_LABEL: inventory, MACHINE_LABEL: machine.name},
        "environment": {"container": "docker"},
        "cap_add": ["ALL"],
        # Neither time nor kernel modules are namespaced: a host must not change the controller's.
        "cap_drop": ["SYS_RESOURCE", "SYS_TIME", "SYS_MODULE"],
        "security_opt": ["seccomp=unconfined", "apparmor=unconfined"],
        "cgroupns": "host",
        "volumes": ["/sys/fs/cgroup:/sys/fs/cgroup:rw"],
        # Docker's default is noexec, which breaks tools that compile or unpack into /tmp.
        "tmpfs": {"/run": "", "/run/lock": "", "/tmp": "exec"},  # noqa: S108
        "sysctls": {"net.ipv6.conf.all.disable_ipv6": "0", "net.core.somaxconn": "4096"},
        "stop_signal": "SIGRTMIN+3",
        "restart_policy": {"Name": "no"},
        **limits(machine),
    }
