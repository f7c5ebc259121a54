"""The model groups that LiteLLM serves, and whether one answers.

Owns the shapes of /v2/model/info. Must not know which models are declared.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import httpx

from gatewayctl.gateway.client import GatewayClient, rows_of
from gatewayctl.settings.model import Secret

_PAGE_SIZE: Final = 100
CHECK_TIMEOUT: Final = httpx.Timeout(60, connect=5)


@dataclass(frozen=True, slots=True, kw_only=True)
class ServedModel:
    """A model group: the name that clients use, and its deployments in LiteLLM's notation.

    ``in_database``: whether one of them was added in the admin UI or by the API.
    """

    name: str
    upstreams: tuple[str, ...]
    in_database: bool = False


def list_served_models(gateway: GatewayClient, master: Secret) -> tuple[ServedModel, ...]:
    """List every model group, in the order of LiteLLM's configuration."""
    groups: dict[str, list[Mapping[str, Any]]] = {}
    for row in list_deployments(gateway, master):
        groups.setdefault(row["model_name"], []).append(row)
    return tuple(
        ServedModel(
            name=name,
            upstreams=tuple(dict.fromkeys(str(row["litellm_params"]["model"]) for row in rows)),
            in_database=any(row["model_info"].get("db_model") is True for row in rows),
        )
        for name, rows in groups.items()
    )


def list_deployments(gateway: GatewayClient, master: Secret) -> Iterator[Mapping[str, Any]]:
    """Yield each deployment: model_name, litellm_params without secrets, model_info.

    A pattern such as ``openai/*`` is one deployment, which /model/info lists as every model that
    LiteLLM knows of it.
    """
    page = 1
    while True:
        params = {"page": page, "size": _PAGE_SIZE}
        answer = gateway.call("GET", "/v2/model/info", key=master, role="master", params=params)
        with gateway.expecting("a list of models"):
            for row in rows_of(answer, "data"):
                given = {
                    name: dict(row.get(name) or {}) for name in ("litellm_params", "model_info")
                }
                given["litellm_params"].setdefault("model", "")
                yield {"model_name": str(row["model_name"]), **given}
            pages = int(answer.get("total_pages") or 1)
        if page >= pages:
            return
        page += 1


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
