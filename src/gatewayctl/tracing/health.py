"""Checks whether Phoenix is ready, and which version it is.

Owns the interpretation of /healthz. Must not know processes: those belong to the runtime.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

import httpx

from gatewayctl.transport import FailureKind, HttpAnswer, TransportFailure, request

PhoenixState = Literal["ready", "starting", "unreachable", "other_service"]

VERSION_HEADER: Final = "x-phoenix-server-version"
_TIMEOUT: Final = httpx.Timeout(3, connect=2)
"""Seconds."""
# Docker's port forwarder accepts, then disconnects, until Phoenix listens behind it.
_STATES: Final[Mapping[FailureKind, PhoenixState]] = {
    "unreachable": "unreachable",
    "timeout": "starting",
    "disconnected": "starting",
    "invalid": "other_service",
    "too_long": "other_service",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class PhoenixReadiness:
    """The result of one check; ``version`` if Phoenix answered, ``detail`` for people."""

    state: PhoenixState
    detail: str
    version: str | None = None

    @property
    def ready(self) -> bool:
        return self.state == "ready"


def check_phoenix(http: httpx.Client, url: str) -> PhoenixReadiness:
    """Ask /healthz once. Failures are part of the result, not raised.

    Phoenix sends its version in a header of every answer; an answer without it comes from another
    service.
    """
    try:
        answer = request(http, "GET", f"{url}/healthz", timeout=_TIMEOUT)
    except TransportFailure as failure:
        return PhoenixReadiness(state=_STATES[failure.kind], detail=failure.detail)
    return _interpret(answer)


def _interpret(answer: HttpAnswer) -> PhoenixReadiness:
    version = answer.headers.get(VERSION_HEADER)
    if version is None:
        detail = f"HTTP {answer.status} without Phoenix's version"
        return PhoenixReadiness(state="other_service", detail=detail)
    if answer.status == 200:
        return PhoenixReadiness(state="ready", detail="answers", version=version)
    detail = f"HTTP {answer.status}"
    return PhoenixReadiness(state="starting", detail=detail, version=version)
