"""Which environment a running stack was started from.

The folder of an environment is named after the hash of its contents, so another folder is another
release. Owns reading it from a process. Must not know how environments are installed.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from gatewayctl.runtimes.embedded.environment import Environment
from gatewayctl.runtimes.releases import Release

if TYPE_CHECKING:
    import psutil


def read_release(root: Path) -> Release:
    """Read the release of LiteLLM from the folder of an environment."""
    return Release(name=root.name, version=Environment(root=root).versions().get("litellm"))


def find_running(processes: Iterable[psutil.Process], environments: Path) -> Release | None:
    """Find the release that the first of these processes with an environment was started from."""
    import psutil

    for process in processes:
        try:
            argv = process.cmdline()
        except (psutil.Error, OSError):
            continue
        if root := find_root(argv, environments):
            return read_release(root)
    return None


def find_root(argv: Sequence[str], environments: Path) -> Path | None:
    """Find the environment, a folder in ``environments``, that a command line runs from."""
    for argument in argv:
        path = Path(argument)
        if path.is_relative_to(environments) and path != environments:
            return environments / path.relative_to(environments).parts[0]
    return None
