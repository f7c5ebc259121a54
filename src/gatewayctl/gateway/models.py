"""The model groups that LiteLLM serves, and whether one answers.

Owns the shapes of /model/info. Must not know which models are declared.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import httpx

from gatewayctl.gateway.client import GatewayClient, rows_of
from gatewayctl.settings.model import Secret

CHECK_TIMEOUT: Final = httpx.Timeout(60, connect=5)


@dataclass(frozen=True, slots=True, kw_only=True)
class ServedModel:
    """A model group: the name that clients use, and its deployments in LiteLLM's notation."""

    name: str
    upstreams: tuple[str, ...]


def list_served_models(gateway: GatewayClient, master: Secret) -> tuple[ServedModel, ...]:
    """List every model group, in the order of LiteLLM's configuration."""
    answer = gateway.call("GET", "/model/info", key=master, role="master")
    groups: dict[str, list[str]] = {}
    with gateway.expecting("a list of models"):
        for row in rows_of(answer, "data"):
            upstream = str((row.get("litellm_params") or {}).get("model") or "")
            groups.setdefault(str(row["model_name"]), []).append(upstream)
    return tuple(
        ServedModel(name=name, upstreams=tuple(dict.fromkeys(upstreams)))
        for name, upstreams in groups.items()
    )


def probe_model(gateway: GatewayClient, master: Secret, model: str) -> None:
    """Call a model once with a minimal prompt, which the provider may charge for.

    Raises what a chat would: UpstreamRefused, UpstreamTimeout, UnknownModel… The master
    key rules out the limits of a virtual key as a cause.
    """
    body = {
        "model": model,
        "messages": [{"role": "user", "content": "ping"}],
        # The minimum of some reasoning models; LiteLLM renames the parameter for them.
        "max_tokens": 16,
        "num_retries": 0,
    }
    answer = gateway.call(
        "POST", "/v1/chat/completions", key=master, role="master", json=body, timeout=CHECK_TIMEOUT
    )
    with gateway.expecting("a completion"):
        _ = rows_of(answer, "choices")[0]["message"]
