"""Whether a service runs with the settings of now, part by part.

Each part (the command line, a variable, a file) is kept as a keyed hash, so that a difference has
a name and no secret is on disk. Owns that file. Must not know the supervisor.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Final

from gatewayctl.runtimes.embedded import launch
from gatewayctl.runtimes.embedded.layout import Layout
from gatewayctl.runtimes.embedded.services import (
    QUICK_START,
    SERVICES,
    inherited_variables,
    keyed_hash,
    significant_variables,
)
from gatewayctl.settings.model import Secret, Settings

SUPERVISOR: Final = "supervisor"
_SALT: Final = "LITELLM_SALT_KEY"
_READ: Final = ("litellm_config.yaml", "litellm_callbacks.py")
"""Rendered files that LiteLLM reads when it starts."""

Parts = Mapping[str, str]
"""Name of a part → keyed hash of its value."""


def compute(settings: Settings, files: Mapping[str, str] | None = None) -> dict[str, Parts]:
    """The parts of each service, and of what the supervisor hands down to all of them.

    ``files`` are rendered files by name that are not on disk yet. Raises SettingsProblem where a
    secret of the stack is missing.
    """
    salt = settings.secrets.salt_key or Secret("unsalted")
    own = {QUICK_START.name: QUICK_START.read_text(encoding="utf-8")}
    read = {
        "litellm": {**{name: _read_file(settings, name, files or {}) for name in _READ}, **own},
        "phoenix": own,
    }
    made: dict[str, Parts] = {
        service: launch.build_program(service, settings).fingerprint(salt, read.get(service, {}))
        for service in SERVICES
    }
    outside = significant_variables(inherited_variables(settings))
    return made | {SUPERVISOR: {name: keyed_hash(salt, value) for name, value in outside.items()}}


def load(layout: Layout) -> dict[str, Parts]:
    """The parts of what runs, as remembered when it was started; nothing where that is lost."""
    try:
        said = json.loads(layout.fingerprints.read_text(encoding="utf-8"))
        return {str(service): dict(parts) for service, parts in dict(said).items()}
    except (OSError, ValueError, TypeError):
        return {}


def save(layout: Layout, parts: Mapping[str, Parts]) -> None:
    """Keep them for the next start."""
    text = json.dumps({service: dict(each) for service, each in parts.items()})
    layout.fingerprints.write_text(text, encoding="utf-8")


def find_differences(before: Parts | None, now: Parts) -> tuple[str, ...]:
    """The names of the parts that differ; the salt key's alone where it did, for it is in all."""
    if before is None:
        return ("unknown settings",)
    names = sorted(name for name in {*before, *now} if before.get(name) != now.get(name))
    return (_SALT,) if _SALT in names and _SALT in now else tuple(names)


def find_common_reasons(before: Mapping[str, Parts], now: Mapping[str, Parts]) -> tuple[str, ...]:
    """What makes every service start again; the salt key alone where it did, for it is in all."""
    names = find_differences(before.get(SUPERVISOR), now[SUPERVISOR])
    salted = find_differences(before.get("litellm"), now["litellm"]) == (_SALT,)
    return (_SALT,) if names and salted else names


def _read_file(settings: Settings, name: str, files: Mapping[str, str]) -> str:
    if name in files:
        return files[name]
    path = settings.compose_dir / name
    return path.read_text(encoding="utf-8") if path.is_file() else ""
