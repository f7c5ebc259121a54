"""A project as its files are at one moment, for verbs that change these files on their way."""

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
    """A project as its files are now; made anew after one was changed."""

    settings: Settings
    resolved: ResolvedRuntime
    gateway: GatewayClient

    @property
    def releases(self) -> Releases:
        """Its runtime as one that tells of releases. Raises RuntimeUnavailable."""
        runtime = self.resolved.runtime
        if isinstance(runtime, Releases):
            return runtime
        raise RuntimeUnavailable(
            f"The runtime {self.resolved.name} does not tell which release it runs.",
            hint="Change its image yourself, after `gatewayctl backup`.",
        )
