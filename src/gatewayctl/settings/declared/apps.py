"""What gateway.yaml declares under ``apps:``, as values.

Must not know how an app is run.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType


@dataclass(frozen=True, slots=True, kw_only=True)
class App:
    """The user's own service next to the gateway: an ``image``, or a folder to ``build``.

    ``build`` is relative to the project's folder. ``ports`` maps ports of the host to ports of
    the container, ``key`` is the alias of the declared virtual key it calls models with, and
    ``command`` replaces that of the image. ``environment`` contains no secrets. ``user`` is the
    number of the user that runs it, None for that of the image.
    """

    name: str
    image: str | None = None
    build: str | None = None
    ports: Mapping[int, int] = field(default_factory=lambda: MappingProxyType({}))
    key: str = ""
    command: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    user: int | None = None
