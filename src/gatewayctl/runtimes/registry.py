"""Which runtimes there are, and which one a project gets, with the reason."""

from __future__ import annotations

from dataclasses import dataclass

from gatewayctl.errors import RuntimeUnavailable
from gatewayctl.runtimes.base import Runtime
from gatewayctl.settings.model import RuntimeName, Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class ResolvedRuntime:
    """A runtime and why it was chosen, in words that fit behind «because»."""

    name: RuntimeName
    why: str
    runtime: Runtime


def resolve(settings: Settings) -> ResolvedRuntime:
    """The runtime of this project. Raises RuntimeUnavailable for one that is not here."""
    from gatewayctl.runtimes.embedded.runtime import EmbeddedRuntime

    if settings.runtime not in {"auto", "embedded"}:
        raise RuntimeUnavailable(
            f"The runtime {settings.runtime!r} (from {settings.source_of('runtime')}) "
            "is not part of this version.",
            hint="Use --runtime embedded, which needs no Docker.",
        )
    why = (
        f"asked for by {settings.source_of('runtime')}"
        if settings.runtime == "embedded"
        else "it is the runtime of this version"
    )
    return ResolvedRuntime(name="embedded", why=why, runtime=EmbeddedRuntime(settings))
