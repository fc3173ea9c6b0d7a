"""The cases in tests/vcl: each is a varnishtest file that runs against the very VCL a host would get."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
CASES = ROOT / "tests/vcl"
MAIN = "/etc/varnish/default.vcl"
# Without optimisation: half of a case's time is the compiler's. Without JIT, as on hosts, where the unit forbids it.
PARAMETERS = (
    'cc_command="%D -O0 -w"',
    "pcre2_jit_compilation=off",
    "default_ttl=0",
    "http_resp_hdr_len=32k",
)
LISTEN = ("edge=${tmpdir}/edge.sock", "loopback=127.0.0.1:0", "purge=127.0.0.1:0")
WORDS = [f"-a {one}" for one in LISTEN] + [f"-p {one}" for one in PARAMETERS]
START = "varnish v1 " + " ".join(f"-arg {{{one}}}" for one in WORDS) + " -vcl {\n%s\n} -start"


def cases() -> list[Path]:
    """All of them, sorted."""
    return sorted(CASES.glob("*.vtc"))


def files(settings: dict[str, Any], apps: int, hooks: dict[str, str]) -> dict[str, str]:
    """What the role writes below /etc/varnish in a stack of so many app hosts and one edge, by path."""
    sys.path.insert(0, str(ROOT))
    from tests.unit.roles.web_stack import PLACED, desired

    names = ("app-1", "app-2")[:apps]
    placed = {**PLACED, "app": names, "release": names}
    wanted = desired("varnish", "edge-1", settings={"varnish": settings}, placed=placed)
    found = {file.path: file.content for file in wanted.files if file.path.startswith("/etc/varnish/")}
    for name, body in hooks.items():
        found[f"/etc/varnish/user/{name}.vcl"] = f"sub user_{name} {{\n{body}\n}}\n"
    return found


def flat(found: dict[str, str]) -> str:
    """The main file with everything it includes."""
    return re.sub(r'^include "\./(.*?)";$', lambda m: found[f"/etc/varnish/{m[1]}"], found[MAIN], flags=re.MULTILINE)


def expanded(case: Path) -> str:
    """The text of a case for varnishtest, its hosts being the case's servers.

    Lines at its beginning may say: `# settings: {...}` of the role, `# apps: 2`, `# hooks: {name: body}`,
    `# gone: 2` for an app host that refuses connections, and `# purgers: others` where this machine may not purge.
    """
    text = case.read_text(encoding="utf-8")
    said = dict(re.findall(r"^# (settings|apps|gone|hooks|purgers): (.*)$", text, re.MULTILINE))
    apps = int(said.get("apps", "1"))
    vcl = flat(files(json.loads(said.get("settings", "{}")), apps, json.loads(said.get("hooks", "{}"))))
    # Health is what the case says it is.
    vcl = re.sub(r"^probe health \{.*?^\}\n", "", vcl, flags=re.MULTILINE | re.DOTALL).replace(".probe = health;", "")
    for n in range(1, apps + 1):
        here = ("127.0.0.1", "9") if said.get("gone") == str(n) else (f"${{s{n}_addr}}", f"${{s{n}_port}}")
        vcl = re.sub(rf'"192\.0\.2\.{n}";\s*\.port = "8000";', f'"{here[0]}"; .port = "{here[1]}";', vcl)
    if said.get("purgers") != "others":
        vcl = re.sub(r"(acl purgers \{\n)", r'\1    "127.0.0.1";\n', vcl)
    return text.replace("@VARNISH@", START.replace("\n%s\n", f"\n{vcl}\n"))
