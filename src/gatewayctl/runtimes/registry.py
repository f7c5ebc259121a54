"""The runtimes, and which one a project uses and why.

An engine is contacted only if the choice is left to `auto` and the project has no stack yet.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from gatewayctl.errors import RuntimeUnavailable
from gatewayctl.runtimes.base import Runtime
from gatewayctl.runtimes.config_loader.base import ConfigLoader
from gatewayctl.runtimes.docker import engine
from gatewayctl.runtimes.runtime_marker import read_runtime
from gatewayctl.settings.model import RuntimeName, Settings

Probe = Callable[[engine.Endpoint], engine.Answer]


@dataclass(frozen=True, slots=True, kw_only=True)
class ResolvedRuntime:
    """A runtime and why it was chosen, as a phrase to follow «because».

    ``loader`` runs LiteLLM's own loader; None where that is not possible.
    """

    name: RuntimeName
    why: str
    runtime: Runtime
    loader: ConfigLoader | None = None


def resolve_runtime(
    settings: Settings, *, portable: bool = False, probe: Probe = engine.probe_engine
) -> ResolvedRuntime:
    """Choose the runtime of this project.

    One that the user selected is never replaced by another: if it cannot work, it reports that.
    With ``portable`` a new stack gets the one that works on any machine, whatever the settings.
    """
    if not portable and settings.runtime != "auto":
        why = f"selected by {settings.source_of('runtime')}"
        return _resolve(settings.runtime, why, settings)
    if known := read_runtime(settings.state_dir):
        return _resolve(known, "this project's stack was created with it", settings)
    if portable:
        why = "it works on any machine; --runtime selects another"
        return _resolve(*_prefer_embedded(why), settings)
    return _resolve(*_choose_by_engine(engine.endpoint(), probe), settings)


def _choose_by_engine(where: engine.Endpoint, probe: Probe) -> tuple[RuntimeName, str]:
    answer = probe(where)
    if answer == "answers":
        return "docker", "a Docker engine answers"
    reasons = {
        "silent": "no Docker engine answers",
        "refused": "the Docker engine refuses this user",
        "elsewhere": f"the Docker engine of {where.source} is not on this machine",
    }
    return _prefer_embedded(reasons[answer])


def _prefer_embedded(why: str) -> tuple[RuntimeName, str]:
    """Embedded because of ``why``, unless it cannot run here."""
    from gatewayctl.runtimes.embedded.requirements import require_supported

    try:
        require_supported()
    except RuntimeUnavailable as error:
        return "docker", f"the embedded runtime cannot run here: {error.message.rstrip('.')}"
    return "embedded", why


def _resolve(name: RuntimeName, why: str, settings: Settings) -> ResolvedRuntime:
    runtime, loader = _create(name, settings)
    return ResolvedRuntime(name=name, why=why, runtime=runtime, loader=loader)


def _create(name: RuntimeName, settings: Settings) -> tuple[Runtime, ConfigLoader | None]:
    if name == "docker":
        from gatewayctl.runtimes.config_loader.docker import DockerConfigLoader
        from gatewayctl.runtimes.docker.runtime import DockerRuntime

        return DockerRuntime(settings), DockerConfigLoader(settings)
    if name == "kubernetes":
        from gatewayctl.runtimes.config_loader.kubernetes import KubernetesConfigLoader
        from gatewayctl.runtimes.kubernetes.runtime import KubernetesRuntime

        return KubernetesRuntime(settings), KubernetesConfigLoader(settings)
    if name == "external":
        from gatewayctl.runtimes.external import ExternalRuntime

        return ExternalRuntime(settings), None
    from gatewayctl.runtimes.config_loader.embedded import EmbeddedConfigLoader
    from gatewayctl.runtimes.embedded.runtime import EmbeddedRuntime

    return EmbeddedRuntime(settings), EmbeddedConfigLoader(settings)
