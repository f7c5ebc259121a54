"""The base class of every failure: a message, a hint, a code, an exit code."""

from __future__ import annotations

import re
from typing import ClassVar


class GatewayctlError(Exception):
    """Shown as a message and a hint (``remedy``, unless the raise gives one), without traceback.

    ``code`` is the name of the class, ``PortTaken`` → ``port_taken``, where the class gives none.
    ``finding`` is the id of the cause in docs/troubleshooting.md, if known and not the code
    itself; ``service`` the service that failed.
    """

    code: ClassVar[str] = "bug"
    exit_code: ClassVar[int] = 1
    remedy: ClassVar[str] = "Run again with -v for the traceback, and report it."
    finding: str | None = None
    service: str | None = None

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        if "code" not in vars(cls):
            cls.code = re.sub(r"(?<!^)(?=[A-Z])", "_", cls.__name__).lower()

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint or self.remedy
