"""No certificate has ended or ends soon."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from datetime import UTC, datetime

from massive_deploy.audit.check import Finding, Skipped, Subject

LOOKS_AT = "certificates among the managed files and in folders named massive-deploy below /etc; never their keys"
WHY = "on the day one ends, everything that checks it stops"

SOON = 14
"""Days a certificate must still last."""
_KINDS = (".pem", ".crt")
_FILE = re.compile(r"^file (.*)$", re.MULTILINE)
_PEM = re.compile(r"-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----", re.DOTALL)
_OTHERS = "/usr/local/share/ca-certificates/"


def script(subject: Subject) -> str:
    """Each file's name and the certificates in it."""
    managed = (file.path for file in subject.files if file.path.endswith(_KINDS))
    paths = shlex.join(sorted(path for path in managed if not path.startswith(_OTHERS)))
    return f"""
{{
    printf '%s\\n' {paths or "''"}
    find /etc -path '*massive-deploy/*' \\( -name '*.pem' -o -name '*.crt' \\)
}} | sort -u | while read -r file; do
    [ -f "$file" ] || continue
    echo "file $file"
    sed -n '/-----BEGIN CERTIFICATE-----/,/-----END CERTIFICATE-----/p' "$file"
done
echo done
"""


def judge(subject: Subject, seen: str) -> Iterator[Finding]:
    """Certificates that have ended, end soon, or cannot be read."""
    from cryptography import x509

    files = list(_FILE.finditer(seen))
    if not files:
        raise Skipped("no certificate here")
    for number, found in enumerate(files):
        end = files[number + 1].start() if number + 1 < len(files) else len(seen)
        for pem in _PEM.findall(seen[found.end() : end]):
            try:
                until = x509.load_pem_x509_certificate(pem.encode()).not_valid_after_utc
            except ValueError:
                yield Finding(f"{found[1]} holds no certificate that can be read", subject.up)
                continue
            days = (until - datetime.fromtimestamp(subject.now, UTC)).total_seconds() / 86400
            if days < SOON:
                how = f"has ended on {until:%Y-%m-%d}" if days < 0 else f"ends in {days:.0f} days, on {until:%Y-%m-%d}"
                yield Finding(f"{found[1]} {how}", subject.up)
