"""Failures in the shape that OpenAI's clients understand."""

from __future__ import annotations

from typing import Any

from openai import APIConnectionError, APIError, APIStatusError, APITimeoutError


class ClientGone(Exception):
    """The caller hung up before the reply was complete."""


def error_body(
    message: str, *, kind: str, param: str | None = None, code: str | None = None
) -> dict[str, Any]:
    """``{"error": …}`` as the API of OpenAI answers."""
    return {"error": {"message": message, "type": kind, "param": param, "code": code}}


def upstream_failure(error: APIError, secret: str) -> tuple[int, dict[str, Any]]:
    """The status and the body by which the gateway's failure is passed on.

    ``secret`` is the application's key: no text of the gateway's that quotes it goes out.
    """
    if isinstance(error, APITimeoutError):
        message, status = "The gateway did not answer in time.", 504
        return status, error_body(message, kind="timeout", code="upstream_timeout")
    if isinstance(error, APIConnectionError):
        message, status = "The gateway cannot be reached.", 502
        return status, error_body(message, kind="api_error", code="upstream_unreachable")
    status = error.status_code if isinstance(error, APIStatusError) else 502
    if status in {401, 403}:
        # The gateway's text is about our key and what it may do; that is not the caller's.
        said = "The gateway refused the application's key, or what it asked for."
    else:
        said = _said(error).replace(secret, "…")
    return status, error_body(
        said, kind=error.type or "api_error", param=error.param, code=error.code
    )


def retry_after(error: APIError) -> dict[str, str]:
    """The header by which the gateway says when to come again, if it does."""
    if not isinstance(error, APIStatusError):
        return {}
    seconds = error.response.headers.get("retry-after")
    return {} if seconds is None else {"retry-after": seconds}


def _said(error: APIError) -> str:
    said = error.body.get("message") if isinstance(error.body, dict) else None
    return said if isinstance(said, str) and said else "The gateway answered with an error."
