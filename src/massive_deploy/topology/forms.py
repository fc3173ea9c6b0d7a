"""Forms of the texts a topology may hold, and how to say each of them in words.

The patterns run in pydantic's Rust engine: `$` is the very end of the text (no newline slips past), and there is no
look-around. They spell out 0-9 because there `\\d` and `\\w` take in every script.
"""

from __future__ import annotations

_STEP = r"[A-Za-z0-9_.@+-]*[A-Za-z0-9_@+][A-Za-z0-9_.@+-]*"
_OCTET = r"(25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])"

NAME = r"^[a-z][a-z0-9-]{0,30}[a-z0-9]$"
HOST_NAME = r"^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$"
IPV4 = rf"^({_OCTET}\.){{3}}{_OCTET}$"
SUBNET = rf"^({_OCTET}\.){{3}}0/24$"
ADDRESS_IN_NETWORK = rf"^({_OCTET}\.){{3}}{_OCTET}/([89]|[12][0-9]|30)$"
DOTTED_NAME = r"^[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)*$"
DOMAIN_NAME = r"^(\*\.)?[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*$"
ENV_NAME = r"^[A-Z_][A-Z0-9_]*$"
LINE = r"^[^\x00-\x1f\x7f]*$"
WORD = r"^[^\x00-\x20\x7f-][^\x00-\x1f\x7f]*$"
RELATIVE = rf"^({_STEP}|\.)(/{_STEP})*/?$"
ABSOLUTE = rf"^(/{_STEP})+$"
GIT_REF = r"^[A-Za-z0-9_][A-Za-z0-9_./+@-]*$"
DEBIAN_PACKAGE = r"^[a-z0-9][a-z0-9+.-]+(:[a-z0-9-]+)?(=[A-Za-z0-9.+:~-]+)?$"
IMAGE = r"^[a-z0-9][A-Za-z0-9_.:/@-]*$"
IDENTIFIER = r"^[a-z][a-z0-9_-]*$"
USER = r"^[a-z_][a-z0-9_-]{0,31}$"
URL_PATH = r"^/[A-Za-z0-9._~/?&=%+,;:@!$*()-]*$"

WORDS: dict[str, str] = {
    NAME: "2 to 32 lower-case letters, digits and dashes, a letter first and no dash at the end",
    HOST_NAME: "a host name: lower-case letters, digits and dashes, no dash at either end",
    IPV4: "an IPv4 address such as 192.0.2.10",
    SUBNET: "a /24 network such as 10.203.7.0/24",
    ADDRESS_IN_NETWORK: "an IPv4 address with its network's length, such as 192.0.2.100/24",
    DOTTED_NAME: "a dotted Python name such as shop.settings",
    DOMAIN_NAME: "a domain name such as www.example.com",
    ENV_NAME: "an environment variable's name: capitals, digits and underscores, no digit first",
    LINE: "one line of text without control characters",
    WORD: "one line of text that does not begin with a dash or a space",
    RELATIVE: "a path inside the source, without '..' and without a slash at the start",
    ABSOLUTE: "an absolute path, without '..' and without a slash at the end",
    GIT_REF: "a git branch, tag or commit",
    DEBIAN_PACKAGE: "a Debian package name such as libpq5",
    IMAGE: "a container image such as debian:trixie",
    IDENTIFIER: "lower-case letters, digits, dashes and underscores, a letter first",
    USER: "a user name: lower-case letters, digits, dashes and underscores",
    URL_PATH: "a URL path that begins with a slash",
}
