"""Explains a provider's failure: which model, where, with which key, and what LiteLLM's log says.

Owns the sentence about the declared model and the hints about its key and address. Must not know
how a failure is recognized, nor the runtime that keeps the log.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

from gatewayctl import network
from gatewayctl.errors import (
    GatewayctlError,
    UpstreamRefused,
    UpstreamTimeout,
    UpstreamUnreachable,
)
from gatewayctl.gateway.upstream import connection_error
from gatewayctl.operations.models import loopback
from gatewayctl.settings.masking import mask
from gatewayctl.settings.model import Model, Settings

ReadLog = Callable[[], str]
"""Returns the end of LiteLLM's log."""
_READS: Final = 5
_PAUSE: Final = 0.2
"""Seconds: the log may be a little later than the answer."""


def explain_provider_failure(
    error: GatewayctlError,
    model: str,
    settings: Settings,
    read_log: ReadLog | None = None,
    *,
    sleep: Callable[[float], None] = time.sleep,
) -> GatewayctlError:
    """Add the address, the cause of a failed connection and a fitting hint; others are returned.

    For many providers LiteLLM answers «Connection error.» only: its log has the cause.
    """
    if not isinstance(error, UpstreamRefused | UpstreamTimeout | UpstreamUnreachable):
        return error
    declared = next((each for each in settings.models if each.name == model), None)
    message, hint, finding = error.message, error.hint, error.finding
    if isinstance(error, UpstreamUnreachable) and error.call_id and read_log is not None:
        found = _find_cause(read_log, error.call_id, sleep)
        message, hint = (message, hint) if found is None else (found.message, found.hint)
    if declared is not None:
        end = "" if message.endswith((".", "!", "?", "…")) else "."
        hint = _choose_hint(error, message, hint, declared, settings)
        message = f"{message}{end} {_describe(declared, settings)}"
        if isinstance(error, UpstreamUnreachable) and loopback.runs_in_container(settings):
            hint, finding = _explain_in_docker(hint, declared, settings)
    explained = type(error)(message, hint=hint)
    explained.finding = finding
    return explained


def _find_cause(
    read_log: ReadLog, call_id: str, sleep: Callable[[float], None]
) -> UpstreamUnreachable | None:
    """The cause in the log of one call, whose traceback ends where another call begins."""
    mark = "litellm_call_id="
    for attempt in range(_READS):
        if attempt:
            sleep(_PAUSE)
        try:
            log = read_log()
        except GatewayctlError:
            return None
        _, found, rest = log.rpartition(f"{mark}{call_id}")
        if found and (cause := connection_error(rest.partition(mark)[0])) is not None:
            return cause
    return None


def _describe(model: Model, settings: Settings) -> str:
    """What serves a model group; an address may contain a password."""
    upstream, address = model.litellm_params.get("model"), model.litellm_params.get("api_base")
    at = "" if address is None else f" at {address}"
    return mask(f"{model.name} is served by {upstream}{at}{_describe_proxy(model, settings)}.")


def _describe_proxy(model: Model, settings: Settings) -> str:
    """The proxy on the way; empty if there is none, or only Docker knows it."""
    # The address of a provider without api_base is LiteLLM's, and https.
    url = str(model.litellm_params.get("api_base") or "https://provider.invalid")
    found = network.find_proxy(settings.network, url)
    if found is None or (settings.runtime != "embedded" and network.is_loopback(found[1])):
        return ""
    name, address = found
    return f" through the proxy {address} ({name}, from {settings.source_of(name)})"


def _choose_hint(
    error: GatewayctlError, message: str, hint: str, model: Model, settings: Settings
) -> str:
    if (error.finding or "").startswith("provider_key_"):
        if model.api_key_env is None:
            return (
                "gateway.yaml declares no key for this model: set its api_key_env:, put the key"
                " into .env, then `gatewayctl up`."
            )
        return advise_provider_key(model.api_key_env, settings)
    trusted = isinstance(error, UpstreamUnreachable) and "certificate" not in message
    if trusted and _describe_proxy(model, settings):
        return "Check that the proxy answers and allows it, or add the host to NO_PROXY."
    return hint


def advise_provider_key(name: str, settings: Settings) -> str:
    """The hint to set the key of a provider; a value of the environment would override it."""
    source = settings.source_of(name)
    restart = "then `gatewayctl restart litellm`."
    if source.overrides is not None:
        return f"Run `unset {name}`, which overrides {source.overrides}, {restart}"
    unset = f" run `unset {name}`," if source.is_environment else ""
    return f"Put the provider's real key into .env as {name},{unset} {restart}"


def _explain_in_docker(hint: str, model: Model, settings: Settings) -> tuple[str, str | None]:
    """The hint and finding for a model whose server may be on this machine."""
    address = loopback.find_address(model, settings)
    if instead := loopback.from_container(address):
        own = f"That address is the container of LiteLLM itself: write api_base: {mask(instead)},"
        return f"{own} then `gatewayctl up`. {loopback.LISTENS}", "provider_on_loopback"
    return (f"{hint} {loopback.LISTENS}" if loopback.HOST in address else hint), None
