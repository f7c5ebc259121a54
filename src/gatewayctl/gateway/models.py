"""The model groups that LiteLLM serves, and whether one answers.

Owns the shapes of /model/info, and the endpoint of each kind of model. Must not know which models
are declared.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import httpx

from gatewayctl.gateway.client import GatewayClient, rows_of
from gatewayctl.settings.model import Secret

CHECK_TIMEOUT: Final = httpx.Timeout(60, connect=5)
_CHAT: Final = "chat"


class _Endpoint(NamedTuple):
    """Where a kind of model is called: a minimal request, and the name of the answer's list."""

    path: str
    body: Mapping[str, Any]
    answer: str


_PING: Final = {"messages": [{"role": "user", "content": "ping"}]}
_ENDPOINTS: Final[Mapping[str, _Endpoint]] = {
    # The minimum of some reasoning models; LiteLLM renames the parameter for them.
    _CHAT: _Endpoint("/v1/chat/completions", {**_PING, "max_tokens": 16}, "choices"),
    "completion": _Endpoint("/v1/completions", {"prompt": "ping", "max_tokens": 16}, "choices"),
    "responses": _Endpoint("/v1/responses", {"input": "ping", "max_output_tokens": 16}, "output"),
    "embedding": _Endpoint("/v1/embeddings", {"input": ["ping"]}, "data"),
    "rerank": _Endpoint("/v1/rerank", {"query": "ping", "documents": ["ping"]}, "results"),
    "moderation": _Endpoint("/v1/moderations", {"input": "ping"}, "results"),
}
"""By LiteLLM's mode. Other kinds cost too much to be tried: images, audio, video, training."""
_AS_CALLED: Final = {
    "num_retries": 0,
    "disable_fallbacks": True,
    "cache": {"no-cache": True, "no-store": True},
}
"""The model itself is checked: not another one, nor an answer of LiteLLM's cache."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployment:
    """One of the deployments of a model group, in LiteLLM's notation; ``id`` is LiteLLM's."""

    id: str
    upstream: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ServedModel:
    """A model group: the name that clients use, and its deployments.

    ``mode`` is LiteLLM's name of its kind, such as embedding.
    """

    name: str
    deployments: tuple[Deployment, ...]
    mode: str = _CHAT

    @property
    def upstreams(self) -> tuple[str, ...]:
        """The different models behind it, in LiteLLM's notation."""
        return tuple(dict.fromkeys(each.upstream for each in self.deployments))

    @property
    def uncallable(self) -> str | None:
        """Why it cannot be called to check it; None if it can."""
        if "*" in self.name:
            return "wildcard"
        return None if self.mode in _ENDPOINTS else self.mode


def list_served_models(gateway: GatewayClient, master: Secret) -> tuple[ServedModel, ...]:
    """List every model group, in the order of LiteLLM's configuration."""
    answer = gateway.call("GET", "/model/info", key=master, role="master")
    groups: dict[str, list[Deployment]] = {}
    modes: dict[str, str] = {}
    with gateway.expecting("a list of models"):
        for row in rows_of(answer, "data"):
            name, info = str(row["model_name"]), row.get("model_info") or {}
            upstream = str((row.get("litellm_params") or {}).get("model") or "")
            deployment = Deployment(id=str(info.get("id") or ""), upstream=upstream)
            groups.setdefault(name, []).append(deployment)
            if info.get("mode"):
                modes.setdefault(name, str(info["mode"]))
    return tuple(
        ServedModel(name=name, deployments=tuple(found), mode=modes.get(name, _CHAT))
        for name, found in groups.items()
    )


def probe_model(gateway: GatewayClient, master: Secret, model: str, *, mode: str = _CHAT) -> None:
    """Call a model, or a deployment by its id, once with a minimal request of its kind.

    The provider may charge for it. Raises what a chat would: UpstreamRefused, UpstreamTimeout,
    UnknownModel… The master key rules out the limits of a virtual key as a cause.
    """
    endpoint = _ENDPOINTS[mode]
    body = {"model": model, **endpoint.body, **_AS_CALLED}
    answer = gateway.call(
        "POST", endpoint.path, key=master, role="master", json=body, timeout=CHECK_TIMEOUT
    )
    with gateway.expecting(f"{endpoint.answer} of a model"):
        _ = rows_of(answer, endpoint.answer)[0]
