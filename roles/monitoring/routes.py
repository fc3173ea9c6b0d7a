"""Ways by which people are told: mail, Slack, webhooks. Their passwords are the inventory's secrets."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from massive_deploy.desired import File
from massive_deploy.topology.model import Strict
from massive_deploy.view import HostView

ETC = "/etc/prometheus"
CONFIG = f"{ETC}/alertmanager.yml"
TEXTS = f"{ETC}/alerts.tmpl"
MAIL_PASSWORD = f"{ETC}/mail-password"
SLACK_URL = f"{ETC}/slack-url"
MAIL_SECRET, SLACK_SECRET = "alerts/mail-password", "alerts/slack-url"

Url = Annotated[str, Field(pattern=r"^https?://[^\s\"'\\]+$")]
Address = Annotated[str, Field(pattern=r"^[A-Za-z0-9._%+-]+@[A-Za-z0-9.-]+$", max_length=254)]


class Mail(Strict):
    """Alerts by mail."""

    to: list[Address] = Field(min_length=1, max_length=50)
    """Who gets them."""
    sender: Address
    """Whom they come from."""
    server: str = Field(pattern=r"^[A-Za-z0-9.-]+:[0-9]{1,5}$")
    """The mail server and its port, such as smtp.example.com:587."""
    user: str = Field(default="", pattern=r"^[^\s\"'\\]*$")
    """Who logs in there; the password is the secret `alerts/mail-password`. Default: nobody."""
    tls: Literal["required", "off"] = "required"
    """required: by STARTTLS, or from the beginning at port 465. off is for a server on this host."""


class Slack(Strict):
    """Alerts in a channel; the address to post them to is the secret `alerts/slack-url`."""

    channel: str = Field(default="", pattern=r"^[#@]?[A-Za-z0-9._-]*$")
    """Where they appear. Default: where the address says."""


def files(view: HostView, words: dict[str, Any]) -> tuple[File, ...]:
    """Alertmanager's configuration, its texts, and one file for each secret, which only it reads."""
    settings = view.settings
    secrets = {}
    if settings.mail and settings.mail.user:
        secrets[MAIL_PASSWORD] = view.secret(MAIL_SECRET)
    if settings.slack:
        secrets[SLACK_URL] = view.secret(SLACK_SECRET)
    told = [name for name in ("mail", "slack", "webhook") if getattr(settings, name)]
    config = view.render("alertmanager.yml.j2", told=told, mail_password=MAIL_PASSWORD, slack_url=SLACK_URL, **words)
    return (
        # A webhook's address often holds a token.
        File(CONFIG, config, 0o640, group="prometheus", secret=True),
        File(TEXTS, view.render("alerts.tmpl")),
        *(File(path, value, 0o640, group="prometheus", secret=True) for path, value in secrets.items()),
    )
