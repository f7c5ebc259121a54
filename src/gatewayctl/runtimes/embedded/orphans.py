"""Processes that an earlier run of this project left behind.

With a supervisor that was killed, the kernel stops its services (launch.py asks for that); what
is still there some moments later, or refuses to end, is cleared here. Owns finding and ending
them, never by name: only what provably belongs to this project's state folder.
"""

from __future__ import annotations

import contextlib
import signal
import time
from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

from gatewayctl.runtimes.embedded.layout import Layout

if TYPE_CHECKING:
    import psutil

MARK: Final = "GATEWAYCTL_STATE_DIR"
"""Environment variable that supervisord and the services carry: whose they are."""


def process_tree(pid: int | None) -> list[psutil.Process]:
    """A process and all its descendants; empty when it is gone."""
    import psutil

    if pid is None:
        return []
    try:
        parent = psutil.Process(pid)
        return [parent, *parent.children(recursive=True)]
    except psutil.Error:
        return []


def find_orphans(layout: Layout) -> list[psutil.Process]:
    """Live processes of this project, whoever their parent is now."""
    import psutil

    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            if process.status() != psutil.STATUS_ZOMBIE and _belongs_to(process, layout):
                found.append(process)
    return found


def _belongs_to(process: psutil.Process, layout: Layout) -> bool:
    # PostgreSQL writes its title over its environment, so it is known by where it works.
    if process.name() == "postgres":
        return process.cwd() == str(layout.postgres_data)
    return process.environ().get(MARK) == str(layout.state_dir)


def list_programs() -> frozenset[str]:
    """What the processes of this machine run from: programs, and the words of their commands.

    A Python of a virtual environment is a link to another one, so the program alone tells little.
    """
    import psutil

    found: set[str] = set()
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            found.update((process.exe(), *process.cmdline()))
    return frozenset(found)


def end_processes(processes: Iterable[psutil.Process], *, patience: float = 10) -> int:
    """Ask processes to end, then kill them; returns how many there were."""
    import psutil

    alive = list(processes)
    for process in alive:
        with contextlib.suppress(psutil.Error):
            # To PostgreSQL, TERM means: when the last client has gone.
            process.send_signal(signal.SIGINT if process.name() == "postgres" else signal.SIGTERM)
    stubborn = _wait(alive, seconds=patience)
    for process in stubborn:
        with contextlib.suppress(psutil.Error):
            process.kill()
    _wait(stubborn, seconds=5)
    return len(alive)


def wait_until_gone(layout: Layout, *, seconds: float) -> list[psutil.Process]:
    """Wait until no process of the project is left; returns those that stay."""
    until = time.monotonic() + seconds
    while (left := find_orphans(layout)) and time.monotonic() < until:
        time.sleep(0.1)
    return left


def wait_for_exit(processes: Iterable[psutil.Process], *, seconds: float) -> None:
    """Wait until these processes have ended, and end those that do not."""
    if left := _wait(processes, seconds=seconds):
        end_processes(left)


def _wait(processes: Iterable[psutil.Process], *, seconds: float) -> list[psutil.Process]:
    """Those that still run when the time is up.

    One that ended and that nobody has asked for its exit code has ended all the same: the first
    process of a container often asks late, or never.
    """
    import psutil

    until = time.monotonic() + seconds
    left = list(processes)
    while True:
        # It asks for the exit codes of our own children.
        _, left = psutil.wait_procs(left, timeout=0.05)
        left = [process for process in left if _is_running(process)]
        if not left or time.monotonic() >= until:
            return left


def _is_running(process: psutil.Process) -> bool:
    import psutil

    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
