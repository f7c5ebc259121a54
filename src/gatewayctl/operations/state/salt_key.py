"""Detects that the salt key is not the one LiteLLM's database was created with.

LiteLLM starts with any salt key but can decrypt stored values only with the old one, so a change
must be detected here. It is the only secret that cannot be replaced: a lost one is recovered from a
LiteLLM that still has it. Owns the file that records the key: a slow salted hash, from which the
key cannot be recovered. Must not know how databases are created.
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
from gatewayctl.runtimes.base import Runtime
from gatewayctl.runtimes.runtime_marker import read_runtime
from gatewayctl.settings.model import Secret, Settings
from gatewayctl.settings.overrides import advise_unset

NAME: Final = "LITELLM_SALT_KEY"
_ITERATIONS: Final = 60_000
_MAX_ITERATIONS: Final = 10_000_000
_RECOVER: Final = (
    "Run `gatewayctl up`, which recovers it from a LiteLLM that still has it, or says what to do."
)


def require_same_salt_key(settings: Settings) -> None:
    """Raise SaltKeyChanged if another key was recorded; a project without a record passes."""
    if has_changed(settings):
        is_missing = settings.secrets.salt_key is None
        raise _change_error(settings, hint=_RECOVER if is_missing else None)


def recover_salt_key(settings: Settings, runtime: Runtime) -> Secret | None:
    """Find the key that is missing in .env; None if it is set, or no data needs it yet.

    Changes nothing. Raises SaltKeyChanged if data needs a key that no LiteLLM has any more, and
    RuntimeProblem.
    """
    if settings.secrets.salt_key is not None or not _is_needed(settings, runtime):
        return None
    found = runtime.find_salt_key()
    if found is None or _differs(settings, found):
        raise _change_error(settings)
    return found


def describe_change(settings: Settings) -> str:
    """Describe a key that is missing, or is not the recorded one."""
    if settings.secrets.salt_key is None:
        return f"{NAME} is not set, and LiteLLM's database was created with one"
    source = settings.source_of(NAME)
    return f"{NAME} (from {source}) is not the key LiteLLM's database was created with"


def has_changed(settings: Settings) -> bool:
    """True if the database was created with another salt key than the current one."""
    return _differs(settings, settings.secrets.salt_key)


def is_recorded(settings: Settings) -> bool:
    """True if a database was created in this project."""
    return _file(settings).exists()


def record_salt_key(settings: Settings, *, overwrite: bool = False) -> None:
    """Record the key of the current database; an existing record stays unless ``overwrite``.

    A full disk is not an error: then no key is recorded, rather than another one.
    """
    key = settings.secrets.salt_key
    if key is None or (is_recorded(settings) and not overwrite):
        return
    salt = secrets.token_bytes(16)
    digest = _hash(key, salt, _ITERATIONS)
    kept = {"salt": salt.hex(), "iterations": _ITERATIONS, "digest": digest.hex()}
    try:
        write_atomically(_file(settings), json.dumps(kept).encode(), mode=0o600)
    except FileUnwritable:
        with suppress(OSError):
            forget(settings)


def forget(settings: Settings) -> None:
    """Delete the record, after the database was deleted."""
    _file(settings).unlink(missing_ok=True)


def _change_error(settings: Settings, *, hint: str | None = None) -> SaltKeyChanged:
    message = f"{describe_change(settings)}: values it stored encrypted could not be decrypted."
    if settings.source_of(NAME).is_environment:
        hint = f"{advise_unset(NAME)} {_RECOVER}"
    return SaltKeyChanged(message, hint=hint)


def _is_needed(settings: Settings, runtime: Runtime) -> bool:
    """True if LiteLLM may have stored values; after a first start that failed there are none."""
    if is_recorded(settings):
        return True
    return read_runtime(settings.state_dir) is None and runtime.has_data()


def _differs(settings: Settings, key: Secret | None) -> bool:
    """True if another key is recorded; an unreadable record counts as none."""
    try:
        found = parse_json(_file(settings).read_text(encoding="utf-8"))
        salt, digest = bytes.fromhex(found["salt"]), bytes.fromhex(found["digest"])
        iterations = int(found["iterations"])
        if not 0 < iterations <= _MAX_ITERATIONS:
            return False
    except (OSError, ValueError, KeyError, TypeError):
        return False
    return key is None or not hmac.compare_digest(_hash(key, salt, iterations), digest)


def _hash(key: Secret, salt: bytes, iterations: int) -> bytes:
    return hashlib.pbkdf2_hmac("sha256", key.reveal().encode(), salt, iterations)


def _file(settings: Settings) -> Path:
    return settings.state_dir / "salt_key.json"
