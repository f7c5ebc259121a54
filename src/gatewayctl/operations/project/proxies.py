"""Proxies of this machine that LiteLLM does not get, and why.

Owns the sentences. Must not know which runtimes there are, except that one is in containers.
"""

from __future__ import annotations

from gatewayctl import network
from gatewayctl.settings.masking import mask
from gatewayctl.settings.model import RuntimeName, Settings


def warn_of_proxies(settings: Settings, runtime: RuntimeName) -> tuple[str, ...]:
    """One warning for each variable whose proxy the services of this runtime do not get.

    None for ALL_PROXY beside a proxy for https, which is the one that calls of providers use.
    """
    found: dict[tuple[str, str], str] = {}
    usable = {name.upper() for name in network.select_usable(settings.network)}
    for name in network.PROXY_VARIABLES:
        if name.upper() == "ALL_PROXY" and "HTTPS_PROXY" in usable:
            continue
        address = settings.network[name].reveal() if name in settings.network else ""
        if address and (why := _explain(address, runtime)):
            text = f"{name} ({settings.source_of(name)}) {why}, so LiteLLM does not get it."
            # The same in upper and in lower case is one problem.
            found.setdefault((name.upper(), address), mask(text))
    return tuple(found.values())


def _explain(address: str, runtime: RuntimeName) -> str:
    if why := network.explain_unusable(address):
        return why
    if runtime == "docker" and network.is_loopback(address):
        return f"is {network.with_scheme(address)}, which in a container is the container itself"
    return ""
