"""The configuration that LiteLLM's database holds beside its file.

Owns the shapes of /router/settings and /config/list, and the database's part of /v2/model/info.
Must not know what is declared. LiteLLM 1.108 says where each setting is from; an older release does
not, and then nothing is known of the settings.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from gatewayctl.gateway.client import GatewayClient, rows_of
from gatewayctl.gateway.models import BENCH_MODEL, list_deployments
from gatewayctl.settings.model import Secret

_DEFAULTS: Final = (
    "allow_client_keepalive_override",
    "merge_reasoning_content_in_choices",
    "use_in_pass_through",
    "use_litellm_proxy",
    "use_xai_oauth",
)
"""Parameters that LiteLLM adds to every deployment, false unless they are set."""
_INFO: Final = ("id", "mode", "base_model", "access_groups")
"""What is kept of model_info; the rest is from LiteLLM's own table of models."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredDeployment:
    """A deployment in the database. ``params`` are without secrets, which LiteLLM never returns."""

    id: str
    name: str
    params: Mapping[str, Any]
    info: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredSetting:
    """A setting in the database; ``counts`` is False where the file has it too, and wins."""

    section: str
    name: str
    value: Any
    counts: bool

    @property
    def path(self) -> str:
        return f"{self.section}.{self.name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredConfig:
    """All of it, in LiteLLM's order."""

    deployments: tuple[StoredDeployment, ...] = ()
    settings: tuple[StoredSetting, ...] = ()


def read_stored_config(gateway: GatewayClient, master: Secret) -> StoredConfig:
    """Read what was added or changed in the admin UI or by the API, and not in the file.

    Raises MasterKeyRefused, GatewayUnreachable, GatewayTimeout, GatewayRefused.
    """
    rows = [
        row
        for row in list_deployments(gateway, master)
        if row["model_info"].get("db_model") is True
        # One that a killed `bench` left: its next run removes it.
        and not row["model_name"].startswith(f"{BENCH_MODEL}-")
    ]
    with gateway.expecting("a list of models"):
        stored = tuple(map(_deployment, rows))
    settings = (*_router_settings(gateway, master), *_general_settings(gateway, master))
    return StoredConfig(deployments=stored, settings=settings)


def _deployment(row: Mapping[str, Any]) -> StoredDeployment:
    params, info = row["litellm_params"], row["model_info"]
    overrides = info.get("pricing_overrides") or ()
    return StoredDeployment(
        id=str(info.get("id") or ""),
        name=row["model_name"],
        params={
            name: value
            for name, value in params.items()
            if value is not None and not (name in _DEFAULTS and value is False)
        },
        info={
            name: info[name]
            for name in (*_INFO, *overrides)
            if info.get(name) not in (None, [], {})
        },
    )


def _router_settings(gateway: GatewayClient, master: Secret) -> Iterator[StoredSetting]:
    answer = gateway.call("GET", "/router/settings", key=master, role="master", none_if_absent=True)
    with gateway.expecting("the settings of the router"):
        found = {} if answer is None else dict(answer.get("source") or {})
        values = {} if answer is None else dict(answer.get("current_values") or {})
        for name, source in found.items():
            if source == "db":
                yield StoredSetting(
                    section="router_settings", name=name, value=values.get(name), counts=True
                )


def _general_settings(gateway: GatewayClient, master: Secret) -> Iterator[StoredSetting]:
    params = {"config_type": "general_settings"}
    answer = gateway.call(
        "GET", "/config/list", key=master, role="master", params=params, none_if_absent=True
    )
    with gateway.expecting("a list of settings"):
        for row in [] if answer is None else rows_of({"rows": answer}, "rows"):
            if row.get("stored_in_db") is True and row.get("source") in {"db", "config"}:
                yield StoredSetting(
                    section="general_settings",
                    name=str(row["field_name"]),
                    value=row.get("field_value"),
                    counts=row["source"] == "db",
                )
