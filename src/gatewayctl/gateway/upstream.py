"""What a provider's failure is, from what LiteLLM reports of it.

Owns the words of LiteLLM 1.106.2 and of providers, as seen. Must not know which model was called,
nor where it is served.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from gatewayctl.errors import UpstreamRefused, UpstreamTimeout, UpstreamUnreachable

UpstreamError = UpstreamRefused | UpstreamTimeout | UpstreamUnreachable
_READ: Final = 400
"""Characters: the class names and the beginning of the message, not what it quotes."""


def _pattern(*alternatives: str) -> re.Pattern[str]:
    return re.compile("|".join(alternatives), re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Kind:
    """A failure with one of these statuses, or whose message matches.

    ``says`` begins the message, before the provider's own. ``hint`` is for a model with a key.
    """

    says: str
    hint: str
    statuses: frozenset[int] = frozenset()
    message: re.Pattern[str] | None = None
    error: type[UpstreamError] = UpstreamRefused
    finding: str | None = None

    def matches(self, status: int, message: str) -> bool:
        by_message = self.message is not None and self.message.search(message) is not None
        return by_message or status in self.statuses


_KEY_HINT: Final = "Put the provider's real key into .env, then `gatewayctl restart litellm`."
# The first that matches: LiteLLM reports some as 400 or 500, with the cause in the message only.
_KINDS: Final = (
    _Kind(
        says="The provider refused the gateway's credentials",
        hint=_KEY_HINT,
        message=_pattern("Missing credentials"),
        finding="provider_key_missing",
    ),
    _Kind(
        says="The provider refused the gateway's credentials",
        hint=_KEY_HINT,
        statuses=frozenset({401}),
        message=_pattern(r"^litellm\.AuthenticationError"),
        finding="provider_key_refused",
    ),
    _Kind(
        says="The prompt is too long for the model",
        hint="Shorten the prompt, or choose a model with a larger context window.",
        message=_pattern(
            "ContextWindowExceededError", "maximum context length", "context_length_exceeded",
            "prompt is too long", "context window", "Request too large",
        ),
    ),
    _Kind(
        says="The provider's content policy refused the prompt",
        hint="Rephrase the prompt, or choose another model.",
        message=_pattern(
            "ContentPolicyViolationError", "content management policy", "content_policy_violation",
            "ResponsibleAIPolicyViolation", "our safety system",
        ),
    ),
    _Kind(
        says="The provider did not answer in time",
        hint=UpstreamTimeout.remedy,
        statuses=frozenset({408, 504}),
        message=_pattern(r"^litellm\.Timeout", r"\btimed out\b", r"\btimeout on\b"),
        error=UpstreamTimeout,
    ),
    _Kind(
        says="The provider cannot be reached",
        hint=UpstreamUnreachable.remedy,
        message=_pattern(r"- Connection error\.", "Cannot connect to host", "Connection refused"),
        error=UpstreamUnreachable,
    ),
    _Kind(
        says="The provider denies access to the model or the region",
        hint="Check what the provider's account may use.",
        statuses=frozenset({403}),
    ),
    _Kind(
        says="The provider has no such model at this address",
        hint="Correct the model's model: or api_base: in gateway.yaml, then `gatewayctl up`.",
        statuses=frozenset({404}),
    ),
    _Kind(
        says="The provider's quota is used up",
        hint="Check the plan and the balance of the provider's account.",
        statuses=frozenset({402}),
        message=_pattern("exceeded your current quota", "insufficient_quota"),
    ),
    _Kind(
        says="The provider's rate limit is reached",
        hint="Wait and try again, or send fewer requests.",
        statuses=frozenset({413, 429}),
    ),
    _Kind(
        says="The provider failed",
        hint="Try again later. The provider's status page or its own log has the cause.",
        statuses=frozenset(range(500, 600)),
    ),
)  # fmt: skip
_OTHER: Final = _Kind(
    says="The provider refused the request",
    hint="Correct the request, or the model's parameters in gateway.yaml.",
)

# How a connection fails, in the words of Python, aiohttp, httpx and OpenSSL.
_CONNECTION_CAUSES: Final = (
    (
        _pattern("gaierror", "Name or service not known", "name resolution",
                 "No address associated", "nodename nor servname", "getaddrinfo failed",
                 "Domain name not found"),
        "its host name cannot be resolved",
        "Check the DNS and network of the gateway, and the model's api_base: if it has one.",
    ),
    (
        _pattern("CERTIFICATE_VERIFY_FAILED", "certificate verify failed"),
        "its TLS certificate is not trusted",
        ("Give gateway.yaml the authority of a company's proxy or server as ca_bundle: (PEM); the "
         "certificate must be made for the host in api_base."),
    ),
    (
        _pattern(r"\[SSL", "SSLError", "_on_handshake_complete", "wrong version number"),
        "the TLS handshake failed",
        "Check api_base: in gateway.yaml: the server may speak http:// instead of https://.",
    ),
    (
        _pattern("Connection refused", "Connect call failed", "ConnectionRefusedError"),
        "the connection was refused",
        "Start the server at that address, or correct api_base: in gateway.yaml.",
    ),
    (
        _pattern("Network is unreachable", "No route to host", "ConnectTimeout"),
        "the network does not lead there",
        "Check the network and firewall between the gateway and that address.",
    ),
    (
        _pattern("ConnectionResetError", "Connection reset", "disconnected", "RemoteProtocolError",
                 "closed connection", "ServerDisconnectedError", "ClientPayloadError"),
        "it closed the connection",
        "Check api_base: in gateway.yaml (the server may speak https://), and the server's log.",
    ),
)  # fmt: skip


def translate_upstream(status: int, message: str, detail: str) -> UpstreamError:
    """The error for a failure of the provider. ``detail`` is the provider's own message."""
    begin = message[:_READ]
    kind = next((kind for kind in _KINDS if kind.matches(status, begin)), _OTHER)
    if kind.error is UpstreamUnreachable:
        return connection_error(begin) or UpstreamUnreachable(f"{kind.says}.")
    # These two say what the status says.
    shown = "" if kind.finding or kind.error is UpstreamTimeout else f" ({status})"
    error = kind.error(f"{kind.says}{shown}: {detail}", hint=kind.hint)
    error.finding = kind.finding
    return error


def connection_error(text: str) -> UpstreamUnreachable | None:
    """The error for a failed connection, from a message or a traceback; None if unknown."""
    for pattern, why, hint in _CONNECTION_CAUSES:
        if pattern.search(text):
            return UpstreamUnreachable(f"The provider cannot be reached: {why}.", hint=hint)
    return None
