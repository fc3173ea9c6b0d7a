from __future__ import annotations

from massive_deploy.targets import Machine
from massive_deploy.targets.docker_arguments import container_arguments, network_arguments

MIB = 1024 * 1024


def test_container_arguments_are_this_value() -> None:
    machine = Machine(name="db1", address="172.30.7.21", memory_mb=512, cpus=1.5)

    assert container_arguments("demo", machine, "host:x") == {
        "image": "host:x",
        "command": ["/sbin/init"],
        "name": "demo-db1",
        "hostname": "db1",
        "network": "demo",
        "networking_config": {"demo": {"IPAMConfig": {"IPv4Address": "172.30.7.21"}}},
        "labels": {"massive-deploy.inventory": "demo", "massive-deploy.machine": "db1"},
        "environment": {"container": "docker"},
        "cap_add": ["ALL"],
        "cap_drop": ["SYS_RESOURCE", "SYS_TIME", "SYS_MODULE"],
        "security_opt": ["seccomp=unconfined", "apparmor=unconfined"],
        "cgroupns": "host",
        "volumes": ["/sys/fs/cgroup:/sys/fs/cgroup:rw"],
        "tmpfs": {"/run": "", "/run/lock": "", "/tmp": "exec"},
        "sysctls": {"net.ipv6.conf.all.disable_ipv6": "0", "net.core.somaxconn": "4096"},
        "stop_signal": "SIGRTMIN+3",
        "restart_policy": {"Name": "no"},
        "mem_limit": 512 * MIB,
        "memswap_limit": 512 * MIB,
        "cpu_period": 100_000,
        "cpu_quota": 150_000,
    }


def test_network_arguments_are_this_value() -> None:
    assert network_arguments("demo", "172.30.7.0/24") == {
        "name": "demo",
        "driver": "bridge",
        "options": {"com.docker.network.driver.mtu": "1400"},
        "ipam": {
            "Driver": "default",
            "Config": [{"Subnet": "172.30.7.0/24", "Gateway": "172.30.7.1"}],
        },
        "labels": {"massive-deploy.inventory": "demo"},
    }
