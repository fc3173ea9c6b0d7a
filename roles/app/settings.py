"""Settings of the app role."""

from __future__ import annotations

from pydantic import Field

from massive_deploy.topology.model import Strict
from massive_deploy.topology.units import Megabytes


class Settings(Strict):
    """How the project is served."""

    workers: int | None = Field(default=None, ge=1, le=256)
    """gunicorn processes per host. Default: one per CPU, as far as memory allows (384 MiB each)."""
    greenlets: int = Field(default=100, ge=1, le=10000, json_schema_extra={"talk": "gunicorn. + gevent."})
    """Requests one process handles side by side."""
    timeout: int = Field(default=60, ge=1, le=3600)
    """Seconds after which a process that does not answer at all is replaced, and nginx gives up on a request."""
    graceful_timeout: int = Field(default=30, ge=1, le=600)
    """Seconds running requests get to finish when the service restarts."""
    keepalive: int = Field(default=5, ge=3, le=75)
    """Seconds gunicorn keeps an idle connection of nginx. nginx lets go after 2."""
    max_requests: int = Field(default=10000, ge=0)
    """Requests after which a process is replaced, spread by a fifth; 0 never."""
    database_pool: bool = Field(
        default=True, json_schema_extra={"talk": "Connection time can be larger than the request processing time."}
    )
    """Keep a pool of database connections in each process (Django 5.1 and later)."""
    database_pool_size: int = Field(default=20, ge=1, le=500)
    """Most connections of that pool, per process and database alias."""
    worker_processes: int | None = Field(default=None, ge=1, le=256)
    """Celery processes per host. Default: one per CPU."""
    static_url: str = Field(default="/static/", pattern=r"^/([A-Za-z0-9_-]+/)+$")
    """Path the project's static files are served at; must be the project's STATIC_URL."""
    media_url: str = Field(
        default="/media/",
        pattern=r"^/([A-Za-z0-9_-]+/)+$",
        json_schema_extra={"talk": "Never hand the large file directly back through Django."},
    )
    """Path uploads are served at. Each app host keeps its own: use an object store with more than one."""
    max_body: Megabytes = Field(default=20, ge=1, le=102400)
    """Largest request body; the edge has the same limit."""
    keep_releases: int = Field(default=3, ge=1, le=50)
    """Releases kept on each host, the current one included."""
