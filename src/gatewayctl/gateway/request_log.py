"""Logs every HTTP request of the process: method, address, status and duration.

Owns those lines. They hold no header and no body; keys in an address are masked by the handler.
"""

from __future__ import annotations

import logging
import time
from typing import Final

import httpx

_LOGGER: Final = logging.getLogger(__name__)


class LoggedTransport(httpx.BaseTransport):
    """Passes requests on; what changes something is logged as INFO, what only reads as DEBUG."""

    def __init__(self, transport: httpx.BaseTransport) -> None:
        self._transport = transport

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        level = logging.DEBUG if request.method == "GET" else logging.INFO
        began = time.monotonic()
        try:
            response = self._transport.handle_request(request)
        except httpx.HTTPError as error:
            self._log(level, request, f"{type(error).__name__}: {error}", began)
            raise
        self._log(level, request, str(response.status_code), began)
        return response

    def close(self) -> None:
        self._transport.close()

    def _log(self, level: int, request: httpx.Request, result: str, began: float) -> None:
        """Log the time to the head of the answer: a stream goes on after it."""
        took = (time.monotonic() - began) * 1000
        _LOGGER.log(level, "%s %s: %s (%.0f ms)", request.method, request.url, result, took)
