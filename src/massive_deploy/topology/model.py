"""The topology as pydantic models: strict, every field described. Docs, schema and `explain` come from here."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from . import forms
from .docstrings import describe
from .units import Megabytes, Size

Name = Annotated[str, Field(pattern=forms.NAME)]
HostName = Annotated[str, Field(pattern=forms.HOST_NAME)]
Ipv4 = Annotated[str, Field(pattern=forms.IPV4)]
DottedName = Annotated[str, Field(pattern=forms.DOTTED_NAME)]
DomainName = Annotated[str, Field(pattern=forms.DOMAIN_NAME, max_length=253)]
EnvName = Annotated[str, Field(pattern=forms.ENV_NAME)]
Line = Annotated[str, Field(pattern=forms.LINE)]
Word = Annotated[str, Field(pattern=forms.WORD)]
RelativePath = Annotated[str, Field(pattern=forms.RELATIVE)]
AbsolutePath = Annotated[str, Field(pattern=forms.ABSOLUTE)]
GitRef = Annotated[str, Field(pattern=forms.GIT_REF)]
Package = Annotated[str, Field(pattern=forms.DEBIAN_PACKAGE)]
Identifier = Annotated[str, Field(pattern=forms.IDENTIFIER)]
UserName = Annotated[str, Field(pattern=forms.USER)]
UrlPath = Annotated[str, Field(pattern=forms.URL_PATH)]


class Strict(BaseModel):
    """Unknown keys are errors, nothing is coerced, values do not change after loading."""

    # Built when first used: as a part of the whole topology, and not once more by itself.
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, defer_build=True)

    @classmethod
    def __pydantic_init_subclass__(cls, **_: Any) -> None:
        describe(cls)


class Cache(Strict):
    """In-memory stores. memcached is the flat cache; Redis holds sessions and the task queue."""

    memcached: int = Field(default=1, ge=0, le=64, json_schema_extra={"talk": "a great flat in/out store"})
    """memcached nodes; Django spreads keys over them."""
    redis: int = Field(
        default=1, ge=1, le=1, json_schema_extra={"talk": "great for queuing and more advanced operations"}
    )
    """Redis nodes."""


class Failover(Strict):
    """How the database tier changes its leader."""

    speed: Literal["fast", "normal", "safe"] = "normal"
    """Patroni's timing: fast 20/2/9 s, normal 30/5/10 s, safe 60/10/20 s (ttl/loop/retry)."""
    max_lag: Size = Field(default=1024 * 1024, ge=1)
    """A replica further behind than this (bytes of WAL) is never promoted."""
    synchronous: Literal["auto", "off", "quorum", "strict"] = "auto"
    """Commit waits for a replica. auto: quorum with two replicas or more, otherwise off."""
    early: bool = False
    """Take the lock from a leader whose host is gone, as soon as two other hosts agree on it. Needs quorum or strict
    commit: a leader that was only cut off can then acknowledge nothing."""

    def commits(self, nodes: int) -> Literal["off", "quorum", "strict"]:
        """Whether commits of a cluster with that many nodes wait for a replica."""
        if self.synchronous == "auto":
            return "quorum" if nodes >= 3 else "off"
        return self.synchronous


class Reporting(Strict):
    """A database that shows the rows of all shards together: for reports, never for pages."""

    model: Literal["pull", "push"] = Field(default="pull", json_schema_extra={"talk": "Pull model. Push model."})
    """pull: reports ask every shard's cluster when they run. push: all rows are copied here all the time."""
    aggregates: dict[Identifier, Annotated[str, Field(pattern=r"(?is)^\s*select\s[^;]*$")]] = Field(
        default_factory=dict
    )
    """Views by name, each a SELECT over one shard's tables; with `pull` every cluster works it out for its shards."""


class Sharding(Strict):
    """Rows spread over many logical shards (schemas), which live in few database clusters and move between them."""

    logical: int = Field(default=64, ge=1, le=1024)
    """Logical shards, for ever: rows never change theirs. Up to 256 are advised; each costs every connection memory."""
    strategy: Literal["hash", "range", "directory"] = Field(
        default="hash", json_schema_extra={"talk": "Data-driven. Anonymous."}
    )
    """How a key finds its shard: by its hash, by ranges of keys, or looked up by a function of the project's."""
    apps: list[Identifier] = Field(min_length=1)
    """Labels of the Django applications whose tables are in every shard; all others are in the default database."""
    common: list[Identifier] = Field(default_factory=list, json_schema_extra={"talk": "Common data on all servers."})
    """Of those others, what every shard reads as well: a copy in each cluster, kept up to date. Small and rarely
    changed."""
    reporting: Reporting | None = None
    """A database `reporting` over all shards, in the first cluster. Default: none."""
    bounds: list[int] = Field(default_factory=list)
    """For `range`: the first key of each shard but the first, rising; one less than there are logical shards."""
    epoch: int = Field(default=2026, ge=2000, le=2100)
    """Year in which the time in the rows' ids begins; they last 34 years. Fixed at birth."""


class Reads(Strict):
    """What a replica must be to serve reads. With no replica fit, the leader serves them."""

    max_lag: Size = Field(
        default=16 * 1024 * 1024, ge=1, json_schema_extra={"talk": "Remember replication lag issues."}
    )
    """A replica further behind than this (bytes of WAL) gets no reads."""
    max_age: int = Field(default=10, ge=5, le=3600)
    """A replica whose data are older than this (seconds) gets no reads; it is taken out 3 s before."""
    back_after: int = Field(default=5, ge=0, le=600)
    """Seconds within the limits after which a replica gets reads again."""
    apps: list[Identifier] = Field(default_factory=list)
    """Labels of Django applications that requests read from replicas, except who wrote something they have not yet."""


class Alert(Strict):
    """When people are told."""

    lag: int = Field(default=30, ge=1, le=86400)
    """A replica's data are older than this (seconds) for a minute."""


class App(Strict):
    """The Django project to deploy."""

    source: Word
    """A folder (relative to the topology file) or a git URL."""
    ref: GitRef = "HEAD"
    """Branch, tag or commit, for a git source."""
    subdirectory: RelativePath = "."
    """Folder inside the source that holds manage.py."""
    name: Name | None = None
    """Short name of the project; names the database and the system user's units. Default: the inventory's name."""
    requirements: RelativePath = "auto"
    """File with the dependencies (requirements.txt, pyproject.toml, uv.lock, poetry-style pyproject); auto finds it."""
    settings: DottedName
    """Django settings module."""
    wsgi: DottedName | None = None
    """WSGI module; its `application` is served. Default: the settings' package + `.wsgi`."""
    overlay: bool = True
    """Run with a settings module that adds the stack's databases, caches and hosts on top of the project's own."""
    runtime: bool = Field(default=True, json_schema_extra={"talk": "Always opt to return stale data."})
    """Install django-massive into every release: caches that fail fast, sessions, purges, stale answers, checks."""
    environment: dict[EnvName, Line] = Field(default_factory=dict)
    """Extra environment variables of the project. No secrets: this file is kept in git."""
    secret_environment: list[EnvName] = Field(default_factory=list)
    """Environment variables whose values are secrets: `app/env/<name in lower case>` of `massive-deploy secrets`."""
    packages: list[Package] = Field(default_factory=list)
    """Extra Debian packages the project needs at run time."""
    pip: list[Word] = Field(default_factory=list)
    """Extra Python requirements."""
    domains: list[DomainName] = Field(default_factory=list)
    """Host names the site answers to. Empty: any name."""
    migrate: bool = True
    """Run `migrate` once per release, before it serves."""
    collectstatic: bool = True
    """Collect static files into the release when it is built."""
    worker: DottedName | None = Field(
        default=None, json_schema_extra={"talk": "Do not run asynchronous tasks in your view functions."}
    )
    """Celery application (for instance `shop`); no worker when absent."""
    health: UrlPath = "/"
    """Path that answers below 500 when the project is healthy."""


class SshHost(Strict):
    """A machine that exists already."""

    address: Ipv4
    """IPv4 address, reached from the controller and from the other hosts."""
    port: int = Field(default=22, ge=1, le=65535)
    """SSH port."""
    user: UserName = "root"
    """SSH user; one that is not root needs sudo without a password."""
    key: Word | None = None
    """Private key file (relative to the topology file). Default: the agent's or the user's own keys."""
    known_hosts: Word | None = None
    """File with the host's key. Default: the user's known_hosts."""
    group: Identifier | None = None
    """Host group of the stack this machine belongs to. Default: the first group that still needs one."""


class DockerTarget(Strict):
    """Machines made as systemd containers: for demos, tests and trying things out."""

    subnet: Annotated[str, Field(pattern=forms.SUBNET)] | None = None
    """The /24 network of the containers. Default: derived from the inventory's name."""
    image: Annotated[str, Field(pattern=forms.IMAGE)] | None = None
    """Base image. Default: built on first use from Debian trixie."""
    memory: Megabytes = Field(default=1024, ge=256)
    """Memory limit of each machine."""
    cpus: int = Field(default=2, ge=1)
    """CPUs each machine may count on when sizes are computed."""


class Topology(Strict):
    """One inventory: what to run, how many of each, and where."""

    name: Name
    """Names the inventory's hosts, networks and database clusters."""
    stack: Identifier = "massive"
    """Which parts share a host: small, massive, sharded, or a file in your own stacks/ folder."""
    target: Literal["docker", "ssh"] = "ssh"
    """Where machines come from: made as containers, or given under `hosts`."""
    docker: DockerTarget = Field(default_factory=DockerTarget)
    """Settings of the docker target."""
    hosts: dict[HostName, SshHost] = Field(default_factory=dict)
    """Machines of the ssh target."""
    edge_servers: int = Field(default=1, ge=1, le=64, json_schema_extra={"talk": "Varnish — or both!"})
    """Hosts with nginx and Varnish."""
    edge_address: Annotated[str, Field(pattern=forms.ADDRESS_IN_NETWORK)] | None = None
    """An address that is always on one of the edge servers, with the length of its network: 192.0.2.100/24. Needs two
    edge servers in that network. Default: none; DNS names the edge servers."""
    app_servers: int = Field(default=2, ge=1, le=1000, json_schema_extra={"talk": "gunicorn. + gevent."})
    """Hosts with gunicorn, the pooler and the Celery worker."""
    replicas: int = Field(default=1, ge=0, le=15, json_schema_extra={"talk": "use 9.x's streaming replication"})
    """Streaming replicas of each database cluster, beside its leader."""
    shards: int = Field(default=1, ge=1, le=256, json_schema_extra={"talk": "Huge sites eventually need to shard."})
    """Database clusters, each with its own leader and replicas."""
    sharding: Sharding | None = None
    """Logical shards on these clusters. Default: none; the project decides which row lives in which cluster."""
    pooler: Literal["pgbouncer", "pgpool"] = Field(
        default="pgbouncer", json_schema_extra={"talk": "Django has no built-in connection pooling."}
    )
    """Connection pooler on the app hosts."""
    cache: Cache = Field(default_factory=Cache)
    """In-memory stores."""
    failover: Failover = Field(default_factory=Failover)
    """Leader changes."""
    reads: Reads = Field(default_factory=Reads)
    """Reads from replicas."""
    alert: Alert = Field(default_factory=Alert)
    """Limits of alerts."""
    drills: Literal["refused", "allowed"] = "refused"
    """Whether `massive-deploy drill` may break things here on purpose; for staging stacks."""
    app: App
    """The Django project."""
