"""What `docker compose up` writes while it works, and why it failed.

Owns the reading of its lines. Must not know which services there are.
"""

from __future__ import annotations

import re
from typing import Final

from gatewayctl.errors import ImageMissing, PortTaken, RuntimeProblem, ServiceFailed
from gatewayctl.runtimes.base import Progress
from gatewayctl.runtimes.docker import engine

# « Container shop-litellm-1  Recreated»
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
    """The service of a container that Compose named: project, service, number."""
    return re.sub(r"-\d+$", "", container.removeprefix(f"{project}-"))


def parse_progress(line: str, project: str) -> Progress | None:
    """The news in one line; None where it has none."""
    found = _STEP.match(line)
    if found is None:
        return None
    subject = service_of(found["name"], project)
    return Progress(subject=subject, state="working", detail=found["step"].lower())


def failed_service(words: str, project: str) -> str | None:
    """The service that others waited for in vain; None where it failed for another reason."""
    found = _DEPENDENCY.search(words)
    return service_of(found[1], project) if found else None


def failure(words: str, project: str) -> RuntimeProblem:
    """What the words of a failed start mean."""
    if found := _DEPENDENCY.search(words):
        return ServiceFailed(f"{service_of(found[1], project)} failed ({found[2]}).")
    if found := _PORT.search(words):
        port = found[1] or found[2]
        which = f"Port {port} is" if port else "A port is"
        return PortTaken(f"{which} taken: {engine.last_line(words)}")
    if found := _IMAGE.search(words):
        return ImageMissing(f"There is no image {found[1]} on this machine.")
    return engine.failure(words, doing="start the stack")
