"""Detects that the salt key is not the one LiteLLM's database was created with.

LiteLLM starts with any salt key but can decrypt stored values only with the old one, so a change
must be detected here. Owns the file that records the key: a slow salted hash, from which the key
cannot be recovered. Must not know how databases are created.
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
from gatewayctl.files.atomic import write_atomically
from gatewayctl.files.json_text import parse_json
from gatewayctl.settings.model import Secret, Settings

NAME: Final = "LITELLM_SALT_KEY"
_ITERATIONS: Final = 60_000
_MAX_ITERATIONS: Final = 10_000_000


def require_same_salt_key(settings: Settings) -> None:
    """Raise SaltKeyChanged if another key was recorded; a project without a record passes."""
    if has_changed(settings):
        raise SaltKeyChanged(
            f"{NAME} (from {settings.source_of(NAME)}) is not the key LiteLLM's database was "
            "created with: values it stored encrypted could not be decrypted."
        )


def has_changed(settings: Settings) -> bool:
    """True if the database was created with another salt key than the current one."""
    key = settings.secrets.salt_key
    try:
        found = parse_json(_file(settings).read_text(encoding="utf-8"))
        salt, digest = bytes.fromhex(found["salt"]), bytes.fromhex(found["digest"])
        iterations = int(found["iterations"])
        if not 0 < iterations <= _MAX_ITERATIONS:
            return False
    except (OSError, ValueError, KeyError, TypeError):
        return False
    return key is None or not hmac.compare_digest(_hash(key, salt, iterations), digest)


def is_recorded(settings: Settings) -> bool:
    """True if a database was created in this project."""
    return _file(settings).exists()


def record_salt_key(settings: Settings, *, overwrite: bool = False) -> None:
    """Record the key of the current database; an existing record stays unless ``overwrite``.

    A full disk is not an error: the key is then not recorded.
    """
    key = settings.secrets.salt_key
    if key is None or (is_recorded(settings) and not overwrite):
        return
    salt = secrets.token_bytes(16)
    digest = _hash(key, salt, _ITERATIONS)
    kept = {"salt": salt.hex(), "iterations": _ITERATIONS, "digest": digest.hex()}
    with suppress(FileUnwritable):
        write_atomically(_file(settings), json.dumps(kept).encode(), mode=0o600)


def forget(settings: Settings) -> None:
    """Delete the record, after the database was deleted."""
    _file(settings).unlink(missing_ok=True)


def _hash(key: Secret, salt: bytes, iterations: int) -> bytes:
    return hashlib.pbkdf2_hmac("sha256", key.reveal().encode(), salt, iterations)


def _file(settings: Settings) -> Path:
    return settings.state_dir / "salt_key.json"
