"""Starts supervisord inside the environment's own Python, with logs that cannot stop it.

supervisord 4.3 reports a failed write of a log on its standard error, which is a log too, and dies
of that, with every service. After a failed rotation it no longer reads what the service writes,
and the service blocks (supervisor/loggers.py, dispatchers.py). Here a full disk costs lines of the
log, and nothing else.
"""

from __future__ import annotations

import contextlib
import importlib
from typing import Any


def keep_running_without_logs(loggers: Any) -> None:
    """Make the handlers of ``supervisor.loggers`` drop what they cannot write."""
    rotating = loggers.RotatingFileHandler
    write_or_raise = rotating.emit

    def write_or_drop(self: Any, record: object) -> None:
        try:
            write_or_raise(self, record)
        except (OSError, ValueError):
            # A failed rotation has closed the file.
            with contextlib.suppress(OSError):
                self.stream = open(self.baseFilename, "ab")  # noqa: PTH123, SIM115 - closed by supervisord

    def stay_silent(self: object) -> None:
        """Do nothing: there is nowhere to report that a log cannot be written."""

    rotating.emit = write_or_drop
    loggers.Handler.handleError = stay_silent


def main() -> None:
    """Run ``supervise.py`` with the arguments of supervisord."""
    keep_running_without_logs(importlib.import_module("supervisor.loggers"))
    importlib.import_module("supervisor.supervisord").main()


if __name__ == "__main__":
    main()
