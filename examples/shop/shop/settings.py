"""Settings of the shop. Whatever differs between places comes from the environment (12 factors).

With an empty environment this is a development site: SQLite, caches in the process, tasks run at once.
"""

from __future__ import annotations

import os
from pathlib import Path

from environ import Env
from redis.backoff import NoBackoff
from redis.retry import Retry

from shop import databases

BASE_DIR = Path(__file__).resolve().parent.parent
env = Env()

# A place that was given a secret key is not a development machine, so a forgotten DEBUG is off there.
DEBUG = env.bool("DEBUG", default="SECRET_KEY" not in os.environ)
SECRET_KEY = env.str("SECRET_KEY", default="for-development-only") if DEBUG else env.str("SECRET_KEY")
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", default=[])
CSRF_TRUSTED_ORIGINS = env.list("CSRF_TRUSTED_ORIGINS", default=[])

ROOT_URLCONF = "shop.urls"
WSGI_APPLICATION = "shop.wsgi.application"
USE_TZ = True
TIME_ZONE = "UTC"
USE_I18N = False
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# No sessions app: its only model would keep sessions in the database.
INSTALLED_APPS = ["django.contrib.staticfiles", "shop", "catalogue", "orders"]

# Each of these runs on every request, so each needs a reason.
MIDDLEWARE = [
    "shop.probes.ProbesMiddleware",  # balancers ask by address, before the host name is checked
    "django.middleware.security.SecurityMiddleware",  # nosniff, referrer and opener policies
    "django.contrib.sessions.middleware.SessionMiddleware",  # the cart; silent on views that do not touch it
    "django.middleware.common.CommonMiddleware",  # host name check, Content-Length, trailing slashes
    "django.middleware.csrf.CsrfViewMiddleware",  # placing an order
    "django.middleware.clickjacking.XFrameOptionsMiddleware",  # one static header
]

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "shop" / "templates"],
        "OPTIONS": {"context_processors": []},  # a processor that reads the session makes every page private
    }
]

# No ATOMIC_REQUESTS: transactions are opened around the writes that need them, and reads have none.
DATABASES = databases.from_environment(env, default_url=f"sqlite:///{BASE_DIR / 'db.sqlite3'}")
DATABASE_ROUTERS = ["shop.routers.CatalogueFromReplica"]

# memcached holds what can be computed again: when it is gone, wait 0.2 s once and go on without it.
CACHES = {"default": env.cache_url("CACHE_URL", default="locmemcache://shop")}
if CACHES["default"]["BACKEND"].endswith("PyMemcacheCache"):
    CACHES["default"]["BACKEND"] = "shop.caches.SharedMemcache"
    CACHES["default"]["OPTIONS"] = {
        "connect_timeout": 0.2,
        "timeout": 0.2,
        "ignore_exc": True,
        "retry_attempts": 0,
        "dead_timeout": 5,
        "use_pooling": True,
        "no_delay": True,
    }

# Redis holds what cannot: sessions. One more try outlives a restart (pooled connections are then dead).
CACHES["sessions"] = env.cache_url("REDIS_URL", default="locmemcache://sessions")
if CACHES["sessions"]["BACKEND"].endswith("RedisCache"):
    CACHES["sessions"]["BACKEND"] = "shop.caches.SharedRedis"
    CACHES["sessions"]["OPTIONS"] = {
        "socket_connect_timeout": 0.25,
        "socket_timeout": 0.25,
        "retry": Retry(NoBackoff(), 1),
    }
SESSION_ENGINE = "shop.sessions"
SESSION_CACHE_ALIAS = "sessions"

CELERY_BROKER_URL = env.str("CELERY_BROKER_URL", default="memory://")
CELERY_TASK_ALWAYS_EAGER = CELERY_BROKER_URL == "memory://"
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = True  # a task of a killed worker is given to another; tasks must bear running twice
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_TRANSPORT_OPTIONS = {
    "visibility_timeout": 300,  # seconds until a lost task is given out again; longer than any task
    "socket_connect_timeout": 1,
    "socket_timeout": 2,  # what a request waits for a queue that hangs; the worker polls each second
}
CELERY_TASK_PUBLISH_RETRY_POLICY = {"max_retries": 1, "interval_start": 0, "interval_step": 0.1}

STATIC_URL = env.str("STATIC_URL", default="/static/")  # a CDN's address, where there is one
STATIC_ROOT = env.str("STATIC_ROOT", default=str(BASE_DIR / "staticfiles"))
MEDIA_ROOT = env.str("MEDIA_ROOT", default=str(BASE_DIR / "media"))
MANIFEST = "django.contrib.staticfiles.storage.ManifestStaticFilesStorage"
PLAIN = "django.contrib.staticfiles.storage.StaticFilesStorage"
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": PLAIN if DEBUG else MANIFEST},
}

SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = env.bool("SECURE_COOKIES", default=not DEBUG)
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")  # the proxy in front always overwrites it
# The edge redirects to https and sends HSTS, for static files too.
SILENCED_SYSTEM_CHECKS = ["security.W004", "security.W008"]

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "%(asctime)s %(levelname)s %(name)s %(message)s"}},
    "handlers": {
        "stdout": {"class": "logging.StreamHandler", "stream": "ext://sys.stdout", "formatter": "line"},
    },
    "root": {"handlers": ["stdout"], "level": env.str("LOG_LEVEL", default="INFO")},
    "loggers": {"django": {"handlers": ["stdout"], "level": "INFO", "propagate": False}},
}
