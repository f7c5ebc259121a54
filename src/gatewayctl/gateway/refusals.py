"""Error answers of LiteLLM, translated from status and body to one of our errors.

Owns the parsing of error bodies, which come in four shapes. Must not know which call was
refused, only the role of the key it carried.
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
    GuardrailBlocked,
    KeyAliasExists,
    LicenseMissing,
    MasterKeyRefused,
    RouteRefused,
    UnknownModel,
    UpstreamRefused,
    VirtualKeyRefused,
)
from gatewayctl.gateway.guardrails import find_guardrail
from gatewayctl.settings.masking import strip_keys
from gatewayctl.transport import parse_json

KeyRole = Literal["master", "virtual"]

# «litellm.BadRequestError: litellm.X: X: OpenAIException - Error code: 404 - » before a message.
_PREFIX: Final = re.compile(
    r"^litellm\.\w+: (?:(?:litellm\.)?(?:\w+(?:Error|Exception)|Timeout Error|Timeout): )*"
    r"(?:\w+ - )?(?:litellm\.\w+: )?(?:Error code: \d+ - )?"
)
# What LiteLLM adds after it.
_TRAILER: Final = re.compile(
    r"\s*(?:Deployment Info:|LiteLLM: model group|model=\S+ \w+_fallbacks?=|Traceback \(most"
    r"|Error_str:|\. Handle with `litellm).*",
    re.DOTALL,
)
_LICENSE: Final = re.compile(
    r"Enterprise (?:users|feature)|enterprise license|premium (?:user|feature)"
)
_EXPIRY: Final = re.compile(r"Key Expiry time (\d{4}-\d\d-\d\d \d\d:\d\d)")
_TAG: Final = re.compile(r"<[^>]*>")
_LONGEST: Final = 400
_NO_DATABASE: Final = re.compile(
    r"DB not connected|Database not connected|Not connected to DB|No connected db"
    r"|Prisma Client is not initialized|prisma client",
    re.IGNORECASE,
)


_HTTP_ERROR: Final = re.compile("[45][0-9][0-9]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """LiteLLM's error: HTTP status and, if the body has them, type, param, message.

    ``guardrail`` is the name of the guardrail that blocked the request, ``?`` if it has none.
    """

    status: int
    message: str
    type: str = ""
    param: str = ""
    guardrail: str = ""


def parse_refusal(status: int, body: bytes) -> Refusal:
    """Parse an error body: the ``error`` envelope, ``detail``, a stringified dict, or text."""
    data = parse_json(body)
    if data is None:
        return Refusal(status=status, message=body.decode("utf-8", "replace"))
    return parse_refusal_data(status, data)


def parse_refusal_data(status: int, data: Any) -> Refusal:
    """Parse a body that is JSON data already, such as an event of a stream."""
    inner = data.get("error", data.get("detail", data)) if isinstance(data, dict) else data
    if not isinstance(inner, dict):
        return Refusal(status=status, message=_sentence_of(inner), guardrail=find_guardrail(inner))
    code = str(inner.get("code") or "")
    return Refusal(
        status=int(code) if _HTTP_ERROR.fullmatch(code) else status,
        message=_sentence_of(inner.get("message", inner.get("error", inner))),
        type=str(inner.get("type") or ""),
        param=str(inner.get("param") or ""),
        guardrail=find_guardrail(inner.get("message"), inner.get("provider_specific_fields")),
    )


def _sentence_of(value: Any) -> str:
    """The sentence of a message; HTTPException details arrive as ``str(dict)``."""
    if isinstance(value, str) and value.startswith("{"):
        try:
            value = ast.literal_eval(value)
        except (ValueError, SyntaxError, MemoryError, RecursionError):
            return str(value)
    if isinstance(value, dict):
        return str(value.get("error") or value.get("message") or value)
    if isinstance(value, str):
        return value
    # A Python literal can be what JSON has no form for, such as a set.
    return json.dumps(value, ensure_ascii=False, default=str)


def clean_message(refusal: Refusal) -> str:
    """The sentence without class names, markup, keys and control characters."""
    text = _unwrap(_PREFIX.sub("", _TRAILER.sub("", refusal.message)))
    if text.lstrip().startswith("<"):
        text = " ".join(_TAG.sub(" ", text).split())
    text = strip_keys(text)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"


def _unwrap(text: str) -> str:
    """The message in a provider's body, which LiteLLM quotes as JSON or a Python literal."""
    if not text.startswith(("{", "b'", 'b"')):
        return text
    try:
        body: Any = json.loads(text)
    except (ValueError, RecursionError):
        try:
            literal = ast.literal_eval(text)
            body = json.loads(literal) if isinstance(literal, bytes) else literal
        except (ValueError, SyntaxError, MemoryError, RecursionError):
            return text
    return parse_refusal_data(0, body).message


def translate_refusal(refusal: Refusal, *, role: KeyRole, address: str) -> GatewayctlError:
    """Find the error for the cause. Bodies as seen with LiteLLM 1.106.2."""
    return (
        _guardrail_error(refusal)
        or _model_error(refusal)
        or _provider_error(refusal)
        or _license_error(refusal)
        or _limit_error(refusal, role)
        or _database_error(refusal, role, address)
        or _key_error(refusal, role, address)
        or _other_error(refusal, address)
    )


def other_service(address: str, why: str) -> GatewayUnreachable:
    """The error for an answer that is not LiteLLM's."""
    return GatewayUnreachable(
        f"The port is used by another service: {address} {why}.",
        hint="Choose another port under ports: in gateway.yaml, or stop that service.",
    )


def _guardrail_error(refusal: Refusal) -> GatewayctlError | None:
    if not refusal.guardrail:
        return None
    name = "" if refusal.guardrail == "?" else f" {refusal.guardrail!r}"
    return GuardrailBlocked(
        f"A guardrail{name} of the gateway blocked the request: {clean_message(refusal)}"
    )


def _model_error(refusal: Refusal) -> GatewayctlError | None:
    denied = refusal.type.endswith("_model_access_denied")
    if refusal.type == "team_model_access_denied":
        return UnknownModel(f"The key's team may not use this model: {clean_message(refusal)}")
    if denied or "Invalid model name passed in" in refusal.message:
        return UnknownModel(f"The gateway refuses this model: {clean_message(refusal)}")
    return None


def _provider_error(refusal: Refusal) -> GatewayctlError | None:
    """LiteLLM prefixes a provider's error with the name of its own exception."""
    if refusal.type == "all_deployments_in_cooldown":
        return UpstreamRefused(
            "Model is in cooldown after failures of its provider.",
            hint="Try again in a few seconds. The first failure reports the cause.",
        )
    if not refusal.message.startswith("litellm."):
        return None
    # Here and below: patterns that only a refusal needs, and every command loads this module.
    from gatewayctl.gateway.upstream import translate_upstream

    return translate_upstream(refusal.status, refusal.message, clean_message(refusal))


def _database_error(refusal: Refusal, role: KeyRole, address: str) -> GatewayctlError | None:
    no_connection = refusal.type == "no_db_connection"
    if no_connection and refusal.status == 400 and role == "master":
        # LiteLLM looks up every key but the right master key in the database.
        return MasterKeyRefused(
            f"LiteLLM at {address} refuses this LITELLM_MASTER_KEY (and runs without a database)."
        )
    if no_connection or _NO_DATABASE.search(refusal.message):
        message = f"LiteLLM at {address} has no database: {clean_message(refusal)}"
        return GatewayDatabaseMissing(message)
    return None


def _license_error(refusal: Refusal) -> GatewayctlError | None:
    if not _LICENSE.search(refusal.message):
        return None
    why = clean_message(refusal).partition(" You must be")[0].removesuffix(".")
    return LicenseMissing(f"LiteLLM refuses this without an Enterprise license: {why}.")


def _limit_error(refusal: Refusal, role: KeyRole) -> GatewayctlError | None:
    from gatewayctl.gateway.limit_refusals import translate_limit

    found = translate_limit(refusal.type, refusal.message)
    # A key without an admin's rights in place of the master key is a wrong master key.
    return None if role == "master" and isinstance(found, RouteRefused) else found


def _key_error(refusal: Refusal, role: KeyRole, address: str) -> GatewayctlError | None:
    if refusal.param == "key_alias" and "already exists" in refusal.message:
        return KeyAliasExists(clean_message(refusal))
    if "is not a member of the team" in refusal.message:
        return GatewayRefused(
            f"LiteLLM refuses a key of a team that its user is not in: {clean_message(refusal)}",
            hint="Add the user to members: of the team in gateway.yaml.",
        )
    expired = refusal.type == "expired_key"
    if refusal.status != 401 and not expired and not (role == "master" and refusal.status == 403):
        return None
    # LiteLLM's own message for an unknown key contains the key, its hash and a table name.
    unknown = refusal.type == "token_not_found_in_db"
    why = "unknown key" if unknown else clean_message(refusal)
    if expiry := _EXPIRY.search(refusal.message):
        why = f"it expired on {expiry[1]} UTC"
    if role == "master":
        return MasterKeyRefused(f"LiteLLM at {address} refuses LITELLM_MASTER_KEY: {why}.")
    from gatewayctl.gateway.limit_refusals import THIS_KEY

    return VirtualKeyRefused(f"LiteLLM at {address} refuses {THIS_KEY}: {why}.")


def _other_error(refusal: Refusal, address: str) -> GatewayctlError:
    if refusal.message.lstrip().startswith("<"):
        return other_service(address, f"answers with HTML (HTTP {refusal.status})")
    message = f"LiteLLM at {address} refused ({refusal.status}): {clean_message(refusal)}"
    return GatewayRefused(message)
