"""Settings of the varnish role."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from massive_deploy.topology.model import Strict
from massive_deploy.topology.units import Megabytes

CookieName = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]+$")]
HeaderName = Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9-]*$")]
Parameter = Annotated[str, Field(pattern=r"^[A-Za-z0-9_.\[\]-]+\*?$")]
Language = Annotated[str, Field(pattern=r"^[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*$")]


class Settings(Strict):
    """The front-end cache. A response is kept only when it says so (Cache-Control or Surrogate-Control)."""

    memory: Megabytes | None = Field(default=None, ge=16)
    """Memory for objects. Default: 10 % of the host's."""
    session_cookies: list[CookieName] = Field(default_factory=lambda: ["sessionid", "messages"])
    """A request with one of these goes to the project, past the cache."""
    cookies: list[CookieName] = Field(
        default_factory=lambda: ["csrftoken"], json_schema_extra={"talk": "Cookies defeat caching!"}
    )
    """Cookies the project sees on cacheable requests; pages that vary by them are not kept. Others are dropped."""
    private_headers: list[HeaderName] = Field(
        default_factory=lambda: ["Authorization", "X-Api-Key", "Api-Key", "X-Auth-Token", "X-Access-Token"]
    )
    """A request with one of these goes to the project, past the cache. Authorization is one of them in any case."""
    drop_query: list[Parameter] = Field(
        default_factory=lambda: [
            *("utm_*", "gclid", "gclsrc", "gbraid", "wbraid", "dclid", "_ga", "_gl", "srsltid"),
            *("fbclid", "igshid", "msclkid", "ttclid", "twclid", "yclid", "li_fat_id", "mc_cid", "mc_eid"),
        ]
    )
    """Query parameters that are no part of a page's address, such as `utm_*` for all that begin so. The project
    does not see them on cacheable requests."""
    languages: list[Language] = Field(default_factory=list)
    """Languages of the site, its default first: Accept-Language becomes the best of them, so that pages that vary by it
    are kept once for each. Without them they are kept once for each text a browser sends."""
    stale: int = Field(default=30, ge=0, le=86400, json_schema_extra={"talk": "Always opt to return stale data."})
    """Seconds a page may be served past its time while a fresh one is fetched in the background."""
    grace: int = Field(default=21600, ge=0, le=604800, json_schema_extra={"talk": "Always opt to return stale data."})
    """Seconds past its time a page is still served when no app host can answer."""
    max_age: int = Field(default=86400, ge=1, le=31536000)
    """Longest time in seconds a page is kept, whatever it says."""
    max_object: Megabytes = Field(default=10, ge=1, le=10240)
    """Largest answer that is kept, as far as it says how large it is."""
    cdn: bool = Field(default=False, json_schema_extra={"talk": "If you can afford it, a caching CDN?"})
    """A CDN in front may keep pages too: it gets s-maxage and Age, which are otherwise taken off."""
    probe_interval: int = Field(default=1000, ge=100, le=60000)
    """Milliseconds between probes of each app host; two lost of three take it out."""
    first_byte_timeout: int = Field(default=65, ge=1, le=3600)
    """Seconds the project gets to begin its answer."""
