"""What PostgreSQL stores in place of a password: a SCRAM verifier.

Owns how it is computed and compared. With it no statement contains a password. Must not know roles.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import os
import re
import stringprep
import unicodedata
from typing import Final

_ITERATIONS: Final = 4096
_FORM: Final = re.compile(r"SCRAM-SHA-256\$(\d{1,9}):([^$:]+)\$[^:]+:.+")


def make_verifier(
    password: str, *, salt: bytes | None = None, iterations: int = _ITERATIONS
) -> str:
    """Compute what PostgreSQL stores for a password (RFC 5803, scram-sha-256)."""
    salt = salt or os.urandom(16)
    salted = hashlib.pbkdf2_hmac("sha256", _prepare(password).encode(), salt, iterations)
    client = hmac.digest(salted, b"Client Key", "sha256")
    stored = hashlib.sha256(client).digest()
    server = hmac.digest(salted, b"Server Key", "sha256")
    b64 = [base64.b64encode(part).decode() for part in (salt, stored, server)]
    return f"SCRAM-SHA-256${iterations}:{b64[0]}${b64[1]}:{b64[2]}"


def _prepare(password: str) -> str:
    """Normalize as PostgreSQL and its clients do (SASLprep, RFC 4013, without its refusals)."""
    signs = (" " if stringprep.in_table_c12(sign) else sign for sign in password)
    kept = "".join(sign for sign in signs if not stringprep.in_table_b1(sign))
    return unicodedata.normalize("NFKC", kept)


def is_verifier_of(stored: str, password: str) -> bool:
    """True if PostgreSQL accepts the password; False for a verifier of another kind."""
    found = _FORM.fullmatch(stored)
    if found is None:
        return False
    try:
        salt = base64.b64decode(found[2], validate=True)
    except binascii.Error:
        return False
    return hmac.compare_digest(make_verifier(password, salt=salt, iterations=int(found[1])), stored)
