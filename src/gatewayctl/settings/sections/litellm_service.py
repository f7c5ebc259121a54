"""``services.litellm`` of gateway.yaml: variables, files and mounts of the gateway's own service.

Owns the reading of one section. Must not know LiteLLM's configuration.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path, PurePosixPath
from types import MappingProxyType
from typing import Final

from gatewayctl.settings.cursor import VARIABLE_NAME, Cursor
from gatewayctl.settings.fields import STACK_SECRETS, Setting
from gatewayctl.settings.litellm.service import APP, LitellmService
from gatewayctl.settings.model import CA_BUNDLE_NAME
from gatewayctl.settings.plain_secrets import REFERENCE, is_secret

SETTINGS: Final = {
    "environment": Setting(
        "mapping or list of names",
        "",
        "Variables of the service; a name without a value has that of .env or the environment.",
    ),
    "files": Setting(
        "list of paths", "", "Files that are copied beside its configuration: no secrets."
    ),
    "mounts": Setting(
        "mapping", "", "Path in the service: path of the project or the machine, read-only."
    ),
}
_RENDERED: Final = tuple(
    f"{APP}/{name}"
    for name in ("config.yaml", "litellm_config.yaml", "litellm_callbacks.py", CA_BUNDLE_NAME)
)
"""Files of gatewayctl in the folder of LiteLLM's configuration."""
OWNED: Final = frozenset(
    {
        "CURL_CA_BUNDLE", "DATABASE_URL", "EXPORTERS", "LITELLM_DISABLE_NO_REDIS_WARNING",
        "LITELLM_LOCAL_MODEL_COST_MAP", "LITELLM_MODE", "LITELLM_OTEL_BAGGAGE_METADATA_KEYS",
        "LITELLM_OTEL_BAGGAGE_PROMOTED_KEYS", "LITELLM_OTEL_LEGACY_COMPAT", "LITELLM_OTEL_V2",
        "MAPPER_NAMES", "NO_PROXY",
        "OTEL_BSP_SCHEDULE_DELAY", "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT",
        "OTEL_RESOURCE_ATTRIBUTES", "OTEL_SERVICE_NAME", "PATH",
        "PHOENIX_COLLECTOR_HTTP_ENDPOINT", "PHOENIX_PROJECT_NAME",
        "PROXY_BATCH_WRITE_AT", "PYTHONPATH", "REQUESTS_CA_BUNDLE", "SSL_CERT_FILE",
        "TIMEOUT_WORKER_HEALTHCHECK", "no_proxy",
    }
)  # fmt: skip
"""Variables that gatewayctl sets itself."""


def parse_litellm_service(section: Cursor, project_dir: Path) -> LitellmService:
    """Read the section; files that are not there are reported with their line."""
    section.check_names(SETTINGS)
    return LitellmService(
        environment=_environment(section.child("environment")),
        files=_files(section.child("files"), project_dir),
        mounts=_mounts(section.child("mounts"), project_dir),
    )


def _environment(section: Cursor) -> Mapping[str, str | None]:
    if isinstance(section.value, list):
        names = dict.fromkeys(section.strings())
        for name in names:
            _check_name(section, name)
        return MappingProxyType(names)
    found: dict[str, str | None] = {}
    for name, part in section.mapping().items():
        _check_name(part, name)
        value = part.value
        if value is None:
            found[name] = None
        elif isinstance(value, bool):
            found[name] = str(value)
        elif not isinstance(value, str | int | float):
            part.refuse("a string, a number or nothing")
        elif str(value).startswith(REFERENCE) or is_secret(name, str(value)):
            part.add(
                f"{part.path}: leave the value out and put {name} into .env, where LiteLLM gets"
                " it from"
            )
        else:
            found[name] = str(value)
    return MappingProxyType(found)


def _check_name(part: Cursor, name: str) -> None:
    if not VARIABLE_NAME.fullmatch(name):
        part.add_at_name(f"{part.path}: '{name}' is not the name of an environment variable")
    elif name in OWNED or name in STACK_SECRETS:
        part.add_at_name(f"{part.path}: gatewayctl sets {name} itself")


def _files(section: Cursor, project_dir: Path) -> tuple[str, ...]:
    found: list[str] = []
    for item in section.items():
        name = item.string()
        if name is None:
            continue
        path = PurePosixPath(os.path.normpath(name))
        if path.is_absolute() or ".." in path.parts:
            item.add(f"{section.path}: {name} is outside the project: use mounts")
        elif not (project_dir / path).is_file():
            item.add(f"{section.path}: there is no file {name}")
        else:
            found.append(str(path))
    return tuple(found)


def check_mounts(service: LitellmService, modules: Iterable[str], section: Cursor) -> None:
    """Report mounts in the place of files that are copied beside the configuration."""
    copied = [f"{APP}/{name}" for name in (*service.files, *modules)]
    for target in service.mounts:
        if other := _overlapping(target, copied):
            part = section.child("mounts").child(target)
            part.add_at_name(f"{part.path}: '{target}' is in the place of '{other}'")


def _overlapping(target: str, others: Iterable[str]) -> str | None:
    """The one of the paths that is the same, above it or below it."""
    path = PurePosixPath(target)
    for other in map(PurePosixPath, others):
        if path == other or path in other.parents or other in path.parents:
            return str(other)
    return None


def _mounts(section: Cursor, project_dir: Path) -> Mapping[str, str]:
    found: dict[str, str] = {}
    for target, part in section.mapping().items():
        source = part.string()
        if not target.startswith("/") or ":" in target or os.path.normpath(target) != target:
            part.add_at_name(f"{part.path}: '{target}' must be an absolute path in the service")
        elif other := _overlapping(target, (*found, *_RENDERED)):
            part.add_at_name(f"{part.path}: '{target}' is in the place of '{other}'")
        elif source is not None and not (project_dir / Path(source).expanduser()).exists():
            part.add(f"{part.path}: there is no {source}")
        elif source is not None:
            found[target] = source
    return MappingProxyType(found)
