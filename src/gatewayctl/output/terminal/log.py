"""The log of ``--verbose`` on stderr: one line for each record, with secrets masked.

Owns its format and its handler. Modules log with ``logging.getLogger(__name__)``, INFO for what
changes something and DEBUG for what only reads; without ``--verbose`` nothing is formatted.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Final, TextIO

from gatewayctl.output.console import strip_control
from gatewayctl.settings.masking import mask

_ROOT: Final = logging.getLogger("gatewayctl")
_FORMAT: Final = "%(asctime)s.%(msecs)03d %(levelname)-5s %(message)s"


class MaskedFormatter(logging.Formatter):
    """Formats a record on one line, with secrets masked."""

    def __init__(self) -> None:
        super().__init__(_FORMAT, datefmt="%H:%M:%S")

    def format(self, record: logging.LogRecord) -> str:
        line = " ".join(super().format(record).splitlines())
        return mask(strip_control(line))


class _StderrHandler(logging.StreamHandler[TextIO]):
    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - as logging calls it
        """Drop a line that cannot be written: the default prints it again, unmasked."""


def start_log() -> Callable[[], None]:
    """Write the records of gatewayctl to stderr; returns the function that ends it."""
    handler = _StderrHandler()
    handler.setFormatter(MaskedFormatter())
    _ROOT.addHandler(handler)
    _ROOT.setLevel(logging.DEBUG)
    # Another handler would not mask.
    _ROOT.propagate = False

    def end() -> None:
        _ROOT.removeHandler(handler)
        _ROOT.setLevel(logging.NOTSET)
        _ROOT.propagate = True

    return end
