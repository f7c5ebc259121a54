"""What the service litellm gets besides its configuration, as a value."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

APP: Final = "/app"
"""The working folder of LiteLLM's image, in which its configuration is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LitellmService:
    """``environment`` has a value for each variable, or None for one whose value is in .env or the
    environment. ``files``, relative to the project, are copied beside the configuration.
    ``mounts`` maps paths inside the service to paths of the project or the machine.
    """

    environment: Mapping[str, str | None] = field(default_factory=lambda: MappingProxyType({}))
    files: tuple[str, ...] = ()
    mounts: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
