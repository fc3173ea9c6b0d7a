"""The program Varnish runs: small files in /etc/varnish/massive/, the user's own in /etc/varnish/user/."""

from __future__ import annotations

import re

from massive_deploy.desired import File
from massive_deploy.environment import pin_cookies
from massive_deploy.view import HostView

MAIN = "/etc/varnish/default.vcl"
PARTS = "/etc/varnish/massive/"
USER = "/etc/varnish/user/"
# In the order they are read: what a file calls is defined in one before it.
NAMES = (
    "backends",
    "trust",
    "query",
    "cookies",
    "keys",
    "purge",
    "recv",
    "stale",
    "errors",
    "fetch",
    "keep",
    "deliver",
)
HOOKS = ("recv", "hash", "backend_fetch", "backend_response", "deliver")

_SPECIAL = re.compile(r"([.\[\]])")


def program(view: HostView) -> tuple[File, ...]:
    """Every VCL file of the host, the user's own included."""
    settings = view.settings
    words = {
        "hooks": HOOKS,
        "parts": NAMES,
        "backends": [(backend(host.name), host.address) for host in view.running("app")],
        "purgers": sorted({host.address for role in ("app", "varnish") for host in view.running(role)}),
        "kept": ",".join([*settings.cookies, *pin_cookies(view)]),
        "session": "|".join(settings.session_cookies),
        "dropped": "|".join(_parameter(pattern) for pattern in settings.drop_query),
        "sorry": literal(view.render("503.html")),
    }
    banner = view.render("base/banner")
    return (
        File(MAIN, view.render("default.vcl.j2", **words)),
        *(File(f"{PARTS}{name}.vcl", view.render(f"massive/{name}.vcl.j2", **words)) for name in NAMES),
        *(File(f"{USER}{name}.vcl", banner + view.render(f"hooks/{name}.vcl", **words)) for name in HOOKS),
    )


def backend(host: str) -> str:
    """What VCL calls an app host."""
    return "app_" + re.sub(r"[^A-Za-z0-9]", "_", host)


def literal(text: str) -> str:
    """A VCL string of any text, over several lines."""
    # The end mark of such a string may be part of the text.
    return '{"' + text.replace('"}', '""} + {"}') + '"}'


def _parameter(pattern: str) -> str:
    """A regular expression of a name, or of all that begin as a pattern with a star at its end."""
    escaped = _SPECIAL.sub(r"\\\1", pattern.removesuffix("*"))
    return f"{escaped}[^=&]*" if pattern.endswith("*") else escaped
