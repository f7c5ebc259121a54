"""What the embedded runtime needs from a machine.

Nothing is compiled, so it runs where the packages of its locks have wheels: `tests/e2e/test_locks`
asks the package index for each of these systems. Must not install or start anything.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from typing import Final

from gatewayctl.errors import EmbeddedUnsupported
from gatewayctl.operating_system import System, read_system
from gatewayctl.runtimes.embedded.postgres.privileges import PostgresUser, choose_postgres_user

_MACHINES: Final[Mapping[str, frozenset[str]]] = {
    "linux": frozenset({"x86_64", "aarch64"}),
    "darwin": frozenset({"arm64"}),
}
OLDEST: Final[Mapping[str, tuple[int, int]]] = {"linux": (2, 28), "darwin": (13, 5)}
"""Of glibc, and of macOS, whose Node.js asks for 13.5."""
NEWEST_PYTHON: Final = (3, 14)
_SUPPORTED: Final = (
    "Linux (glibc 2.28 or newer) on x86-64 or arm64, and macOS 13.5 or newer on Apple silicon"
)


def require_supported(
    system: System | None = None, python: tuple[int, int] = sys.version_info[:2]
) -> PostgresUser:
    """Check that this machine can run it; returns the user that PostgreSQL runs as.

    Takes milliseconds: nothing is downloaded. Raises EmbeddedUnsupported, and RuntimeUnavailable
    where root cannot drop its privileges.
    """
    system = system or read_system()
    version = system.version
    known = system.machine in _MACHINES.get(system.name, ())
    if not known or version is None or version < OLDEST[system.name]:
        raise EmbeddedUnsupported(
            f"The embedded runtime has no packages for {system}: it needs {_SUPPORTED}."
        )
    if python > NEWEST_PYTHON:
        newest, found = (".".join(map(str, each)) for each in (NEWEST_PYTHON, python))
        raise EmbeddedUnsupported(
            f"The embedded runtime has no packages for Python {found} yet.",
            hint=f"Install gatewayctl with Python {newest} or older, or use --runtime docker.",
        )
    if system.name == "darwin" and os.geteuid() == 0:
        # Only Linux lets a process pass through root's folders without being root.
        raise EmbeddedUnsupported(
            "PostgreSQL does not run as root.", hint="Run gatewayctl without sudo."
        )
    return choose_postgres_user()
