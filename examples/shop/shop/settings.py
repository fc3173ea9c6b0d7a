"""Settings of the shop. Whatever differs between places comes from the environment (12 factors).

With an empty environment this is a development site: SQLite, caches in the process, tasks run at once.
"""

from __future__ import annotations

import os
from pathlib import Path

from environ import Env

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
INSTALLED_APPS = ["django_massive", "django.contrib.staticfiles", "shop", "catalogue", "orders"]

# Each of these runs on every request, so each needs a reason.
MIDDLEWARE = [
    "django_massive.cookies.CookiesOnCachedPagesMiddleware",  # warns while developing; not there otherwise
    "django_massive.request_id.RequestIdMiddleware",  # logs and SQL say which request they belong to
    "shop.faults.FaultsMiddleware",  # fails on demand in tests; not there otherwise
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
    CACHES["default"]["BACKEND"] = "django_massive.caches.memcached.Memcached"

# Redis holds what cannot: sessions. While it is away nobody is logged in, and nothing fails.
CACHES["sessions"] = env.cache_url("REDIS_URL", default="locmemcache://sessions")
if CACHES["sessions"]["BACKEND"].endswith("RedisCache"):
    CACHES["sessions"]["BACKEND"] = "django_massive.caches.redis.Redis"
SESSION_ENGINE = "django_massive.sessions"
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

# Through the queue where there is a worker (CELERY_APP); what sends in the end is the second.
EMAIL_BACKEND = "django_massive.mail.QueuedEmailBackend"
MASSIVE_MAIL_BACKEND = f"django.core.mail.backends.{'console' if DEBUG else 'smtp'}.EmailBackend"
EMAIL_HOST = env.str("EMAIL_HOST", default="localhost")
EMAIL_PORT = env.int("EMAIL_PORT", default=25)
EMAIL_TIMEOUT = 5
DEFAULT_FROM_EMAIL = env.str("DEFAULT_FROM_EMAIL", default="shop@localhost")

MASSIVE_PRERENDER = ["/about/"]

# Private files: nginx sends them, at a prefix that only this site can name (X-Accel-Redirect).
X_ACCEL_PREFIX = env.str("X_ACCEL_PREFIX", default="")
PRIVATE_ROOT = env.str("PRIVATE_ROOT", default=str(BASE_DIR / "private"))
# Whether anybody may make the site fail: for tests of what stands in front of it.
FAULTS = env.bool("SHOP_FAULTS", default=DEBUG)

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
    "formatters": {"line": {"format": "%(asctime)s %(levelname)s %(name)s [%(request_id)s] %(message)s"}},
    "filters": {"request_id": {"()": "django_massive.request_id.RequestIdFilter"}},
    "handlers": {
        "stdout": {
            "class": "logging.StreamHandler",
            "stream": "ext://sys.stdout",
            "formatter": "line",
            "filters": ["request_id"],
        },
    },
    "root": {"handlers": ["stdout"], "level": env.str("LOG_LEVEL", default="INFO")},
    "loggers": {"django": {"handlers": ["stdout"], "level": "INFO", "propagate": False}},
}
