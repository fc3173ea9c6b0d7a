"""SCRAM verifiers made here, so that no password is ever sent in a statement (RFC 5803)."""

from __future__ import annotations

import base64
import hashlib
import hmac

ITERATIONS = 4096


def verifier(password: str, salt: bytes) -> str:
    """What PostgreSQL stores in pg_authid for this password (letters and digits only) and salt."""
    salted = hashlib.pbkdf2_hmac("sha256", password.encode(), salt, ITERATIONS)
    stored = hashlib.sha256(_mac(salted, b"Client Key")).digest()
    server = _mac(salted, b"Server Key")
    return f"SCRAM-SHA-256${ITERATIONS}:{_text(salt)}${_text(stored)}:{_text(server)}"


def _mac(key: bytes, message: bytes) -> bytes:
    return hmac.new(key, message, hashlib.sha256).digest()


def _text(raw: bytes) -> str:
    return base64.b64encode(raw).decode()
