"""The rendered files that litellm mounts: whether they exist, and whether the engine sees them.

An engine can be blind to a folder: colima and Docker Desktop share some with their virtual machine,
Docker's snap sees no hidden one and not /tmp. Compose would mount an empty folder in place of a
file that is missing there. Owns what such an engine says. Must not know the content of the files.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Final

from gatewayctl.errors import FolderInvisible, RuntimeProblem
from gatewayctl.rendering.plan import TEMPLATES
from gatewayctl.settings.model import Settings

if TYPE_CHECKING:
    from gatewayctl.runtimes.docker.docker_cli import DockerCli

_PROBE: Final = "litellm_config.yaml"
# Docker, Docker Desktop, Podman, then `cat` in the container, for what is a folder or unreadable.
_INVISIBLE: Final = re.compile(
    r"bind source path does not exist|mounts denied|not shared from the host|"
    r"statfs .*no such file|error mounting|is a directory|permission denied",
    re.IGNORECASE,
)


def check_files(folder: Path) -> None:
    """Require the rendered files; raises RuntimeProblem with the first that is missing."""
    for name in TEMPLATES["docker"]:
        if not (folder / name).is_file():
            raise RuntimeProblem(
                f"{folder / name} is missing, or is not a file.", hint="Run `gatewayctl render`."
            )


def check_visible(docker: DockerCli, settings: Settings) -> None:
    """Read a rendered file in a temporary container of LiteLLM's image, as litellm will.

    Raises FolderInvisible with what the engine or the container reports.
    """
    file = settings.compose_dir / _PROBE
    done = docker.read_file(settings.images.litellm, file)
    reasons = [line for line in done.stderr.splitlines() if _INVISIBLE.search(line)]
    if done.returncode and reasons:
        raise FolderInvisible(f"The Docker engine cannot read {file}: {reasons[0].strip()}")
