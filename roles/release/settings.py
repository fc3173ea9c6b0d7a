"""Settings of the release role."""

from __future__ import annotations

from pydantic import Field

from massive_deploy.topology.model import Strict


class Settings(Strict):
    """How a release is built and its migrations are run."""

    index_url: str | None = Field(default=None, pattern=r"^https?://[^@\s\"'`$\\]+$")
    """Python package index to install from, without credentials. Default: pip's own."""
    build_packages: list[str] = Field(default_factory=list)
    """Extra Debian packages needed only to build Python packages, on the first app host (for instance gcc)."""
    reuse_environments: bool = True
    """Take the Python environment of a kept release whose requirements are the same word for word. What they do not pin
    stays as it was then."""
    build_timeout: int = Field(default=1200, ge=60, le=7200)
    """Seconds a build may take."""
    migrate_timeout: int = Field(default=1800, ge=30, le=86400)
    """Seconds the migrations of all databases may take together."""
