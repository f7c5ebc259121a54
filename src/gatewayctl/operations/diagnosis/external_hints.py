"""Hints about a gateway that others operate, in place of those that start or restart it.

Owns which hints do not fit. Must not know the commands.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from gatewayctl.errors import (
    EnvFileMissing,
    ExternallyManaged,
    GatewayctlError,
    GatewayDatabaseMissing,
    GatewayTimeout,
    MasterKeyRefused,
    PhoenixUnreachable,
    Refused,
    Unreachable,
    VirtualKeyMissing,
    VirtualKeyRefused,
)
from gatewayctl.operations.diagnosis.next_step import ASK_OWNER

_OWNERS: Final = re.compile(
    r"`gatewayctl (?:up|down|restart|logs|render|reset|restore|backup|upgrade|rollback)\b|ports:"
)
_ASK: Final = "Ask whoever runs the gateway: its log may have the cause."
_SENTENCE: Final = re.compile(r"(?<=[.;])\s+")
_VIRTUAL_KEY: Final = (
    "Put a virtual key of that gateway into .env, or declare one under keys: and run"
    " `gatewayctl keys sync`."
)
_HINTS: Final[Mapping[type[GatewayctlError], str]] = {
    MasterKeyRefused: "Put the master key of that gateway, or another key of an admin, into .env"
    " as LITELLM_MASTER_KEY.",
    **dict.fromkeys((VirtualKeyRefused, VirtualKeyMissing, EnvFileMissing), _VIRTUAL_KEY),
    GatewayDatabaseMissing: "Ask whoever runs the gateway: without a database it has no virtual"
    " keys and no spend logs.",
    GatewayTimeout: "Run the command again, or ask whoever runs the gateway.",
    PhoenixUnreachable: "Set or correct external.phoenix_url in gateway.yaml, and check the"
    " network.",
    Unreachable: ASK_OWNER,
}


def fit_remedy(text: str) -> str:
    """The text with the owner in place of the sentences that only the owner can follow."""
    rest = [each for each in _SENTENCE.split(text) if not _OWNERS.search(each)]
    return text if " ".join(rest) == text else " ".join([*rest, _ASK])


def fit_hint(error: GatewayctlError) -> None:
    """Replace the sentences of a hint that only the owner of the gateway can follow."""
    if isinstance(error, ExternallyManaged) or not _OWNERS.search(error.hint):
        return
    kind = next((kind for kind in type(error).__mro__ if kind in _HINTS), None)
    if kind is not None:
        error.hint = _HINTS[kind]
    elif isinstance(error, Refused):
        error.hint = fit_remedy(error.hint)
