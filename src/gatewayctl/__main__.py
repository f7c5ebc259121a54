"""Entry point of the ``gatewayctl`` program; also ``python -m gatewayctl``."""

from __future__ import annotations

import atexit
import gc
import io
import signal
import sys
from typing import NoReturn


def _stop(signum: int, frame: object) -> NoReturn:
    raise KeyboardInterrupt


def main() -> None:
    """Run the command line. A polite end (TERM, HUP) is handled as Ctrl-C is: exit 130."""
    # A command lives for a moment and imports thousands of objects that all stay: looking
    # for garbage among them, and once more at the end, is a fifth of its time.
    gc.set_threshold(100_000, 50, 100)
    atexit.register(gc.freeze)
    signal.signal(signal.SIGTERM, _stop)
    # A program started by nohup ignores HUP, and must go on ignoring it.
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
        signal.signal(signal.SIGHUP, _stop)
    for stream in (sys.stdout, sys.stderr):
        # A sign that the terminal's encoding lacks is no reason to fail.
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    from gatewayctl.cli.app import app

    app(prog_name="gatewayctl")


if __name__ == "__main__":
    main()
