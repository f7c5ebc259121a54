"""The verb reset: LiteLLM's database emptied and its declared keys made anew.

Phoenix's traces stay. Each step can be repeated, so that running reset again after an
interruption finishes it. The caller has shown what is lost and asked for consent.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from gatewayctl.errors import GatewayctlError
from gatewayctl.operations.health import ServiceReport
from gatewayctl.operations.keys_create import KeysCreateReport, create_declared_keys
from gatewayctl.operations.lock import held
from gatewayctl.operations.ready import wait_ready
from gatewayctl.operations.render import render
from gatewayctl.runtimes.base import Progress
from gatewayctl.runtimes.registry import ResolvedRuntime
from gatewayctl.settings.master_key import require_master_key
from gatewayctl.settings.model import Settings

if TYPE_CHECKING:
    from gatewayctl.gateway.client import GatewayClient


@dataclass(frozen=True, slots=True, kw_only=True)
class Loss:
    """What a reset loses; None where the gateway does not say because it does not run.

    ``spend`` in US dollars, over the keys that exist now.
    """

    keys: int | None
    spend: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ResetReport:
    """What was lost, and the stack and its new keys."""

    project: str
    lost: Loss
    services: tuple[ServiceReport, ...]
    keys: KeysCreateReport

    @property
    def problem(self) -> GatewayctlError | None:
        """Set where some of the keys could not be made anew."""
        return self.keys.problem


def loss(settings: Settings, gateway: GatewayClient) -> Loss:
    """What is in LiteLLM's database now. Never raises for a gateway that does not answer."""
    from gatewayctl.gateway.keys import listed

    try:
        keys = list(listed(gateway, require_master_key(settings)))
    except GatewayctlError:
        return Loss(keys=None, spend=None)
    return Loss(keys=len(keys), spend=sum(key.spend or 0.0 for key in keys))


def reset(
    settings: Settings,
    resolved: ResolvedRuntime,
    gateway: GatewayClient,
    *,
    lost: Loss,
    timeout: float,
) -> Generator[Progress, None, ResetReport]:
    """Empty LiteLLM's database, start, wait until ready, make the declared keys anew.

    Raises what `up` raises; the same command run again goes on.
    """
    require_master_key(settings)
    runtime = resolved.runtime
    with held(settings.state_dir, "reset"):
        runtime.preflight()
        yield from runtime.prepare()
        render(settings, runtime=resolved.name)
        yield from runtime.empty_litellm_database()
        yield from runtime.start()
        services = yield from wait_ready(settings, runtime, gateway.http, timeout=timeout)
        keys = create_declared_keys(settings, gateway, fresh=True)
    return ResetReport(project=settings.project_name, lost=lost, services=services, keys=keys)
