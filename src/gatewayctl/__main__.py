"""Entry point of the ``gatewayctl`` program; also ``python -m gatewayctl``."""

from __future__ import annotations

import atexit
import gc
import io
import os
import signal
import sys
from types import ModuleType
from typing import Final, NoReturn, cast

_ALLOCATIONS: Final = 100_000
"""Objects until garbage is collected; a chat with its imports makes nearly as many."""


def _interrupt(signum: int, frame: object) -> NoReturn:
    raise KeyboardInterrupt


def _open_closed_streams() -> None:
    """Open what the caller closed (`<&-`, `>&-`): as the null device, as many programs do.

    Python has None in its place, and the next file that is opened would take its number: what is
    printed could end in a database.
    """
    for number, name, mode in ((0, "stdin", "r"), (1, "stdout", "w"), (2, "stderr", "w")):
        if getattr(sys, name) is None:
            found = os.open(os.devnull, os.O_RDWR)
            if found != number:
                os.dup2(found, number)
                os.close(found)
            setattr(sys, name, open(number, mode, encoding="utf-8", closefd=False))  # noqa: SIM115


def main() -> None:
    """Run the command line. SIGTERM and SIGHUP are handled like Ctrl-C: exit code 130."""
    # What imports make lives as long as the process, and Python looks through it again and again:
    # a tenth of a chat. A verb that runs for long still has its garbage collected.
    gc.set_threshold(_ALLOCATIONS)
    # Python collects garbage once more at exit, among objects that all die with the process.
    # Without that, --help takes about a tenth less CPU time: `python -m benchmarks exit`.
    atexit.register(gc.freeze)
    # httpx's own command line, which httpx imports if it can: Pygments, click and more of Rich, a
    # tenth of the modules of a chat. Without it httpx offers no command line.
    sys.modules.setdefault("httpx._main", cast("ModuleType", None))
    _open_closed_streams()
    signal.signal(signal.SIGTERM, _interrupt)
    # nohup starts programs with SIGHUP ignored, and it must stay ignored.
    # Windows has no such signal.
    if hasattr(signal, "SIGHUP") and signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
        signal.signal(signal.SIGHUP, _interrupt)
    for stream in (sys.stdout, sys.stderr):
        # A character that the terminal's encoding lacks is escaped instead of failing.
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    from gatewayctl.cli.app import app

    app(prog_name="gatewayctl")


if __name__ == "__main__":
    main()
