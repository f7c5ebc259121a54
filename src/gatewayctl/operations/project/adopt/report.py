"""What an adoption did and what it could not do: names and places, never a value."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Literal

FileState = Literal["written", "unchanged", "replaced"]


@dataclass(frozen=True, slots=True, kw_only=True)
class AdoptedSecret:
    """A secret that was written out at ``path`` in ``file``, and its variable in .env."""

    name: str
    path: str
    file: str
    line: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AdoptedFile:
    """A file of the project, and the one it was made from. ``private`` ones have mode 0600."""

    path: str
    made_from: str
    state: FileState
    private: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """Something to know about one place: ``litellm_config.yaml line 7``."""

    place: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AdoptReport:
    """The result of `init --from`.

    ``secrets`` are those that moved to .env; ``variables`` the other variables that are in .env
    now, or were there already. ``masked`` are the places of secrets that were removed from
    comments. ``services`` are the settings taken over from a Compose file (``ports.litellm``).
    ``notes`` are to know, ``conflicts`` are to do; ``problems`` is what is wrong with the adopted
    configuration itself.
    """

    source: Path
    secrets: tuple[AdoptedSecret, ...] = ()
    variables: tuple[str, ...] = ()
    masked: tuple[str, ...] = ()
    files: tuple[AdoptedFile, ...] = ()
    services: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    notes: tuple[Notice, ...] = ()
    conflicts: tuple[Notice, ...] = ()
    problems: tuple[Notice, ...] = ()
