"""Settings of the nginx role."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from massive_deploy.topology.model import Strict
from massive_deploy.topology.units import Megabytes

from .https import Acme, Https

Network = Annotated[str, Field(pattern=r"^(\d{1,3}\.){3}\d{1,3}(/\d{1,2})?$")]


class Settings(Strict):
    """The edge."""

    tls: Literal["off", "own", "given", "acme"] = "off"
    """Where the certificate comes from. own: the stack's own authority; given: `massive-deploy secrets certificate`;
    acme: an issuer such as Let's Encrypt."""
    https: Https = Field(default_factory=Https)
    """How HTTPS is offered."""
    acme: Acme = Field(default_factory=Acme)
    """The issuer, for `tls: acme`."""
    trusted_proxies: list[Network] = Field(default_factory=list)
    """Addresses of balancers before the edge: their X-Forwarded-For, X-Forwarded-Proto, X-Request-ID are believed."""
    read_timeout: int = Field(default=70, ge=1, le=3600)
    """Seconds to wait for the cache's answer; longer than the project's own timeout."""
    second_layer: bool = Field(default=True, json_schema_extra={"talk": "Always opt to return stale data."})
    """Keep pages for the rest of the second they came in, and show them when Varnish cannot answer at all."""
    pages_memory: Megabytes = Field(default=16, ge=1, le=4096)
    """Memory for the names of these pages: 8000 pages for each MiB."""
    pages_disk: Megabytes = Field(default=1024, ge=16)
    """Disk space for these pages; those nobody asked for longest go first."""
    static_seconds: int = Field(default=86400, ge=0, le=31536000)
    """Seconds that static files with a hash in their name are kept there; 0 treats them like any page."""
    bypass: bool = False
    """Send what can never be kept (a session, Authorization, POST) straight to the app hosts, past Varnish."""
    prerendered: bool = Field(default=True, json_schema_extra={"talk": "Consider full prerendering."})
    """Serve /srv/prerender/HOST/URI/index.html, where there is such a file, to visitors without a session."""
    requests_per_second: int = Field(default=0, ge=0, le=100000)
    """Requests one address may make in a second; more are answered with 429. 0: no limit. Static files do not count."""
    requests_burst: int = Field(default=200, ge=1, le=100000)
    """Requests one address may be ahead of that."""
    requests_at_once: int = Field(default=0, ge=0, le=65535)
    """Requests of one address that may be under way at the same time; more are answered with 429. 0: no limit."""
    unlimited: list[Network] = Field(default_factory=list)
    """Addresses without these limits."""
    maintenance_allow: list[Network] = Field(default_factory=list)
    """Addresses that see the site while it is in maintenance."""
    frame_options: str = Field(default="SAMEORIGIN", pattern=r"^(SAMEORIGIN|DENY)$")
    """Who may show the site in a frame, for answers that do not say it themselves."""
    referrer_policy: str = Field(default="strict-origin-when-cross-origin", pattern=r"^[a-z-]+$")
    """What browsers tell other sites of ours, for answers that do not say it themselves."""
    permissions_policy: str = Field(default="", pattern=r'^[A-Za-z0-9 =(),"*:./-]*$')
    """What pages may ask of a browser (Permissions-Policy), for answers that do not say it. Empty: no header."""
    opener_policy: str = Field(default="", pattern=r"^(|unsafe-none|same-origin|same-origin-allow-popups)$")
    """Cross-Origin-Opener-Policy, for answers that do not say it themselves. Empty: nothing is said."""
    hsts: int = Field(default=63072000, ge=0)
    """Seconds that browsers remember to come by HTTPS alone; said over TLS only. 0: nothing is said."""
    expose_release: bool = False
    """Tell visitors the release that made a page (X-Release)."""
