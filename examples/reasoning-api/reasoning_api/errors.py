"""Failures in the format that OpenAI's clients understand."""

from __future__ import annotations

from typing import Any

from openai import APIConnectionError, APIError, APIStatusError, APITimeoutError


class ClientGone(Exception):
    """The caller disconnected before the reply was complete."""


def error_body(
    message: str, *, kind: str, param: str | None = None, code: str | None = None
) -> dict[str, Any]:
    """Return ``{"error": …}`` in the format of OpenAI's API."""
    return {"error": {"message": message, "type": kind, "param": param, "code": code}}


def upstream_failure(error: APIError, secret: str) -> tuple[int, dict[str, Any]]:
    """Return the status and body for a failure of the gateway.

    ``secret`` is the application's key, which is removed from the gateway's message.
    """
    if isinstance(error, APITimeoutError):
        message, status = "The gateway did not answer in time.", 504
        return status, error_body(message, kind="timeout", code="upstream_timeout")
    if isinstance(error, APIConnectionError):
        message, status = "The gateway cannot be reached.", 502
        return status, error_body(message, kind="api_error", code="upstream_unreachable")
    status = error.status_code if isinstance(error, APIStatusError) else 502
    if status in {401, 403}:
        # The gateway's message is about the application's key, not about the caller's.
        message = "The gateway refused the application's key, or the key lacks a permission."
    else:
        message = _read_message(error).replace(secret, "…")
    return status, error_body(
        message, kind=error.type or "api_error", param=error.param, code=error.code
    )


def retry_after(error: APIError) -> dict[str, str]:
    """The gateway's ``retry-after`` header, if it sent one."""
    if not isinstance(error, APIStatusError):
        return {}
    seconds = error.response.headers.get("retry-after")
    return {} if seconds is None else {"retry-after": seconds}


def _read_message(error: APIError) -> str:
    message = error.body.get("message") if isinstance(error.body, dict) else None
    return (
        message if isinstance(message, str) and message else "The gateway answered with an error."
    )
