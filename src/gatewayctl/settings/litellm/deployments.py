"""The deployments of LiteLLM's own configuration, as the models that all commands know.

Owns what is read from an entry of ``model_list``. Must not change any of it: it is rendered as it
is written.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import Any, Final

from gatewayctl.settings import providers, reference
from gatewayctl.settings.litellm.config import REFERENCE, LitellmConfig
from gatewayctl.settings.model import Model

_OTHER_LOGINS: Final = ("azure_ad_token", "client_secret", "litellm_credential_name")
"""Parameters in place of api_key."""


def deployments(config: LitellmConfig) -> tuple[Model, ...]:
    """The entries of ``model_list`` that are complete; others are reported as problems."""
    found = (_deployment(node.plain()) for node in config.items("model_list"))
    return tuple(model for model in found if model is not None)


def _deployment(entry: Any) -> Model | None:
    params = entry.get("litellm_params") if isinstance(entry, dict) else None
    if not isinstance(params, dict) or not isinstance(params.get("model"), str):
        return None
    name, info = entry.get("model_name"), entry.get("model_info")
    return Model(
        name=str(name),
        litellm_params=MappingProxyType(params),
        api_key_env=_key_variable(params),
        num_retries=_number(params.get("num_retries"), reference.NUM_RETRIES),
        timeout=_number(params.get("timeout"), reference.TIMEOUT),
        model_info=MappingProxyType(info if isinstance(info, dict) else {}),
        from_litellm=True,
    )


def _key_variable(params: dict[str, Any]) -> str | None:
    """The variable with the key of the provider: the one that is named, else the usual one."""
    key = params.get("api_key")
    if isinstance(key, str):
        found = REFERENCE.fullmatch(key)
        return None if found is None else found[1]
    if "mock_response" in params or any(name in params for name in _OTHER_LOGINS):
        return None
    named = params.get("custom_llm_provider")
    return providers.key_variable(str(named) if named else providers.provider_of(params["model"]))


def _number(value: Any, default: int) -> int:
    usable = isinstance(value, int | float) and not isinstance(value, bool)
    return int(value) if usable else default
