"""Which runtimes there are, and which one a project gets, with the reason.

Nothing is asked of an engine unless the choice is left to `auto` and the project has no stack yet.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from gatewayctl.runtimes.base import Runtime
from gatewayctl.runtimes.docker import engine
from gatewayctl.runtimes.runtime_marker import read_runtime
from gatewayctl.settings.model import RuntimeName, Settings

Question = Callable[[engine.Endpoint], engine.Answer]


@dataclass(frozen=True, slots=True, kw_only=True)
class ResolvedRuntime:
    """A runtime and why it was chosen, in words that fit behind «because»."""

    name: RuntimeName
    why: str
    runtime: Runtime


def resolve_runtime(settings: Settings, *, ask: Question = engine.probe_engine) -> ResolvedRuntime:
    """The runtime of this project.

    One that was asked for is not replaced when it cannot work: it says so itself.
    """
    if settings.runtime != "auto":
        why = f"asked for by {settings.source_of('runtime')}"
        return _resolved(settings.runtime, why, settings)
    if known := read_runtime(settings.state_dir):
        return _resolved(known, "this project's stack was made with it", settings)
    return _resolved(*_by_engine(engine.endpoint(), ask), settings)


def _by_engine(where: engine.Endpoint, ask: Question) -> tuple[RuntimeName, str]:
    answer = ask(where)
    if answer == "answers":
        return "docker", "a Docker engine answers"
    said = {
        "silent": "no Docker engine answers",
        "refused": "Docker's engine refuses this user",
        "elsewhere": f"the Docker engine of {where.source} is not on this machine",
    }
    return "embedded", said[answer]


def _resolved(name: RuntimeName, why: str, settings: Settings) -> ResolvedRuntime:
    return ResolvedRuntime(name=name, why=why, runtime=_made(name, settings))


def _made(name: RuntimeName, settings: Settings) -> Runtime:
    if name == "docker":
        from gatewayctl.runtimes.docker.runtime import DockerRuntime

        return DockerRuntime(settings)
    from gatewayctl.runtimes.embedded.runtime import EmbeddedRuntime

    return EmbeddedRuntime(settings)
