"""The model groups that LiteLLM serves, and whether one answers.

Owns the shapes of /v2/model/info, /model/new and /model/delete, and the endpoint of each kind of
model. Must not know which models are declared.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import httpx

from gatewayctl.gateway.client import GatewayClient, rows_of
from gatewayctl.settings.model import Secret

_PAGE_SIZE: Final = 100
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
AS_CALLED: Final = {
    "num_retries": 0,
    "disable_fallbacks": True,
    "cache": {"no-cache": True, "no-store": True},
}
"""Only the model itself answers: not another one, nor LiteLLM's cache, nor a second attempt."""
BENCH_MODEL: Final = "gatewayctl-bench"
"""Begins the name of the model that `bench` creates in the database, for as long as it runs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployment:
    """One of the deployments of a model group, in LiteLLM's notation; ``id`` is LiteLLM's."""

    id: str
    upstream: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ServedModel:
    """A model group: the name that clients use, and its deployments.

    ``mode`` is LiteLLM's name of its kind, such as embedding. ``in_database``: whether one of them
    was added in the admin UI or by the API.
    """

    name: str
    deployments: tuple[Deployment, ...]
    mode: str = _CHAT
    in_database: bool = False

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
    groups: dict[str, list[Mapping[str, Any]]] = {}
    for row in list_deployments(gateway, master):
        groups.setdefault(row["model_name"], []).append(row)
    return tuple(_group(name, rows) for name, rows in groups.items())


def _group(name: str, rows: Sequence[Mapping[str, Any]]) -> ServedModel:
    infos = [row["model_info"] for row in rows]
    return ServedModel(
        name=name,
        deployments=tuple(
            Deployment(
                id=str(row["model_info"].get("id") or ""),
                upstream=str(row["litellm_params"]["model"]),
            )
            for row in rows
        ),
        mode=next((str(info["mode"]) for info in infos if info.get("mode")), _CHAT),
        in_database=any(info.get("db_model") is True for info in infos),
    )


def list_deployments(gateway: GatewayClient, master: Secret) -> Iterator[Mapping[str, Any]]:
    """Yield each deployment: model_name, litellm_params without secrets, model_info.

    A pattern such as ``openai/*`` is one deployment, which /model/info lists as every model that
    LiteLLM knows of it: it is asked only where there is no /v2/model/info.
    """
    page, pages, path = 1, 1, "/v2/model/info"
    while page <= pages:
        params = {"page": page, "size": _PAGE_SIZE}
        answer = gateway.call(
            "GET", path, key=master, role="master", params=params, none_if_absent=True
        )
        if answer is None:
            answer = gateway.call("GET", "/model/info", key=master, role="master")
        with gateway.expecting("a list of models"):
            for row in rows_of(answer, "data"):
                given = {
                    name: dict(row.get(name) or {}) for name in ("litellm_params", "model_info")
                }
                given["litellm_params"].setdefault("model", "")
                yield {"model_name": str(row["model_name"]), **given}
            pages = int(answer.get("total_pages") or 1)
        page += 1


def create_model(
    gateway: GatewayClient, master: Secret, *, name: str, number: str, params: Mapping[str, Any]
) -> None:
    """Add a deployment to LiteLLM's database, which serves it at once; ``number`` is its id.

    Raises GatewayRefused where LiteLLM keeps no models in its database (store_model_in_db).
    """
    body = {"model_name": name, "litellm_params": dict(params), "model_info": {"id": number}}
    gateway.call("POST", "/model/new", key=master, role="master", json=body)


def delete_model(gateway: GatewayClient, master: Secret, number: str) -> None:
    """Delete a deployment from LiteLLM's database. Raises GatewayRefused if it has none."""
    gateway.call("POST", "/model/delete", key=master, role="master", json={"id": number})


def probe_model(gateway: GatewayClient, master: Secret, model: str, *, mode: str = _CHAT) -> None:
    """Call a model, or a deployment by its id, once with a minimal request of its kind.

    The provider may charge for it. Raises what a chat would: UpstreamRefused, UpstreamTimeout,
    UnknownModel… The master key rules out the limits of a virtual key as a cause.
    """
    endpoint = _ENDPOINTS[mode]
    body = {"model": model, **endpoint.body, **AS_CALLED}
    answer = gateway.call(
        "POST", endpoint.path, key=master, role="master", json=body, timeout=CHECK_TIMEOUT
    )
    with gateway.expecting(f"{endpoint.answer} of a model"):
        _ = rows_of(answer, endpoint.answer)[0]
