"""Which settings each service was started with, part by part.

Each part (the command line, a variable, a file) is kept as a keyed hash: a difference has a name,
and no secret is on disk. Owns that file and the hashes. Must not know supervisord.
"""

from __future__ import annotations

import hmac
import json
import logging
import os
from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from gatewayctl.errors import SettingsProblem
from gatewayctl.files.json_text import parse_json
from gatewayctl.rendering.side_files import find_side_files
from gatewayctl.runtimes.embedded import launch
from gatewayctl.runtimes.embedded.environment import locate, locate_for_supervisor
from gatewayctl.runtimes.embedded.layout import Layout
from gatewayctl.runtimes.embedded.services import (
    QUICK_START,
    Program,
    services_of,
    significant_variables,
)
from gatewayctl.settings.fields import SECRETS
from gatewayctl.settings.load import load_settings
from gatewayctl.settings.model import CA_BUNDLE_NAME, Secret, Settings

_LOGGER: Final = logging.getLogger(__name__)
_RENDERED_FILES: Final = ("litellm_config.yaml", "litellm_callbacks.py", CA_BUNDLE_NAME)
"""Files that LiteLLM reads when it starts."""

Parts = Mapping[str, str]
"""Name of a part → keyed hash of its value."""


def compute(
    settings: Settings,
    files: Mapping[str, str] | None = None,
    environ: Mapping[str, str] | None = None,
) -> dict[str, Parts]:
    """The parts of each service that this process would start, or supervisord with ``environ``.

    ``files`` are rendered files by name that are not on disk yet. Raises SettingsProblem when a
    secret of the stack is missing.
    """
    salt = settings.secrets.salt_key or Secret("unsalted")
    quick_start = {QUICK_START.name: QUICK_START.read_text(encoding="utf-8")}
    names = (*_RENDERED_FILES, *find_side_files(settings))
    rendered = {name: _read_file(settings, name, files or {}) for name in names}
    mounts = settings.litellm_service.mounts
    linked = {"mounts": json.dumps(dict(mounts), sort_keys=True)} if mounts else {}
    read = {"litellm": rendered | quick_start | linked, "phoenix": quick_start}
    environment = locate() if environ is None else locate_for_supervisor(environ)
    environ = os.environ if environ is None else environ
    programs = {
        name: launch.build_program(name, settings, environ, environment)
        for name in services_of(settings)
    }
    return {name: hash_program(each, salt, read.get(name, {})) for name, each in programs.items()}


def compute_inherited(
    settings: Settings, environ: Mapping[str, str], files: Mapping[str, str] | None = None
) -> dict[str, Parts]:
    """The parts that a supervisord with ``environ`` gives each service that it starts now.

    A secret that only ``settings`` have is in .env by then, unless it comes from our own
    environment. Empty when supervisord could start nothing.
    """
    try:
        loaded = load_settings(settings.project_dir, environ=environ)
        secrets = {
            field.attribute: getattr(settings.secrets, field.attribute)
            for field in SECRETS
            if field.attribute and getattr(loaded.secrets, field.attribute) is None
            if not settings.source_of(field.name).is_environment
        }
        complete = replace(loaded, secrets=replace(loaded.secrets, **secrets))
        return compute(complete, files, environ)
    except SettingsProblem:
        return {}


def hash_program(program: Program, salt: Secret, files: Mapping[str, str]) -> Parts:
    """The parts of one program: its command line, each variable, each of the files it reads."""
    variables = significant_variables(program.environment)
    return _hash_parts(salt, {"command_line": program.argv, **variables, **files})


def load(layout: Layout) -> dict[str, Parts]:
    """The parts that the services were started with; empty when the file is missing or broken."""
    try:
        stored = parse_json(layout.fingerprints.read_text(encoding="utf-8"))
        return {str(service): dict(parts) for service, parts in dict(stored).items()}
    except (OSError, ValueError, TypeError):
        return {}


def save(layout: Layout, parts: Mapping[str, Parts]) -> None:
    """Write the parts for the next start."""
    layout.fingerprints.write_text(json.dumps(parts), encoding="utf-8")
    _LOGGER.info("wrote %s", layout.fingerprints)


def _hash_parts(salt: Secret, values: Mapping[str, object]) -> dict[str, str]:
    """HMAC-SHA256 of each value as JSON, in hex: without the salt a value cannot be guessed."""
    key = salt.reveal().encode()
    return {
        name: hmac.digest(key, json.dumps(value).encode(), "sha256").hex()
        for name, value in values.items()
    }


def _read_file(settings: Settings, name: str, files: Mapping[str, str]) -> str:
    if name in files:
        return files[name]
    path = settings.compose_dir / name
    return path.read_text(encoding="utf-8") if path.is_file() else ""
