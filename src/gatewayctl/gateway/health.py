"""Whether LiteLLM is ready, starting, without its database, or another service.

Owns the parsing of /health/readiness. Must not know processes: the runtime does.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

import httpx

from gatewayctl.errors import GatewayctlError
from gatewayctl.gateway.client import GatewayClient
from gatewayctl.settings.masking import strip_keys
from gatewayctl.settings.model import Secret
from gatewayctl.transport import FailureKind, HttpAnswer, TransportFailure, parse_json, request

ReadinessState = Literal[
    "ready", "database_missing", "database_disconnected", "starting", "unreachable", "other_service"
]

TIMEOUT: Final = httpx.Timeout(5, connect=2)
"""Seconds. LiteLLM itself spends up to 4 on its database ping."""

# Docker's port forwarder accepts, then disconnects, until LiteLLM listens behind it.
_STATES: Final[Mapping[FailureKind, ReadinessState]] = {
    "unreachable": "unreachable",
    "timeout": "starting",
    "disconnected": "starting",
    "invalid": "other_service",
    "too_long": "other_service",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Readiness:
    """The result of one check; ``detail`` is what LiteLLM reported or how the call failed."""

    state: ReadinessState
    detail: str

    @property
    def ready(self) -> bool:
        return self.state == "ready"


def check_litellm(http: httpx.Client, url: str) -> Readiness:
    """Call /health/readiness once, without a key; failures are states, not exceptions.

    Ready is HTTP 200 *and* ``db`` connected: LiteLLM answers ``"status":"healthy"`` even in a
    503, and 200 with ``db: "Not connected"`` if no database is configured.
    """
    try:
        answer = request(http, "GET", f"{url}/health/readiness", timeout=TIMEOUT)
    except TransportFailure as failure:
        return Readiness(state=_STATES[failure.kind], detail=failure.detail)
    return _read_state(answer)


def date_of(http: httpx.Client, url: str) -> str | None:
    """The Date header of any answer; None if there is no answer."""
    try:
        return request(http, "GET", url, timeout=TIMEOUT).headers.get("date")
    except TransportFailure:
        return None


def read_version(gateway: GatewayClient, master: Secret) -> str | None:
    """The release of LiteLLM; None if it does not tell this key."""
    try:
        answer = gateway.call(
            "GET", "/health/readiness/details", key=master, role="master", timeout=TIMEOUT
        )
    except GatewayctlError:
        return None
    version = answer.get("litellm_version") if isinstance(answer, dict) else None
    return None if version is None else strip_keys(str(version))


def _read_state(answer: HttpAnswer) -> Readiness:
    body = parse_json(answer.body)
    if not isinstance(body, dict) or "status" not in body:
        return Readiness(state="other_service", detail=f"HTTP {answer.status}, not from LiteLLM")
    if body["status"] == "shutting_down":
        return Readiness(state="starting", detail="is shutting down")
    if "db" not in body:
        return Readiness(state="other_service", detail="an answer without a database state")
    database = strip_keys(str(body["db"]))
    if answer.status == 200 and database == "connected":
        return Readiness(state="ready", detail="database connected")
    missing = database == "Not connected"
    return Readiness(
        state="database_missing" if missing else "database_disconnected",
        detail=f"HTTP {answer.status}, database {database}",
    )
