"""The one password that is part of a URL: LITELLM_POSTGRES_PASSWORD in DATABASE_URL.

Compose inserts it unescaped, with or without gatewayctl. Owns the allowed characters. Must not
know the compose file.
"""

from __future__ import annotations

import re
from typing import Final

from gatewayctl.errors import Problem, SettingsInvalid
from gatewayctl.settings.model import Settings

NAME: Final = "LITELLM_POSTGRES_PASSWORD"
# RFC 3986 section 2.3: only these need no escaping anywhere in a URL.
_SAFE: Final = re.compile(r"[A-Za-z0-9\-._~]+")


def check(settings: Settings) -> None:
    """Raise SettingsInvalid with the variable and where it is set, never its value."""
    password = settings.secrets.litellm_postgres_password
    if password is None or _SAFE.fullmatch(password.reveal()):
        return
    problem = Problem(
        source=str(settings.source_of(NAME)),
        message=f"{NAME} may contain only letters, digits and -._~: in Docker it is part of the"
        " URL of LiteLLM's database",
    )
    raise SettingsInvalid(
        problems=(problem,),
        hint=f"Choose another {NAME}, or delete its line: `gatewayctl init` generates one.",
    )
