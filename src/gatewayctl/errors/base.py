"""The one parent of every failure: a sentence, a hint, a code, an exit code."""

from __future__ import annotations

from typing import ClassVar


class GatewayctlError(Exception):
    """Shown as a sentence and a hint (``remedy``, where the raise gives none); no traceback.

    ``finding`` is the id of the cause in docs/troubleshooting.md, where it is known and is not
    the code itself; ``service`` the one that failed.
    """

    code: ClassVar[str] = "bug"
    exit_code: ClassVar[int] = 1
    remedy: ClassVar[str] = "Run again with -v for the traceback, and report it."
    finding: str | None = None
    service: str | None = None

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint or self.remedy
