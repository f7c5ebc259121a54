"""Variables of .env with a virtual key that is neither in LiteLLM nor declared in gateway.yaml.

`reset` and `down --volumes` leave them: which variable a key is in was in LiteLLM's database. Owns
what looks like a key that gatewayctl generated. Must not change anything.
"""

from __future__ import annotations

import re
from typing import Final

from gatewayctl.gateway import keys as litellm
from gatewayctl.gateway.client import GatewayClient
from gatewayctl.operations.keys.values import read_env_file_values
from gatewayctl.settings.fields import RESERVED
from gatewayctl.settings.model import Secret, Settings

_GENERATED: Final = re.compile(r"sk-[A-Za-z0-9]{32}")
"""The shape of `provision.generate_key_secret`; keys of providers have others."""


def find_unknown_keys(
    settings: Settings, gateway: GatewayClient, master: Secret
) -> tuple[str, ...]:
    """The names of the variables, in their order.

    Raises MasterKeyRefused, GatewayDatabaseMissing, GatewayUnreachable.
    """
    # Declared keys have a state of their own; what a model or an app refers to is no key of ours.
    others = RESERVED.union(settings.environment, (key.env for key in settings.keys))
    return tuple(
        name
        for name, secret in read_env_file_values(settings).items()
        if name not in others and _GENERATED.fullmatch(secret.reveal())
        if litellm.get_key(gateway, master, litellm.hash_key(secret)) is None
    )


def advise_unknown_key(name: str) -> str:
    """The remedy, as a sentence; nothing says any more which alias the key had."""
    return (
        f"Create it again with `gatewayctl keys create ALIAS --env {name}`, or delete the line of"
        " .env."
    )
