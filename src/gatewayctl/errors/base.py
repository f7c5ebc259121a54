"""The parent of every failure: a sentence, a hint, a code, an exit code."""

from __future__ import annotations

import re
from typing import ClassVar


class GatewayctlError(Exception):
    """A failure shown as a sentence and a hint, without a traceback.

    The code of a class is its name in snake case, unless it sets another. ``remedy`` is the hint if
    the raise gives none. ``finding`` is the id of the cause in docs/troubleshooting.md if it is
    known and is not the code itself; ``service`` is the one that failed.
    """

    code: ClassVar[str] = "bug"
    exit_code: ClassVar[int] = 1
    remedy: ClassVar[str] = "Run again with -v for the traceback, and report it."
    label: str = "Error"
    """The word before the message; another one if the command did what was asked."""
    finding: str | None = None
    service: str | None = None

    def __init_subclass__(cls) -> None:
        if "code" not in vars(cls):
            cls.code = re.sub(r"(?<!^)(?=[A-Z])", "_", cls.__name__).lower()

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint or self.remedy
