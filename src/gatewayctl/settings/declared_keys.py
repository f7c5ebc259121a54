"""The virtual keys that gateway.yaml declares, as frozen values.

Owns their shape. Must not know how they are read or created.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class DeclaredKey:
    """A declared virtual key: its alias in LiteLLM, its variable in .env."""

    alias: str
    env: str
    models: tuple[str, ...] = ()
    metadata: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    duration: str | None = None
