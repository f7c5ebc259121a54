"""The output of `docker compose up`: its progress, and why it failed.

Owns parsing its lines. Must not know which services there are.
"""

from __future__ import annotations

import re
from typing import Final

from gatewayctl.errors import ImageMissing, PortTaken, RuntimeProblem, ServiceFailed
from gatewayctl.runtimes.base import Progress
from gatewayctl.runtimes.docker import engine

# ` Container shop-litellm-1  Recreated`
_STEP: Final = re.compile(
    r"^\s*(?:DRY-RUN MODE -\s+)?Container (?P<name>\S+)\s+(?P<step>[A-Z][a-z]+)"
)
_PORT: Final = re.compile(
    r"(?:Bind for \S*:(\d+) failed|listen tcp\S* \S*:(\d+): bind|port is already allocated|"
    r"address already in use)",
    re.IGNORECASE,
)
_DEPENDENCY: Final = re.compile(
    r"(?:dependency failed to start: )?container (\S+) (is unhealthy|exited \(\d+\))"
)
_IMAGE: Final = re.compile(r"no such image: ?(\S+)", re.IGNORECASE)


def service_of(container: str, project: str) -> str:
    """The service of a container by the name that Compose gave it: project, service, number."""
    return re.sub(r"-\d+$", "", container.removeprefix(f"{project}-"))


def parse_progress(line: str, project: str) -> Progress | None:
    """The progress that a line reports; None if it reports none."""
    found = _STEP.match(line)
    if found is None:
        return None
    subject = service_of(found["name"], project)
    return Progress(subject=subject, state="working", detail=found["step"].lower())


def failed_service(output: str, project: str) -> str | None:
    """The service whose failure kept others from starting; None for any other reason."""
    found = _DEPENDENCY.search(output)
    return service_of(found[1], project) if found else None


def failure(output: str, project: str) -> RuntimeProblem:
    """The failure that the output of a failed start describes."""
    if found := _DEPENDENCY.search(output):
        return ServiceFailed(f"{service_of(found[1], project)} failed ({found[2]}).")
    if found := _PORT.search(output):
        port = found[1] or found[2]
        which = f"Port {port}" if port else "A port"
        return PortTaken(f"{which} is in use: {engine.last_line(output)}")
    if found := _IMAGE.search(output):
        return ImageMissing(f"There is no image {found[1]} on this machine.")
    return engine.failure(output, doing="start the stack")
