"""The one parent of every failure: a sentence, a hint, a code, an exit code."""

from __future__ import annotations

from typing import ClassVar


class GatewayctlError(Exception):
    """Shown as a sentence and a hint (``remedy``, where the raise gives none); no traceback."""

    code: ClassVar[str] = "bug"
    exit_code: ClassVar[int] = 1
    remedy: ClassVar[str] = "Run again with -v for the traceback, and report it."

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint or self.remedy
