"""What a refusal of LiteLLM means: from status and body to one of our errors.

Owns the reading of error bodies, which come in four shapes. Must not know which call was
refused, only whose key it carried.
"""

from __future__ import annotations

import ast
import json
import re
from dataclasses import dataclass
from typing import Any, Final, Literal

from gatewayctl.errors import (
    GatewayctlError,
    GatewayDatabaseMissing,
    GatewayRefused,
    GatewayUnreachable,
    KeyAliasExists,
    MasterKeyRefused,
    UnknownModel,
    UpstreamRefused,
    UpstreamTimeout,
    VirtualKeyRefused,
)
from gatewayctl.settings.masking import strip_keys

KeyRole = Literal["master", "virtual"]

_PREFIX: Final = re.compile(r"^litellm\.\w+: (?:\w+(?:Error|Exception): )*(?:\w+ - )?")
# LiteLLM ends upstream failures with "\n\nLiteLLM: model group 'x' failed with …".
_TRAILER: Final = re.compile(r"\s*(?:Deployment Info:|LiteLLM: model group).*", re.DOTALL)
_LONGEST: Final = 400
_NO_DATABASE: Final = re.compile(
    r"DB not connected|Database not connected|Not connected to DB|No connected db"
    r"|Prisma Client is not initialized|prisma client",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """What LiteLLM said: HTTP status and, where the body has them, type, param, message."""

    status: int
    message: str
    type: str = ""
    param: str = ""


def parse_refusal(status: int, body: bytes) -> Refusal:
    """Read an error body: the ``error`` envelope, ``detail``, a stringified dict, or text."""
    text = body.decode("utf-8", "replace")
    try:
        data: Any = json.loads(text)
    except ValueError:
        return Refusal(status=status, message=text)
    return parse_refusal_data(status, data)


def parse_refusal_data(status: int, data: Any) -> Refusal:
    """The same for a body that is parsed already, such as an event in a stream."""
    inner = data.get("error", data.get("detail", data)) if isinstance(data, dict) else data
    if not isinstance(inner, dict):
        return Refusal(status=status, message=_sentence_of(inner))
    code = str(inner.get("code") or "")
    return Refusal(
        status=int(code) if code.isdigit() and 400 <= int(code) < 600 else status,
        message=_sentence_of(inner.get("message", inner.get("error", inner))),
        type=str(inner.get("type") or ""),
        param=str(inner.get("param") or ""),
    )


def _sentence_of(value: Any) -> str:
    """The sentence in a message; HTTPException details arrive as ``str(dict)``."""
    if isinstance(value, str) and value.startswith("{"):
        try:
            value = ast.literal_eval(value)
        except (ValueError, SyntaxError, MemoryError, RecursionError):
            return str(value)
    if isinstance(value, dict):
        return str(value.get("error") or value.get("message") or value)
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def clean_message(refusal: Refusal) -> str:
    """LiteLLM's sentence without its class names, keys or control characters."""
    text = strip_keys(_PREFIX.sub("", _TRAILER.sub("", refusal.message)))
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"


def translate_refusal(refusal: Refusal, *, role: KeyRole, address: str) -> GatewayctlError:
    """The error that names the cause. Bodies as seen with LiteLLM 1.106.2."""
    return (
        _model_error(refusal)
        or _provider_error(refusal)
        or _database_error(refusal, role, address)
        or _key_error(refusal, role, address)
        or _other_error(refusal, address)
    )


def _model_error(refusal: Refusal) -> GatewayctlError | None:
    denied = refusal.type.endswith("_model_access_denied")
    if denied or "Invalid model name passed in" in refusal.message:
        return UnknownModel(f"The gateway refuses this model: {clean_message(refusal)}")
    return None


def _provider_error(refusal: Refusal) -> GatewayctlError | None:
    """LiteLLM prefixes what a provider said with its own exception's name."""
    if refusal.type == "all_deployments_in_cooldown":
        return UpstreamRefused(
            "The gateway rests this model after failures of its provider.",
            hint="Try again in a few seconds; the first failure said why.",
        )
    if not refusal.message.startswith("litellm."):
        return None
    timed_out = refusal.status in {408, 504} or "timeout" in refusal.message[:200].lower()
    if timed_out:
        return UpstreamTimeout(f"The provider did not answer in time: {clean_message(refusal)}")
    missing = "Missing credentials" in refusal.message
    if missing or "AuthenticationError" in refusal.message:
        error = UpstreamRefused(
            f"The provider refused the gateway's credentials: {clean_message(refusal)}",
            hint="Put the provider's real key into .env, then `gatewayctl restart litellm`.",
        )
        error.finding = "provider_key_missing" if missing else "provider_key_refused"
        return error
    return UpstreamRefused(f"The provider refused ({refusal.status}): {clean_message(refusal)}")


def _database_error(refusal: Refusal, role: KeyRole, address: str) -> GatewayctlError | None:
    no_connection = refusal.type == "no_db_connection"
    if no_connection and refusal.status == 400 and role == "master":
        # The real master key never asks the database, so this one is not it.
        return MasterKeyRefused(
            f"LiteLLM at {address} does not know this LITELLM_MASTER_KEY"
            " (and runs without a database)."
        )
    if no_connection or _NO_DATABASE.search(refusal.message):
        return GatewayDatabaseMissing(
            f"LiteLLM at {address} has no database: {clean_message(refusal)}",
        )
    return None


def _key_error(refusal: Refusal, role: KeyRole, address: str) -> GatewayctlError | None:
    if refusal.param == "key_alias" and "already exists" in refusal.message:
        return KeyAliasExists(clean_message(refusal))
    expired = refusal.type == "expired_key"
    if refusal.status != 401 and not expired and not (role == "master" and refusal.status == 403):
        return None
    # LiteLLM explains an unknown key with the key, its hash and the name of a table.
    unknown = refusal.type == "token_not_found_in_db"
    why = "it knows no such key" if unknown else clean_message(refusal)
    if role == "master":
        return MasterKeyRefused(f"LiteLLM at {address} refuses LITELLM_MASTER_KEY: {why}.")
    return VirtualKeyRefused(f"LiteLLM at {address} refuses the virtual key: {why}.")


def _other_error(refusal: Refusal, address: str) -> GatewayctlError:
    if refusal.message.lstrip().startswith("<"):
        return GatewayUnreachable(
            f"Something else than LiteLLM answers at {address} (HTTP {refusal.status}, HTML).",
            hint="Choose another port under ports: in gateway.yaml, or stop that program.",
        )
    return GatewayRefused(
        f"LiteLLM at {address} refused ({refusal.status}): {clean_message(refusal)}"
    )
