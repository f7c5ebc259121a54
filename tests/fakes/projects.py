"""Gateway projects in a temporary folder, read with an empty environment."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gatewayctl.errors import SettingsInvalid
from gatewayctl.settings.load import load_settings
from gatewayctl.settings.model import Settings

MASTER_KEY = "sk-master-0123456789abcdef"
SALT_KEY = "sk-salt-0123456789abcdef"


def project(
    folder: Path,
    gateway_yaml: str | None = None,
    *,
    env: str | None = None,
    environ: Mapping[str, str] | None = None,
    flags: Mapping[str, Any] | None = None,
) -> Settings:
    """Write the files that are given and load the settings of the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    if gateway_yaml is not None:
        (folder / "gateway.yaml").write_text(gateway_yaml)
    if env is not None:
        (folder / ".env").write_text(env)
        (folder / ".env").chmod(0o600)
    return load_settings(folder, environ=environ or {}, flags=flags or {})


def problems(
    folder: Path,
    gateway_yaml: str | None = None,
    *,
    env: str | None = None,
    environ: Mapping[str, str] | None = None,
) -> list[str]:
    """What loading such a project complains of, a line each; empty if nothing."""
    try:
        project(folder, gateway_yaml, env=env, environ=environ)
    except SettingsInvalid as error:
        return str(error).splitlines()
    return []
