"""Whether the salt key is still the one that LiteLLM's database was made with.

LiteLLM starts with any salt key and reads what it stored with none but the old one, so the change
must be found here. Owns the file that remembers it: a slow hash with a salt of its own, from which
no key can be had. Must not know how databases are made.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
from contextlib import suppress
from pathlib import Path
from typing import Final

from gatewayctl.errors import FileUnwritable, SaltKeyChanged
from gatewayctl.rendering.atomic import write_atomically
from gatewayctl.settings.model import Secret, Settings

NAME: Final = "LITELLM_SALT_KEY"
_ITERATIONS: Final = 60_000


def require_same_salt_key(settings: Settings) -> None:
    """Raises SaltKeyChanged where another key was remembered; a project without one is fine."""
    if has_changed(settings):
        raise SaltKeyChanged(
            f"{NAME} (from {settings.source_of(NAME)}) is not the one LiteLLM's database was "
            "made with: what it stored encrypted could not be read."
        )


def has_changed(settings: Settings) -> bool:
    """True where the database was made with another salt key than the one of now."""
    key = settings.secrets.salt_key
    try:
        found = json.loads(_file(settings).read_text(encoding="utf-8"))
        salt, digest = bytes.fromhex(found["salt"]), bytes.fromhex(found["digest"])
        iterations = int(found["iterations"])
    except (OSError, ValueError, KeyError, TypeError):
        return False
    return key is None or not hmac.compare_digest(_hash(key, salt, iterations), digest)


def is_recorded(settings: Settings) -> bool:
    """True where a database was made."""
    return _file(settings).exists()


def record_salt_key(settings: Settings, *, anew: bool = False) -> None:
    """Remember the key of a database that is there now; ``anew`` also where one is known.

    A disk that is full keeps it from being remembered, and nothing else.
    """
    key = settings.secrets.salt_key
    if key is None or (is_recorded(settings) and not anew):
        return
    salt = secrets.token_bytes(16)
    digest = _hash(key, salt, _ITERATIONS)
    kept = {"salt": salt.hex(), "iterations": _ITERATIONS, "digest": digest.hex()}
    with suppress(FileUnwritable):
        write_atomically(_file(settings), json.dumps(kept).encode(), mode=0o600)


def forget(settings: Settings) -> None:
    """Forget it: the database is gone."""
    _file(settings).unlink(missing_ok=True)


def _hash(key: Secret, salt: bytes, iterations: int) -> bytes:
    return hashlib.pbkdf2_hmac("sha256", key.reveal().encode(), salt, iterations)


def _file(settings: Settings) -> Path:
    return settings.state_dir / "salt_key.json"
