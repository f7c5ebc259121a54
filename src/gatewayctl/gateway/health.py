"""Whether LiteLLM is ready, starting, without its database, or another service.

Owns the parsing of /health/readiness. Must not know processes: the runtime does.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Final, Literal

import httpx

from gatewayctl.gateway.client import describe_failure
from gatewayctl.settings.masking import strip_keys

ReadinessState = Literal[
    "ready", "database_missing", "database_disconnected", "starting", "unreachable", "other_service"
]

TIMEOUT: Final = httpx.Timeout(5, connect=2)
"""Seconds. LiteLLM itself spends up to 4 on its database ping."""


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
        response = http.get(f"{url}/health/readiness", timeout=TIMEOUT)
    except (httpx.ConnectError, httpx.ConnectTimeout) as error:
        return Readiness(state="unreachable", detail=describe_failure(error))
    except httpx.TimeoutException:
        return Readiness(state="starting", detail=f"no answer within {TIMEOUT.read:g} s")
    except httpx.TransportError as error:
        # Docker's port forwarder accepts, then hangs up, until LiteLLM listens behind it.
        invalid = isinstance(error, httpx.RemoteProtocolError) and "disconnected" not in str(error)
        state: ReadinessState = "other_service" if invalid else "starting"
        return Readiness(state=state, detail=describe_failure(error))
    return _read_state(response)


def date_of(http: httpx.Client, url: str) -> str | None:
    """The Date header of any answer; None if there is no answer."""
    try:
        found: str | None = http.get(url, timeout=TIMEOUT).headers.get("date")
    except httpx.TransportError:
        return None
    return found


def _read_state(response: httpx.Response) -> Readiness:
    body = _parse_json(response)
    if not isinstance(body, dict) or "status" not in body:
        return Readiness(
            state="other_service", detail=f"HTTP {response.status_code}, not from LiteLLM"
        )
    if body["status"] == "shutting_down":
        return Readiness(state="starting", detail="is shutting down")
    if "db" not in body:
        return Readiness(state="other_service", detail="an answer without a database state")
    database = strip_keys(str(body["db"]))
    if response.status_code == 200 and database == "connected":
        return Readiness(state="ready", detail="database connected")
    missing = database == "Not connected"
    return Readiness(
        state="database_missing" if missing else "database_disconnected",
        detail=f"HTTP {response.status_code}, database {database}",
    )


def _parse_json(response: httpx.Response) -> Any:
    try:
        return json.loads(response.content)
    except ValueError:
        return None
