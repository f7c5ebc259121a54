"""The model and the virtual key that a benchmark creates in the gateway, and removes again.

Why a model of LiteLLM's database: it is called exactly as a declared one, by every runtime, and
exists only while it is measured. A declared model would restart the gateway of everyone who never
runs a benchmark, and an `api_base` in the request takes another way through LiteLLM and has to be
allowed for every client. A killed benchmark leaves both behind: the next one removes them, and the
key expires by itself.
"""

from __future__ import annotations

import logging
import re
import secrets
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Final

from gatewayctl.errors import GatewayctlError, GatewayRefused
from gatewayctl.gateway.keys import NewKey, delete_key, generate_key, hash_key, list_key_family
from gatewayctl.gateway.models import (
    BENCH_MODEL,
    create_model,
    delete_model,
    list_deployments,
)
from gatewayctl.settings.model import Secret

if TYPE_CHECKING:
    from gatewayctl.gateway.client import GatewayClient

_LOGGER: Final = logging.getLogger(__name__)
_EXPIRES: Final = "1d"
_NO_MODELS_IN_DATABASE: Final = "STORE_MODEL_IN_DB"
"""In LiteLLM's words of its refusal (model_management_endpoints.py)."""


def name_of(project: str) -> str:
    """Name of model and key; two projects may use one gateway that others operate."""
    return f"{BENCH_MODEL}-{project}"


@contextmanager
def temporary_model(
    gateway: GatewayClient, master: Secret, project: str, api_base: str
) -> Iterator[str]:
    """Create the model for the block; yields its name. Raises GatewayRefused."""
    name = name_of(project)
    # The whole list first: a deletion moves what is on later pages.
    rows = list(list_deployments(gateway, master))
    for row in rows:
        if row["model_name"] == name:
            delete_model(gateway, master, str(row["model_info"].get("id") or ""))
    number = f"{name}-{secrets.token_hex(4)}"
    params = {
        # Not in LiteLLM's table of prices, so that no price of a real model is replaced; without
        # a price each call would log a failure to compute one.
        "model": f"openai/{BENCH_MODEL}",
        "api_base": api_base,
        "api_key": "not-needed",
        "input_cost_per_token": 0,
        "output_cost_per_token": 0,
    }
    with ExitStack() as stack:
        # Before the request: it may have been created although no answer arrived.
        stack.callback(
            _clean_up, f"the model {name}", lambda: delete_model(gateway, master, number)
        )
        try:
            create_model(gateway, master, name=name, number=number, params=params)
        except GatewayRefused as error:
            stack.pop_all()
            if _NO_MODELS_IN_DATABASE in error.message.upper():
                error.hint = (
                    "Set general_settings.store_model_in_db: true in the gateway's configuration,"
                    " or measure one of its models with --model NAME."
                )
            raise
        yield name


@contextmanager
def temporary_key(
    gateway: GatewayClient, master: Secret, project: str, model: str
) -> Iterator[Secret]:
    """Register a virtual key without limits for the block, which may call that model only."""
    name = name_of(project)
    # Not those of a project whose name only begins like this one's.
    ours = re.compile(rf"{re.escape(name)}-[0-9a-f]{{8}}")
    for key in list_key_family(gateway, master, f"{name}-"):
        if ours.fullmatch(key.alias or ""):
            delete_key(gateway, master, key.hash)
    secret = Secret(f"sk-{secrets.token_urlsafe(24)}")
    alias = f"{name}-{secrets.token_hex(4)}"
    new = NewKey(alias=alias, secret=secret, models=(model,), duration=_EXPIRES)
    try:
        generate_key(gateway, master, new)
        yield secret
    finally:
        _clean_up(f"the key {alias}", lambda: delete_key(gateway, master, hash_key(secret)))


def _clean_up(what: str, remove: Callable[[], None]) -> None:
    """Remove it; a failure must not hide the result, nor the failure that ended the benchmark."""
    try:
        remove()
    except GatewayctlError as error:
        _LOGGER.warning("Could not remove %s (%s); the next bench does.", what, error.message)
