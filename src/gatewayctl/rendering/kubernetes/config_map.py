"""LiteLLM's files in the cluster: a ConfigMap named after its content, and where pods mount it.

Must not know how the files are rendered.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from gatewayctl.errors import Problem, SettingsInvalid
from gatewayctl.rendering.kubernetes.mounts import MOST_BYTES, mounted_files, unique_keys
from gatewayctl.rendering.kubernetes.secrets import MOUNTS, mounts_secret
from gatewayctl.settings.model import Settings

CONFIG: Final = "litellm-config"
_FOLDER: Final = "/app"
"""Where LiteLLM starts, and looks for modules and files beside its configuration."""
_FIRST: Final = "config.yaml"


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigFiles:
    """The ConfigMap's name and data; ``paths`` are those in the pods, by key."""

    name: str
    data: Mapping[str, str]
    paths: Mapping[str, str]


def config_files(files: Mapping[str, str]) -> ConfigFiles:
    """Name rendered files, of which the first is the configuration itself.

    Raises SettingsInvalid if they are too large together.
    """
    keys = unique_keys(files)
    data = dict(zip(keys, files.values(), strict=True))
    if sum(len(text.encode()) for text in data.values()) > MOST_BYTES:
        raise _too_large()
    names = (_FIRST if index == 0 else name for index, name in enumerate(files))
    paths = dict(zip(keys, (f"{_FOLDER}/{name}" for name in names), strict=True))
    return ConfigFiles(name=f"{CONFIG}-{short_hash(data)}", data=data, paths=paths)


def short_hash(value: Any) -> str:
    """Ten digits that change with a value."""
    text = json.dumps(value, sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()[:10]


def volumes(settings: Settings, config: ConfigFiles | None = None) -> list[dict[str, Any]]:
    """The volumes of LiteLLM's pods, and without a configuration of the Job that migrates."""
    found: list[dict[str, Any]] = [{"name": "tmp", "emptyDir": {}}]
    if config is not None:
        found.insert(0, {"name": "config", "configMap": {"name": config.name}})
    if mounted_files(settings):
        secret = {"secretName": mounts_secret(settings).name}
        found.append({"name": MOUNTS, "secret": secret})
    return found


def volume_mounts(settings: Settings, config: ConfigFiles | None = None) -> list[dict[str, Any]]:
    """Where the container has them: file by file, because the folder has others, too."""
    paths = {} if config is None else config.paths
    found: list[dict[str, Any]] = [_file("config", key, path) for key, path in paths.items()]
    found += (_file(MOUNTS, file.key, file.target) for file in mounted_files(settings))
    return [*found, {"name": "tmp", "mountPath": "/tmp"}]  # noqa: S108


def _file(volume: str, key: str, path: str) -> dict[str, Any]:
    return {"name": volume, "mountPath": path, "subPath": key, "readOnly": True}


def _too_large() -> SettingsInvalid:
    message = (
        f"LiteLLM's configuration and its files have more than {MOST_BYTES // 1024} KiB, and a"
        " ConfigMap holds no more: build an image with the files, and name it in images.litellm"
    )
    return SettingsInvalid(problems=(Problem(source="gateway.yaml", message=message),))
