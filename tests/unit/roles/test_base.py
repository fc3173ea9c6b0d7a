from __future__ import annotations

import subprocess

from .web_stack import desired, file


def test_every_host_knows_every_other_by_name() -> None:
    hosts = file(desired("base", "edge-1"), "/etc/hosts").content
    assert "192.0.2.1 app-1\n192.0.2.2 app-2\n192.0.2.3 cache-1\n192.0.2.4 edge-1\n" in hosts
    assert hosts == file(desired("base", "app-1"), "/etc/hosts").content


def test_a_containers_clock_is_left_alone() -> None:
    wanted = desired("base", "edge-1")
    assert "systemd-timesyncd" not in wanted.packages
    assert [task.name for task in wanted.tasks] == ["kernel settings"]


def test_scripts_are_valid_shell() -> None:
    for task in desired("base", "edge-1").tasks:
        for script in (task.observe, task.run):
            assert subprocess.run(["sh", "-n", "-c", script], check=False).returncode == 0


def test_each_authority_is_placed_and_must_be_in_the_bundle() -> None:
    wanted = desired("base", "edge-1", authorities=(("our own.crt", "PEM\n"),))
    assert file(wanted, "/usr/local/share/ca-certificates/our own.crt").content == "PEM\n"
    trust = wanted.tasks[0]
    assert "'/etc/ssl/certs/our own.pem'" in trust.observe
    assert subprocess.run(["sh", "-n", "-c", trust.observe], check=False).returncode == 0


def test_nginx_logs_are_rotated_by_size_where_there_is_nginx() -> None:
    settings = {"base": {"access_logs": "500MiB"}}
    for host in ("edge-1", "app-1"):
        wanted = desired("base", host, settings=settings)
        assert "nginx-logs.timer" in [unit.name for unit in wanted.units]
        # One that is written, one before it, and twelve compressed ones: five times this at most.
        assert "maxsize 100M\n" in file(wanted, "/etc/massive-deploy/logrotate-nginx.conf").content
        # Debian's own rules would rotate the same files once more.
        lines = file(wanted, "/etc/logrotate.d/nginx").content.splitlines()
        assert [line for line in lines if not line.startswith("#")] == []
    assert "nginx-logs.timer" not in [unit.name for unit in desired("base", "cache-1").units]
