"""A project as its files are at one moment, for verbs that change these files while they run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from gatewayctl.errors import RuntimeUnavailable
from gatewayctl.runtimes.registry import ResolvedRuntime
from gatewayctl.runtimes.releases import Releases
from gatewayctl.settings.model import Settings

if TYPE_CHECKING:
    from gatewayctl.gateway.client import GatewayClient


@dataclass(frozen=True, slots=True, kw_only=True)
class Project:
    """Settings, runtime and gateway; stale after a change of the files, so load it again then."""

    settings: Settings
    resolved: ResolvedRuntime
    gateway: GatewayClient

    @property
    def releases(self) -> Releases:
        """The runtime, if it can report which release it runs. Raises RuntimeUnavailable."""
        runtime = self.resolved.runtime
        if isinstance(runtime, Releases):
            return runtime
        raise RuntimeUnavailable(
            f"The {self.resolved.name} runtime does not report which release it runs.",
            hint="Change its image yourself, after `gatewayctl backup`.",
        )
