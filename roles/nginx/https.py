"""HTTPS at the edge: which certificate, and what goes with it."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from typing import Any

from pydantic import Field

from massive_deploy.certificates import SITE
from massive_deploy.desired import Directory, File, Task, Unit
from massive_deploy.topology.conflicts import Conflict
from massive_deploy.topology.layout import Layout
from massive_deploy.topology.model import AbsolutePath, Strict
from massive_deploy.view import HostView

FOLDER = "/etc/nginx/massive-deploy"
AUTHORITY = "/etc/massive-deploy/ca.crt"
WEBROOT = "/var/lib/acme-challenge"
LINEAGES = "/etc/letsencrypt/live"
UNIT = "acme-certificate"
SCRIPT = f"/usr/local/lib/massive-deploy/{UNIT}"
SERVICE, TIMER = (f"/etc/systemd/system/{UNIT}.{kind}" for kind in ("service", "timer"))
OWN, ACME = f"{FOLDER}/own.pem", f"{FOLDER}/acme.pem"
BUNDLE = "/etc/ssl/certs/ca-certificates.crt"


class Https(Strict):
    """What the edge does when `tls` is not off."""

    redirect: bool = True
    """Answer http:// with a redirect to https://."""
    http3: bool = False
    """Offer HTTP/3 (UDP 443), too. A reload ends its connections; browsers open new ones."""


class Acme(Strict):
    """Where certificates come from with `tls: acme`."""

    directory: str = Field(
        default="https://acme-v02.api.letsencrypt.org/directory", pattern=r"^https://[A-Za-z0-9.:/_~%-]+$"
    )
    """URL of the issuer's ACME directory."""
    email: str = Field(default="", pattern=r"^([A-Za-z0-9._%+-]+@[A-Za-z0-9.-]+)?$", max_length=254)
    """Address the issuer may write to."""
    bundle: AbsolutePath = BUNDLE
    """File on the edge hosts with the authorities the directory's own certificate is checked with."""


def conflicts(layout: Layout) -> Iterator[Conflict]:
    """An issuer certifies names that the user has, one by one."""
    settings, domains = layout.settings["nginx"], layout.topology.app.domains
    if settings.tls != "acme":
        return
    at = ("roles", "nginx", "tls")
    if not domains:
        yield Conflict(at, "acme needs the names to certify", "list them under `app: domains:`")
    for number, domain in enumerate(domains):
        if domain.startswith("*."):
            what = f"'{domain}' cannot be certified over HTTP, which is how `tls: acme` proves names"
            yield Conflict(("app", "domains", number), what, "name each host, or use `tls: given`")


def certificate(view: HostView) -> str:
    """Path of the PEM file nginx serves, with certificate and key; empty without TLS."""
    kind: str = view.settings.tls
    return "" if kind == "off" else f"{FOLDER}/{kind}.pem"


def names(view: HostView) -> tuple[str, ...]:
    """What this edge is called by visitors, colleagues and itself."""
    shared = (view.topology.edge_address or "").partition("/")[0]
    given = (*view.topology.app.domains, view.host.name, view.host.address, shared, "localhost", "127.0.0.1")
    return tuple(dict.fromkeys(name for name in given if name))


def lineage(view: HostView) -> str:
    """certbot's name of the certificate: another one for another directory, so that each is asked for."""
    return f"massive-deploy-{zlib.crc32(view.settings.acme.directory.encode()):08x}"


def words(view: HostView) -> dict[str, Any]:
    """What the site's templates need to know."""
    others = [edge for edge in view.running("nginx") if edge.name != view.host.name]
    return {
        "certificate": certificate(view).removeprefix("/etc/nginx/"),
        "webroot": WEBROOT,
        "others": others if view.settings.tls == "acme" else [],
    }


def files(view: HostView) -> tuple[File, ...]:
    """The certificates, and with acme what keeps them new."""
    kind = view.settings.tls
    if kind == "off":
        return ()
    if kind == "given":
        return (File(f"{FOLDER}/given.pem", view.given_certificate(SITE).both, 0o600, secret=True),)
    own = (
        File(OWN, view.certificate(*names(view)).both, 0o600, secret=True),
        File(AUTHORITY, view.authority),
    )
    if kind == "own":
        return own
    words = {"lineage": lineage(view), "own": OWN, "site": ACME, "webroot": WEBROOT, "script": SCRIPT}
    return (
        *own,
        File(SCRIPT, view.render(f"{UNIT}.j2", **words, live=LINEAGES), 0o755),
        File(SERVICE, view.render(f"{UNIT}.service.j2", **words)),
        File(TIMER, view.render(f"{UNIT}.timer.j2")),
    )


def packages(view: HostView) -> tuple[str, ...]:
    """Beside nginx."""
    return {"off": (), "acme": ("certbot", "openssl")}.get(view.settings.tls, ("openssl",))


def directories(view: HostView) -> tuple[Directory, ...]:
    """Where answers to the issuer's challenges lie."""
    return (Directory(WEBROOT),) if view.settings.tls == "acme" else ()


def tasks(view: HostView) -> tuple[Task, ...]:
    """nginx starts with a certificate of the stack's own until the issuer's is there."""
    if view.settings.tls != "acme":
        return ()
    there = f"if [ -s {ACME} ]; then echo there; fi"
    run = f"install -m 0600 {OWN} {ACME}.new && mv -f {ACME}.new {ACME}"
    return (Task("a certificate to begin with", there, "there", run, before_units=True),)


def units(view: HostView) -> tuple[Unit, ...]:
    """The timer asks for the first certificate and for every later one; certbot's own would not reload nginx."""
    if view.settings.tls != "acme":
        return ()
    return (
        Unit("certbot.timer", running=False, enabled=False),
        Unit(f"{UNIT}.timer", restart_on=(TIMER, SERVICE, SCRIPT)),
    )


def before_check(view: HostView) -> str:
    """A shell line that gives the staged configuration the certificate it has on the host."""
    if view.settings.tls != "acme":
        return ""
    return f'install -m 0600 "$STAGE{OWN}" "$STAGE{ACME}" && '
