"""Checks whether Phoenix is ready, and which version it is.

Owns the interpretation of /healthz. Must not know processes: those belong to the runtime.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

import httpx

PhoenixState = Literal["ready", "starting", "unreachable", "other_service"]

VERSION_HEADER: Final = "x-phoenix-server-version"
_TIMEOUT: Final = httpx.Timeout(3, connect=2)
"""Seconds."""


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
        response = http.get(f"{url}/healthz", timeout=_TIMEOUT)
    except (httpx.ConnectError, httpx.ConnectTimeout) as error:
        return PhoenixReadiness(state="unreachable", detail=_plain(error))
    except httpx.TimeoutException:
        return PhoenixReadiness(state="starting", detail=f"no answer within {_TIMEOUT.read:g} s")
    except httpx.RemoteProtocolError as error:
        # Docker's port forwarder accepts, then disconnects, until Phoenix listens behind it.
        disconnected = "disconnected" in str(error)
        state: PhoenixState = "starting" if disconnected else "other_service"
        return PhoenixReadiness(state=state, detail=_plain(error))
    except httpx.TransportError as error:
        return PhoenixReadiness(state="starting", detail=_plain(error))
    return _interpret(response)


def _interpret(response: httpx.Response) -> PhoenixReadiness:
    version = response.headers.get(VERSION_HEADER)
    if version is None:
        detail = f"HTTP {response.status_code} without Phoenix's version"
        return PhoenixReadiness(state="other_service", detail=detail)
    if response.status_code == 200:
        return PhoenixReadiness(state="ready", detail="answers", version=version)
    detail = f"HTTP {response.status_code}"
    return PhoenixReadiness(state="starting", detail=detail, version=version)


def _plain(error: Exception) -> str:
    return str(error).rpartition("] ")[2] or type(error).__name__
