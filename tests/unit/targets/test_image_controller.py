from __future__ import annotations

from massive_deploy.targets.image_controller import debian_mirrors, reachable_proxies


def test_mirrors_are_the_first_web_addresses_of_debians_archives() -> None:
    targets = """\
Debian cdrom:[Debian]/
Debian http://mirror.example/debian/
Debian http://other.example/debian/
Debian-Security http://mirror.example/debian-security/
Debian Backports http://mirror.example/debian/
PostgreSQL https://apt.postgresql.org/pub/repos/apt/
 https://no-label.example/
"""

    assert debian_mirrors(targets) == {
        "Debian": "http://mirror.example/debian",
        "Debian-Security": "http://mirror.example/debian-security",
    }


def test_proxies_that_containers_cannot_use_are_left_out() -> None:
    assert reachable_proxies({"http": "http://127.0.0.1:3142", "https": "DIRECT"}) == {}
    assert reachable_proxies({"http": "http://proxy.example:3142/", "https": ""}) == {
        "http": "http://proxy.example:3142/"
    }
