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
    """Seconds after which a process that does not answer at all is replaced; 2 s later nginx gives up on a request."""
    graceful_timeout: int = Field(default=30, ge=1, le=600)
    """Seconds running requests get to finish when the service restarts."""
    keepalive: int = Field(default=5, ge=3, le=75)
    """Seconds gunicorn keeps an idle connection of nginx. nginx lets go after 2."""
    max_requests: int = Field(default=10000, ge=0)
    """Requests after which a process is replaced, spread by a fifth; 0 never."""
    max_worker_memory: Megabytes = Field(default=384, ge=96, le=65536)
    """Memory at which a process is replaced, once its running requests are done."""
    database_pool: bool = Field(
        default=True, json_schema_extra={"talk": "Connection time can be larger than the request processing time."}
    )
    """Keep a pool of database connections in each process (Django 5.1 and later)."""
    database_pool_size: int = Field(default=50, ge=1, le=500)
    """Most connections of that pool, per process and database alias; fewer where pgPool has fewer sessions."""
    worker_processes: int | None = Field(default=None, ge=1, le=256)
    """Celery processes per host. Default: one per CPU."""
    worker_grace: int = Field(
        default=60, ge=1, le=200, json_schema_extra={"talk": "Do not run asynchronous tasks in your view functions."}
    )
    """Seconds running Celery tasks get to finish when the worker restarts; one that is cut off is queued again."""
    static_url: str = Field(default="/static/", pattern=r"^/([A-Za-z0-9_-]+/)+$")
    """Path the project's static files are served at; must be the project's STATIC_URL."""
    cdn: str | None = Field(
        default=None,
        pattern=r"^https?://[A-Za-z0-9.-]+(:[0-9]+)?/?$",
        json_schema_extra={"talk": "Use a CDN for static media."},
    )
    """Address of a content delivery network that fetches static files from this site; it goes before `static_url`."""
    private_url: str = Field(
        default="/_protected/",
        pattern=r"^/([A-Za-z0-9_-]+/)+$",
        json_schema_extra={"talk": "Never hand the large file directly back through Django."},
    )
    """What X-Accel-Redirect starts with: nginx then sends the file of that name below PRIVATE_ROOT. No client can ask
    for it."""
    media_url: str = Field(
        default="/media/",
        pattern=r"^/([A-Za-z0-9_-]+/)+$",
        json_schema_extra={"talk": "Never hand the large file directly back through Django."},
    )
    """Path uploads are served at. Each app host keeps its own: use an object store with more than one."""
    max_body: Megabytes = Field(default=20, ge=1, le=102400)
    """Largest request body; the edge has the same limit."""
    keep_releases: int = Field(default=3, ge=1, le=50)
    """Releases kept on each host, the current one included. Their static files are served as well."""
