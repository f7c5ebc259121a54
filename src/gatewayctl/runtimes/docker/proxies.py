"""The proxies that Compose gives to LiteLLM's container, and the hosts it reaches without them.

From the operator's variables, else from Docker's own config.json, whose proxies Compose gives to
every container by itself. A proxy on loopback is dropped: in a container that address is the
container. Owns the choice; the compose file names the variables.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from gatewayctl import network
from gatewayctl.runtimes.docker import engine
from gatewayctl.settings.model import Settings

_KEYS: Final = {
    "HTTP_PROXY": "httpProxy",
    "HTTPS_PROXY": "httpsProxy",
    "ALL_PROXY": "allProxy",
    network.NO_PROXY: "noProxy",
}
"""Variable → its name in config.json (docs.docker.com/engine/cli/proxy)."""


def compose_variables(settings: Settings, docker_config: Mapping[str, str]) -> dict[str, str]:
    """The variables to run Compose with, besides the environment and .env.

    ``docker_config`` is what `read_docker_config` returns. Empty where nothing sets a proxy.
    """
    usable = network.select_usable(settings.network)
    found: dict[str, str] = {}
    for name in network.PROXIES:
        both = (name.lower(), name)
        ours = [usable[each] for each in both if each in usable]
        ours = [address for address in ours if not network.is_loopback(address)]
        theirs = docker_config.get(name, "")
        if theirs or any(each in settings.network for each in both):
            # Named in the compose file, so that Compose does not add Docker's by itself. An empty
            # one is no proxy: it hides one that a container cannot use.
            chosen = (*ours, theirs)[0]
            found |= dict.fromkeys(both, chosen)
    hosts = network.join_no_proxy(
        network.hosts_without_proxy(settings.network), docker_config.get(network.NO_PROXY, "")
    )
    return found | ({network.NO_PROXY: hosts} if hosts else {})


def read_docker_config() -> dict[str, str]:
    """The proxies of Docker's config.json for the current engine, by variable."""
    proxies = _mapping(engine.read_config().get("proxies"))
    chosen = _mapping(proxies.get(engine.endpoint().host) or proxies.get("default"))
    found = {name: chosen.get(key) for name, key in _KEYS.items()}
    return {name: value for name, value in found.items() if isinstance(value, str) and value}


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
