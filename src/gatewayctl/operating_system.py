"""What differs between the operating systems: Linux, macOS, and Windows, which is refused.

Owns every question about the system's name. Where a feature can be tried instead, its user tries
it (ports.py, supervisor.py). Must not know any runtime. Windows has no fcntl: only functions that
never run there import it.
"""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from gatewayctl.errors import SystemUnsupported

_PR_SET_PDEATHSIG: Final = 1
_PATH_BYTES: Final = 1024
"""MAXPATHLEN of macOS, which F_GETPATH expects."""


@dataclass(frozen=True, slots=True, kw_only=True)
class System:
    """What packages depend on. ``version`` is glibc's on Linux, None with another C library.

    On macOS it is that of the system. ``machine`` is that of this Python: x86_64 also on Apple
    silicon, if Rosetta translates.
    """

    name: str
    machine: str
    version: tuple[int, int] | None

    def __str__(self) -> str:
        version = "" if self.version is None else ".".join(map(str, self.version))
        kind = {"linux": f"Linux with glibc {version}", "darwin": f"macOS {version}"}
        other = "Linux without glibc" if self.name == "linux" else self.name
        return f"{kind.get(self.name, other) if version else other} on {self.machine}"


def require_unix() -> None:
    """Refuse Windows before anything is imported that it lacks. Raises SystemUnsupported."""
    if sys.platform == "win32":
        raise SystemUnsupported("gatewayctl does not run on Windows itself, only in WSL 2.")


def read_system() -> System:
    """Read the system that this Python runs on."""
    import platform

    machine = platform.machine() if sys.maxsize > 2**32 else f"{platform.machine()} (32-bit Python)"
    if sys.platform == "darwin":
        return System(name="darwin", machine=machine, version=_parse(platform.mac_ver()[0]))
    return System(name=sys.platform, machine=machine, version=_parse(_glibc()))


def real_path(path: Path) -> Path:
    """The one path of a folder: without links, and in the case that its disk stores.

    The disks of macOS ignore case, so one folder has many names there. A folder that does not
    exist keeps the name it is given.
    """
    found = Path(os.path.realpath(path))
    if sys.platform != "darwin":
        return found
    import fcntl

    try:
        descriptor = os.open(found, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return found
    try:
        stored = fcntl.fcntl(descriptor, fcntl.F_GETPATH, bytes(_PATH_BYTES))
    except OSError:
        return found
    finally:
        os.close(descriptor)
    return Path(os.fsdecode(stored.rstrip(b"\0")))


def signal_at_parents_death(number: int) -> None:
    """Let the kernel send a signal to this process when its parent ends; only Linux can."""
    if sys.platform == "linux":
        import ctypes

        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, number, 0, 0, 0)


def _glibc() -> str:
    """The version of glibc; empty with another C library."""
    try:
        return (os.confstr("CS_GNU_LIBC_VERSION") or "").removeprefix("glibc ")
    except (ValueError, OSError):
        return ""


def _parse(version: str) -> tuple[int, int] | None:
    numbers = [*version.split("."), "0"][:2]
    return (int(numbers[0]), int(numbers[1])) if all(n.isdigit() for n in numbers) else None
