"""What LiteLLM's database adds to the configuration, or overrides: who wins, in words.

Owns the comparison with what is declared. Must not change anything.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from gatewayctl.gateway.client import GatewayClient
from gatewayctl.gateway.config import StoredConfig, StoredDeployment, read_stored_config
from gatewayctl.settings.master_key import require_master_key
from gatewayctl.settings.model import Settings
from gatewayctl.settings.plain_secrets import is_secret

StoredEffect = Literal["adds", "overrides", "ignored", "pulled"]


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredRow:
    """One thing in the database, by its path (``model_list: NAME`` or ``router_settings.NAME``).

    ``effect``: it ``adds`` to the file, ``overrides`` what the file has, is ``ignored`` because
    the file wins, or was ``pulled`` into the file and is the same there.
    """

    path: str
    effect: StoredEffect
    detail: str


def compare_database(settings: Settings, gateway: GatewayClient) -> tuple[StoredRow, ...]:
    """Compare the database with the files. Raises what `read_stored_config` does."""
    return describe(read_stored_config(gateway, require_master_key(settings)), settings)


def describe(stored: StoredConfig, settings: Settings) -> tuple[StoredRow, ...]:
    """One row for each deployment and setting in the database."""
    declared = declared_by_id(settings)
    names = {model.name for model in settings.served}
    rows = [_deployment_row(each, declared.get(each.id), names) for each in stored.deployments]
    rows += [
        StoredRow(
            path=each.path,
            effect="adds" if each.counts else "ignored",
            detail="is set in the database"
            if each.counts
            else "is also set in the database, where it does not count",
        )
        for each in stored.settings
    ]
    return tuple(rows)


def declared_by_id(settings: Settings) -> Mapping[str, Mapping[str, Any]]:
    """The parameters of the declared deployments that have an id, as `config pull` writes it."""
    return {
        str(model.model_info["id"]): model.litellm_params
        for model in settings.models
        if "id" in model.model_info
    }


def _deployment_row(
    stored: StoredDeployment, declared: Mapping[str, Any] | None, names: set[str]
) -> StoredRow:
    path = f"model_list: {stored.name}"
    upstream = str(stored.params.get("model") or "")
    if declared is None:
        group = "one more deployment of this model group" if stored.name in names else "a model"
        return StoredRow(path=path, effect="adds", detail=f"{group} in the database: {upstream}")
    differing = find_differences(stored, declared)
    if not differing:
        return StoredRow(path=path, effect="pulled", detail="is in the file and in the database")
    return StoredRow(
        path=path,
        effect="overrides",
        detail=f"the database counts, with another {', '.join(differing)}",
    )


def without_secrets(values: Mapping[str, Any]) -> tuple[dict[str, Any], tuple[str, ...]]:
    """A copy without secrets, whole or as LiteLLM masks them, and their dotted names.

    The database has them whole. In a list nothing can be left out: then all of it is.
    """
    kept: dict[str, Any] = {}
    dropped: list[str] = []
    for name, value in values.items():
        if isinstance(value, Mapping):
            kept[name], inside = without_secrets(value)
            dropped += [f"{name}.{each}" for each in inside]
        elif _has_secret(name, value):
            dropped.append(name)
        else:
            kept[name] = value
    return kept, tuple(dropped)


def _has_secret(name: str, value: Any) -> bool:
    if isinstance(value, list | tuple):
        return any(_has_secret(name, each) for each in value)
    if isinstance(value, Mapping):
        return bool(without_secrets(value)[1])
    # Who has such an address may post there.
    is_webhook = "webhook" in name.lower() or "hooks." in str(value)
    text = isinstance(value, str)
    return text and (is_webhook or "****" in value or is_secret(str(name), value))


def find_differences(stored: StoredDeployment, declared: Mapping[str, Any]) -> list[str]:
    """The parameters with other values; secrets, which LiteLLM never returns, are left out."""
    # It masks some and removes others: a reference in the file has no counterpart.
    own = {k: v for k, v in declared.items() if not str(v).startswith("os.environ/")}
    shown, _ = without_secrets(stored.params)
    other = {k: v for k, v in shown.items() if k in own or k not in declared}
    return sorted(name for name in {**own, **other} if own.get(name) != other.get(name))
