"""One request to Phoenix, and what it means if Phoenix does not answer it.

Must not know what is asked.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import httpx

from gatewayctl.errors import PhoenixLoginRefused, PhoenixUnreachable
from gatewayctl.tracing.health import VERSION_HEADER
from gatewayctl.transport import HttpAnswer, TransportFailure, request

_TIMEOUT: Final = httpx.Timeout(10, connect=2)


def ask_phoenix(
    http: httpx.Client,
    method: str,
    url: str,
    path: str,
    *,
    headers: Mapping[str, str],
    **options: Any,
) -> HttpAnswer:
    """Send a request to the Phoenix at ``url``, and return its answer, whatever its status.

    Raises PhoenixUnreachable for everything that is not an answer of Phoenix, and
    PhoenixLoginRefused.
    """
    try:
        return request_phoenix(http, method, url, path, headers=headers, **options)
    except TransportFailure as failure:
        raise explain_failure(failure, url) from None


def explain_failure(failure: TransportFailure, url: str) -> PhoenixUnreachable:
    """The error for a request without a usable answer."""
    return PhoenixUnreachable(f"Phoenix does not answer at {url} ({failure.detail}).")


def request_phoenix(
    http: httpx.Client,
    method: str,
    url: str,
    path: str,
    *,
    headers: Mapping[str, str],
    **options: Any,
) -> HttpAnswer:
    """Do the same for those who know what to ask instead. Raises TransportFailure, too."""
    answer = request(
        http, method, f"{url}{path}", headers=dict(headers), timeout=_TIMEOUT, **options
    )
    if VERSION_HEADER not in answer.headers:
        raise PhoenixUnreachable(f"{url} is used by another service than Phoenix.")
    if answer.status in {401, 403}:
        raise PhoenixLoginRefused(f"Phoenix at {url} refuses the login (HTTP {answer.status}).")
    return answer
