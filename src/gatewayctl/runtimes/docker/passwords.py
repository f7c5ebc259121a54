"""The one password that is written into an address, LITELLM_POSTGRES_PASSWORD in DATABASE_URL.

Compose puts it there as it is, also without gatewayctl, and cannot escape it. Owns which
characters it may have. Must not know the compose file.
"""

from __future__ import annotations

import re
from typing import Final

from gatewayctl.errors import Problem, SettingsInvalid
from gatewayctl.settings.model import Settings

NAME: Final = "LITELLM_POSTGRES_PASSWORD"
# RFC 3986 section 2.3: these alone mean themselves anywhere in an address.
_SAFE: Final = re.compile(r"[A-Za-z0-9\-._~]+")


def check(settings: Settings) -> None:
    """Raises SettingsInvalid, naming the variable and where it is set, never its value."""
    password = settings.secrets.litellm_postgres_password
    if password is None or _SAFE.fullmatch(password.reveal()):
        return
    problem = Problem(
        source=str(settings.source_of(NAME)),
        message=f"{NAME} may hold letters, digits and -._~ only: in Docker it is part of the"
        " address of LiteLLM's database",
    )
    raise SettingsInvalid(
        problems=(problem,),
        hint=f"Choose another {NAME}, or delete its line: `gatewayctl init` generates one.",
    )
