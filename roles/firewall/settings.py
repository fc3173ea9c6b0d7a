"""Settings of the firewall role."""

from __future__ import annotations

from ipaddress import ip_network
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from massive_deploy.topology.model import Identifier, Strict

ANYWHERE = ("0.0.0.0/0", "::/0")


_FORM = "write a network like 192.0.2.0/24 or 2001:db8::/32, or one address"


def _network(text: str) -> str:
    if "%" in text:  # an interface's name, which may hold anything
        raise ValueError(_FORM)
    try:
        return str(ip_network(text, strict=False))
    except ValueError as error:
        raise ValueError(_FORM) from error


Network = Annotated[str, AfterValidator(_network)]


class Allowed(Strict):
    """A port that no role serves."""

    port: int = Field(ge=1, le=65535)
    """Its number."""
    protocol: Literal["tcp", "udp"] = "tcp"
    """Its protocol."""
    networks: list[Network] = Field(default_factory=lambda: list(ANYWHERE), min_length=1)
    """Who may call it: IPv4 and IPv6 networks or addresses. Default: anybody."""
    groups: list[Identifier] = Field(default_factory=list)
    """Host groups of the stack it is open on. Default: all hosts."""


class Settings(Strict):
    """What else may come in, beside what roles serve to each other."""

    enabled: bool = True
    """Drop what nobody needs. Without it every port a service listens on is open to whoever reaches the host."""
    ssh_from: list[Network] = Field(default_factory=lambda: list(ANYWHERE), min_length=1)
    """Networks SSH is let in from; the one you and the controller come from must be among them. Default: anywhere."""
    ssh_ports: list[Annotated[int, Field(ge=1, le=65535)]] = Field(default_factory=list)
    """Ports sshd listens on. Default: the `port` under `hosts`, or 22. Write them where the host is reached by another
    port than its sshd has."""
    allow: list[Allowed] = Field(default_factory=list)
    """Ports to open beside those that roles serve: for services of your own that have no role."""
    confirm_seconds: int = Field(default=60, ge=45, le=600)
    """New rules that no new SSH connection has confirmed within so many seconds are taken back by the host itself."""
