"""Checks a virtual key with real calls: it may list models, and may not manage keys.

Owns which calls check it; both are free, no model is called. Must not know .env or what
is declared.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import httpx

from gatewayctl.errors import BudgetSpent, GatewayRefused, RouteRefused
from gatewayctl.gateway.client import GatewayClient, rows_of
from gatewayctl.settings.model import Secret

_TIMEOUT: Final = httpx.Timeout(30, connect=5)


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyProbe:
    """The models that the key may call, and how long LiteLLM took to answer, in milliseconds.

    ``spent``: LiteLLM accepts the key, and refuses calls because its budget is spent.
    """

    models: tuple[str, ...]
    latency_ms: float
    spent: BudgetSpent | None = None


def probe_key(
    gateway: GatewayClient, secret: Secret, *, clock: Callable[[], float] = time.perf_counter
) -> KeyProbe:
    """List the models with the key. Raises VirtualKeyRefused if LiteLLM refuses it.

    A key whose budget is spent, or that may not list models, is accepted: LiteLLM checks that only
    after the key itself.
    """
    began, models, spent = clock(), tuple[str, ...](), None
    try:
        answer = gateway.call("GET", "/v1/models", key=secret, role="virtual", timeout=_TIMEOUT)
        with gateway.expecting("a list of models"):
            models = tuple(str(row.get("id")) for row in rows_of(answer, "data"))
    except BudgetSpent as error:
        spent = error
    except RouteRefused:
        pass
    return KeyProbe(models=models, latency_ms=(clock() - began) * 1000, spent=spent)


def is_management_refused(gateway: GatewayClient, secret: Secret) -> bool:
    """True if the key may not list keys; no key of an application may.

    Raises GatewayRefused for a server error.
    """
    with (
        gateway.translate_failures(_TIMEOUT),
        gateway.http.stream(
            "GET",
            f"{gateway.base_url}/key/list",
            params={"size": 1},
            headers={"Authorization": f"Bearer {secret.reveal()}"},
            timeout=_TIMEOUT,
        ) as response,
    ):
        status = response.status_code
    if status >= 500:
        raise GatewayRefused(f"LiteLLM at {gateway.base_url} failed ({status}) to check a key.")
    # 422: its budget is spent, which LiteLLM checks before the route.
    return status in {401, 403, 422}
