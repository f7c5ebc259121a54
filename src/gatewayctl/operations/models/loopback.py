"""Models whose server has a loopback address, which in a container is the container itself.

Owns what to write instead. Must not know how a call fails.
"""

from __future__ import annotations

from typing import Final
from urllib.parse import urlsplit, urlunsplit

from gatewayctl.runtimes.runtime_marker import known_runtime
from gatewayctl.settings import providers
from gatewayctl.settings.masking import mask
from gatewayctl.settings.model import Model, Settings
from gatewayctl.settings.plain_secrets import REFERENCE

HOST: Final = "host.docker.internal"
"""The machine of the engine, seen from a container: `extra_hosts` of the compose file."""
LISTENS: Final = (
    "On Linux the server must also listen beyond loopback, for example on 0.0.0.0; with rootless"
    " Docker write this machine's own address instead."
)
_LOOPBACK: Final = ("localhost", "::1", "0.0.0.0")  # noqa: S104 - compared with, never bound to


def runs_in_container(settings: Settings) -> bool:
    """True if LiteLLM of this project runs, or will run, in Docker as far as is known."""
    return known_runtime(settings) == "docker"


def find_address(model: Model, settings: Settings) -> str:
    """Where LiteLLM looks for the server of a model; empty for a provider's usual address."""
    if model.offline:
        return ""
    given = str(model.litellm_params.get("api_base") or "")
    server = providers.local_server(model.provider)
    if not given and server is not None:
        given = f"{REFERENCE}{server.variable}"
    if given.startswith(REFERENCE):
        secret = settings.environment.get(given.removeprefix(REFERENCE))
        given = secret.reveal() if secret else ""
        given = given or (server.address if server else "")
    return given


def from_container(address: str) -> str | None:
    """The address by which a container reaches the same server; None if that is no other."""
    try:
        url = urlsplit(address)
        host, port = url.hostname or "", url.port
    except ValueError:
        return None
    if not (host in _LOOPBACK or host.startswith("127.") or host.endswith(".localhost")):
        return None
    login = f"{url.netloc.rpartition('@')[0]}@" if "@" in url.netloc else ""
    netloc = f"{login}{HOST}{f':{port}' if port else ''}"
    return urlunsplit(url._replace(netloc=netloc))


def warn_loopback(settings: Settings) -> tuple[str, ...]:
    """One warning for each declared model that LiteLLM would look for in its own container."""
    if not runs_in_container(settings):
        return ()
    found = ((model.name, find_address(model, settings)) for model in settings.models)
    return tuple(
        mask(
            f"models.{name}: {address} is the container of LiteLLM itself."
            f" Write api_base: {instead}. {LISTENS}"
        )
        for name, address in found
        if (instead := from_container(address))
    )
