"""The handlers of supervisord's logs, on a disk that cannot be written."""

from __future__ import annotations

import errno
from pathlib import Path
from types import SimpleNamespace
from typing import Any, BinaryIO

from gatewayctl.runtimes.embedded.supervise import keep_running_without_logs


class Handler:
    """As in supervisor/loggers.py: a failed write is reported, on a stream that may be full too."""

    def emit(self, record: str) -> None:
        try:
            self.write(record)
        except OSError:
            self.handleError()

    def write(self, record: str) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    def handleError(self) -> None:  # noqa: N802 - supervisord's name
        raise OSError(errno.ENOSPC, "No space left on device")


class RotatingFileHandler(Handler):
    def __init__(self, file: Path) -> None:
        self.baseFilename = str(file)
        self.stream: BinaryIO = file.open("ab")
        self.full = True

    def write(self, record: str) -> None:
        if self.full:
            super().write(record)
        self.stream.write(record.encode())
        self.stream.flush()

    def emit(self, record: str) -> None:
        super().emit(record)
        if self.full:
            # The rotation closes the file first, which flushes it.
            self.stream.close()
            raise OSError(errno.ENOSPC, "No space left on device")


def test_a_line_that_cannot_be_written_is_lost_and_the_next_one_is_written(tmp_path: Path) -> None:
    loggers: Any = SimpleNamespace(Handler=Handler, RotatingFileHandler=RotatingFileHandler)
    keep_running_without_logs(loggers)
    handler = loggers.RotatingFileHandler(tmp_path / "x.log")

    handler.emit("lost")
    handler.full = False
    handler.emit("written")
    handler.stream.close()

    assert (tmp_path / "x.log").read_text() == "written"
