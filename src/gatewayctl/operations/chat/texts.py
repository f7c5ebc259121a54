"""Texts of a command line that become a part of a request."""

from __future__ import annotations

from gatewayctl.errors import UsageProblem


def require_utf8(text: str, what: str) -> str:
    """Return the text if it can be sent; a shell may pass bytes that are not UTF-8.

    Raises UsageProblem, which names ``what`` it is.
    """
    try:
        text.encode()
    except UnicodeEncodeError:
        raise UsageProblem(f"{what} is not UTF-8 text.") from None
    return text
