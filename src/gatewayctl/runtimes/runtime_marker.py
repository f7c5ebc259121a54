"""The file that records which runtime a project's stack was created with.

A stack has its keys and traces where its runtime keeps them, so `auto` must not choose another
one because Docker was installed or stopped since.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

from gatewayctl.errors import FileUnwritable, RuntimeProblem
from gatewayctl.files.atomic import write_atomically
from gatewayctl.files.owner import create_folder
from gatewayctl.generators import drain
from gatewayctl.settings.model import RuntimeName, Settings

if TYPE_CHECKING:
    from gatewayctl.runtimes.base import Runtime

_LOGGER: Final = logging.getLogger(__name__)
_NAMES: Final[dict[str, RuntimeName]] = {
    "embedded": "embedded",
    "docker": "docker",
    "kubernetes": "kubernetes",
}


def read_runtime(state_dir: Path) -> RuntimeName | None:
    """The runtime of this project's stack, running or not; None if there is no stack."""
    try:
        found = _NAMES.get(_file(state_dir).read_text(encoding="utf-8").strip())
    except (OSError, UnicodeDecodeError):
        found = None
    if found is None and os.path.lexists(state_dir / "postgres" / "data"):
        # Stacks older than this file are all embedded.
        return "embedded"
    return found


def known_runtime(settings: Settings) -> RuntimeName | None:
    """The runtime that is chosen, or that the stack has; None if a first start has to choose."""
    return read_runtime(settings.state_dir) if settings.runtime == "auto" else settings.runtime


def is_kubernetes(settings: Settings) -> bool:
    """True if the project uses the Kubernetes runtime, chosen now or by its stack."""
    return known_runtime(settings) == "kubernetes"


def write_runtime(state_dir: Path, runtime: RuntimeName) -> None:
    """Record the runtime; called before anything of its stack is created."""
    if read_runtime(state_dir) == runtime and os.path.lexists(_file(state_dir)):
        return
    try:
        create_folder(state_dir, mode=0o700)
    except OSError as error:
        raise FileUnwritable(f"Cannot write to {state_dir}: {error.strerror}.") from error
    write_atomically(_file(state_dir), f"{runtime}\n".encode())


@contextmanager
def record_runtime(state_dir: Path, runtime: Runtime) -> Iterator[None]:
    """Record the runtime before its stack is started; undo that if the start fails with nothing.

    Otherwise `auto` would keep choosing a runtime that never started. A service that runs or
    failed stays, to look at, also where its data is on servers of others.
    """
    before = read_runtime(state_dir)
    write_runtime(state_dir, runtime.name)
    try:
        yield
    except BaseException:
        with suppress(RuntimeProblem):
            if before != runtime.name and not _exists(runtime):
                drain(runtime.stop())
                if before is None:
                    clear_runtime(state_dir)
                else:
                    write_runtime(state_dir, before)
        raise


def _exists(runtime: Runtime) -> bool:
    """True if a stack of this runtime has data or a service."""
    return runtime.has_data() or any(state.state != "stopped" for state in runtime.states())


def clear_runtime(state_dir: Path) -> None:
    """Forget the runtime; called after the data of its stack was removed."""
    _file(state_dir).unlink(missing_ok=True)


def _file(state_dir: Path) -> Path:
    return state_dir / "runtime"
