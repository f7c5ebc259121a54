"""The address of a gateway that others operate, and of the Phoenix that has its traces.

Owns what such an address may be. Must not know who asks the gateway.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

_API: Final = ("/v1", "/ui", "/chat/completions")
"""Ends of addresses that are copied from applications and browsers."""
NO_PHOENIX: Final = "Set external.phoenix_url in gateway.yaml, if the gateway has a Phoenix."
"""A hint."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExternalGateway:
    """Addresses without a final slash, possibly with a path; empty if not known."""

    url: str = ""
    phoenix_url: str = ""


def explain_invalid_url(value: Any) -> str:
    """Why a value is no address, as the end of a sentence that starts with the setting."""
    usual = "must be an address such as https://gateway.example.com"
    try:
        url = urlsplit(value if isinstance(value, str) else "")
        usable = url.scheme in {"http", "https"} and url.hostname and url.port != 0
    except ValueError:
        return usual
    if not usable or not str(value).isascii() or any(sign.isspace() for sign in value):
        return usual
    if url.username is not None or url.password is not None:
        return "must not contain a user or a password: keys go into .env"
    if url.query or url.fragment:
        return "must end with its path: it has a part after ? or #"
    if url.path.rstrip("/").endswith(_API):
        return "must be the address of the gateway itself, without /v1 or /ui"
    return ""
