"""Which environment a running stack was started from.

The folder of an environment is named after all that goes into it, so another folder is another
release. Owns reading it off a process. Must not know how environments are made.
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
    """The environment in a folder as a release of LiteLLM."""
    return Release(name=root.name, version=Environment(root=root).versions().get("litellm"))


def find_running(processes: Iterable[psutil.Process], environments: Path) -> Release | None:
    """The release of the first of the processes that was started from an environment."""
    import psutil

    for process in processes:
        try:
            words = process.cmdline()
        except (psutil.Error, OSError):
            continue
        if root := find_root(words, environments):
            return read_release(root)
    return None


def find_root(words: Sequence[str], environments: Path) -> Path | None:
    """The environment a command line runs from, of those in a folder."""
    for word in words:
        path = Path(word)
        if path.is_relative_to(environments) and path != environments:
            return environments / path.relative_to(environments).parts[0]
    return None
