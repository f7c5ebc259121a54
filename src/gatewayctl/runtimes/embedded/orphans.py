"""Processes that an earlier run of this project left behind.

When supervisord is killed, the kernel stops its services (launch.py asks for that). What still
runs moments later, or refuses to end, is ended here. Owns finding and ending orphans, never by
name: only processes that belong to this project's state folder.
"""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Final

from gatewayctl.runtimes.embedded.layout import Layout

if TYPE_CHECKING:
    import psutil

MARK: Final = "GATEWAYCTL_STATE_DIR"
"""Environment variable of supervisord and the services: the state folder they belong to."""


def process_tree(pid: int | None) -> list[psutil.Process]:
    """A process and all its descendants; empty when it has ended."""
    return list(iterate_tree(pid))


def iterate_tree(pid: int | None) -> Iterator[psutil.Process]:
    """The same, one after another: finding the descendants takes far longer than the process."""
    import psutil

    if pid is not None:
        with contextlib.suppress(psutil.Error):
            yield (parent := psutil.Process(pid))
            yield from parent.children(recursive=True)


def is_supervised(layout: Layout) -> bool:
    """Whether supervisord runs for this project, by the system's own files and without a library.

    False where that is unknown, as on macOS. A copied folder has the pid of the original.
    """
    try:
        pid = int(layout.supervisor_pid.read_text(encoding="ascii"))
        environment = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    except (OSError, ValueError):
        return False
    return os.fsencode(f"{MARK}={layout.state_dir}") in environment


def find_orphans(layout: Layout) -> list[psutil.Process]:
    """List the running processes of this project, whatever their parent is now."""
    import psutil

    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            if process.status() != psutil.STATUS_ZOMBIE and _belongs_to(process, layout):
                found.append(process)
    return found


def project_of(pid: int) -> Path | None:
    """The folder of the project that a process belongs to; None if it belongs to none."""
    import psutil

    try:
        state_dir = _state_dir_of(psutil.Process(pid))
    except (psutil.Error, OSError):
        return None
    return None if state_dir is None or state_dir.name != ".gatewayctl" else state_dir.parent


def _belongs_to(process: psutil.Process, layout: Layout) -> bool:
    return _state_dir_of(process) == layout.state_dir


def _state_dir_of(process: psutil.Process) -> Path | None:
    # PostgreSQL writes its title over its environment, so it is recognized by its folder.
    if process.name() == "postgres":
        folder = Path(process.cwd())
        return folder.parents[1] if folder.parts[-2:] == ("postgres", "data") else None
    state_dir = process.environ().get(MARK)
    return Path(state_dir) if state_dir else None


def list_programs() -> frozenset[str]:
    """List the programs and arguments of all processes of this machine.

    The Python of a virtual environment is a link, so only the arguments show its folder.
    """
    import psutil

    programs: set[str] = set()
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            programs.update((process.exe(), *process.cmdline()))
    return frozenset(programs)


def end_processes(processes: Iterable[psutil.Process], *, patience: float = 10) -> int:
    """Ask processes to end and kill them after ``patience`` seconds; returns their number."""
    import psutil

    alive = list(processes)
    for process in alive:
        with contextlib.suppress(psutil.Error):
            # PostgreSQL waits for its last client on TERM, but not on INT.
            process.send_signal(signal.SIGINT if process.name() == "postgres" else signal.SIGTERM)
    stubborn = _wait(alive, seconds=patience)
    for process in stubborn:
        with contextlib.suppress(psutil.Error):
            process.kill()
    _wait(stubborn, seconds=5)
    return len(alive)


def wait_until_gone(layout: Layout, *, seconds: float) -> list[psutil.Process]:
    """Wait until no process of the project is left; returns those that still run."""
    deadline = time.monotonic() + seconds
    while (left := find_orphans(layout)) and time.monotonic() < deadline:
        time.sleep(0.1)
    return left


def wait_for_exit(processes: Iterable[psutil.Process], *, seconds: float) -> None:
    """Wait until these processes have ended; end those that still run after ``seconds``."""
    if left := _wait(processes, seconds=seconds):
        end_processes(left)


def _wait(processes: Iterable[psutil.Process], *, seconds: float) -> list[psutil.Process]:
    """Wait for processes to end; returns those that still run when the time is up.

    A zombie counts as ended: the first process of a container reaps late, or never.
    """
    import psutil

    deadline = time.monotonic() + seconds
    left = list(processes)
    while True:
        # Reaps our own children.
        _, left = psutil.wait_procs(left, timeout=0.05)
        left = [process for process in left if _is_running(process)]
        if not left or time.monotonic() >= deadline:
            return left


def _is_running(process: psutil.Process) -> bool:
    import psutil

    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
