"""The model and the virtual key that a benchmark creates in the gateway, and removes again.

Why a model of LiteLLM's database: it is called exactly as a declared one, by every runtime, and
exists only while it is measured. A declared model would restart the gateway of everyone who never
runs a benchmark, and an `api_base` in the request takes another way through LiteLLM and has to be
allowed for every client. A killed benchmark leaves both behind: the next one removes them, and the
key expires by itself.
"""

from __future__ import annotations

import logging
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from gatewayctl.errors import GatewayctlError, GatewayRefused
from gatewayctl.gateway.keys import NewKey, delete_key, generate_key, hash_key, list_key_family
from gatewayctl.gateway.models import create_model, delete_model, list_deployments
from gatewayctl.settings.model import Secret

if TYPE_CHECKING:
    from gatewayctl.gateway.client import GatewayClient

_LOGGER: Final = logging.getLogger(__name__)
NAME: Final = "gatewayctl-bench"
_EXPIRES: Final = "1d"


def name_of(project: str) -> str:
    """Name of model and key; two projects may use one gateway that others operate."""
    return f"{NAME}-{project}"


@contextmanager
def temporary_model(
    gateway: GatewayClient, master: Secret, project: str, api_base: str
) -> Iterator[str]:
    """Create the model for the block; yields its name. Raises GatewayRefused."""
    name = name_of(project)
    for each in list_deployments(gateway, master):
        if each["model_name"] == name:
            delete_model(gateway, master, str(each["model_info"].get("id") or ""))
    number = f"{name}-{secrets.token_hex(4)}"
    try:
        create_model(
            gateway,
            master,
            name=name,
            number=number,
            params={
                # Not in LiteLLM's table of prices, so that no price of a real model is replaced;
                # without a price each call would log a failure to compute one.
                "model": f"openai/{NAME}",
                "api_base": api_base,
                "api_key": "not-needed",
                "input_cost_per_token": 0,
                "output_cost_per_token": 0,
            },
        )
    except GatewayRefused as error:
        error.hint = (
            "The gateway must keep models in its database: general_settings.store_model_in_db:"
            " true. Or measure one of its models with --model NAME."
        )
        raise
    try:
        yield name
    finally:
        _clean_up(f"the model {name}", lambda: delete_model(gateway, master, number))


@contextmanager
def temporary_key(
    gateway: GatewayClient, master: Secret, project: str, model: str
) -> Iterator[Secret]:
    """Register a virtual key without limits for the block, which may call that model only."""
    name = name_of(project)
    for key in list_key_family(gateway, master, f"{name}-"):
        delete_key(gateway, master, key.hash)
    secret = Secret(f"sk-{secrets.token_urlsafe(24)}")
    alias = f"{name}-{secrets.token_hex(4)}"
    new = NewKey(alias=alias, secret=secret, models=(model,), duration=_EXPIRES)
    generate_key(gateway, master, new)
    try:
        yield secret
    finally:
        _clean_up(f"the key {alias}", lambda: delete_key(gateway, master, hash_key(secret)))


def _clean_up(what: str, remove: Callable[[], None]) -> None:
    """Remove it; a failure must not hide the result, nor the failure that ended the benchmark."""
    try:
        remove()
    except GatewayctlError as error:
        _LOGGER.warning("Could not remove %s (%s); the next bench does.", what, error.message)
