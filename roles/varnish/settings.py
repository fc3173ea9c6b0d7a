"""Settings of the varnish role."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from massive_deploy.topology.model import Strict
from massive_deploy.topology.units import Megabytes

CookieName = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]+$")]


class Settings(Strict):
    """The front-end cache. A response is kept only when it says so (Cache-Control: s-maxage or max-age)."""

    memory: Megabytes | None = Field(default=None, ge=16)
    """Memory for objects. Default: 10 % of the host's."""
    session_cookies: list[CookieName] = Field(default_factory=lambda: ["sessionid", "messages"])
    """A request with one of these goes to the project, past the cache."""
    cookies: list[CookieName] = Field(
        default_factory=lambda: ["csrftoken"], json_schema_extra={"talk": "Cookies defeat caching!"}
    )
    """Cookies the project sees on cacheable requests; pages that vary by them are not kept. Others are dropped."""
    stale: int = Field(default=30, ge=0, le=86400, json_schema_extra={"talk": "Always opt to return stale data."})
    """Seconds a page may be served past its time while a fresh one is fetched in the background."""
    grace: int = Field(default=21600, ge=0, le=604800, json_schema_extra={"talk": "Always opt to return stale data."})
    """Seconds past its time a page is still served when no app host can answer."""
    max_age: int = Field(default=86400, ge=1, le=31536000)
    """Longest time in seconds a page is kept, whatever it says."""
    probe_interval: int = Field(default=1000, ge=100, le=60000)
    """Milliseconds between probes of each app host; two lost of three take it out."""
    first_byte_timeout: int = Field(default=60, ge=1, le=3600)
    """Seconds the project gets to begin its answer."""
