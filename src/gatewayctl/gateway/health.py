"""Whether LiteLLM is ready, told apart from being up, starting, or somebody else.

Owns the reading of /health/readiness. Must not know processes: those are the runtime's.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Final, Literal

import httpx

from gatewayctl.settings.masking import strip_keys

ReadinessState = Literal[
    "ready", "database_missing", "database_disconnected", "starting", "unreachable", "other_service"
]

TIMEOUT: Final = httpx.Timeout(5, connect=2)
"""Seconds. LiteLLM itself spends up to 4 on its database ping."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Readiness:
    """One look at LiteLLM; ``detail`` is what it said or how it failed."""

    state: ReadinessState
    detail: str

    @property
    def ready(self) -> bool:
        return self.state == "ready"


def check_litellm(http: httpx.Client, url: str) -> Readiness:
    """Ask /health/readiness once, without a key. Never raises for what it finds.

    Ready is HTTP 200 *and* ``db`` connected: LiteLLM says ``"status":"healthy"`` even in a
    503, and 200 with ``db: "Not connected"`` where no database is configured.
    """
    try:
        response = http.get(f"{url}/health/readiness", timeout=TIMEOUT)
    except (httpx.ConnectError, httpx.ConnectTimeout) as error:
        return Readiness(state="unreachable", detail=_plain(error))
    except httpx.TimeoutException:
        return Readiness(state="starting", detail=f"no answer within {TIMEOUT.read:g} s")
    except httpx.RemoteProtocolError as error:
        # Docker's port forwarder accepts, then hangs up, until LiteLLM listens behind it.
        hung_up = "disconnected" in str(error)
        return Readiness(state="starting" if hung_up else "other_service", detail=_plain(error))
    except httpx.TransportError as error:
        return Readiness(state="starting", detail=_plain(error))
    return _read_state(response)


def date_of(http: httpx.Client, url: str) -> str | None:
    """The Date header of an answer, whatever else it says; None where nobody answers."""
    try:
        found: str | None = http.get(url, timeout=TIMEOUT).headers.get("date")
    except httpx.TransportError:
        return None
    return found


def _read_state(response: httpx.Response) -> Readiness:
    body = _parse_json(response)
    if not isinstance(body, dict) or "status" not in body:
        return Readiness(
            state="other_service", detail=f"HTTP {response.status_code}, not LiteLLM's answer"
        )
    if body["status"] == "shutting_down":
        return Readiness(state="starting", detail="is shutting down")
    if "db" not in body:
        return Readiness(state="other_service", detail="an answer without the state of a database")
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


def _plain(error: Exception) -> str:
    return strip_keys(str(error)).rpartition("] ")[2] or type(error).__name__
