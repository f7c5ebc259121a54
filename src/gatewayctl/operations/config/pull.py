"""`config pull`: write what LiteLLM's database holds beside the file into the file.

Owns which file that is and what is written. The database keeps its rows: only there are the keys of
its deployments, so each entry in the file has the id of its row, and LiteLLM serves it once.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from gatewayctl.errors import SettingsProblem
from gatewayctl.files.atomic import write_atomically
from gatewayctl.files.regular import read_regular_file
from gatewayctl.gateway.client import GatewayClient
from gatewayctl.gateway.config import StoredConfig, StoredDeployment, read_stored_config
from gatewayctl.operations.config.database import declared_by_id, describe, is_masked
from gatewayctl.operations.state.exclusive import change_project
from gatewayctl.rendering.plan import model_list_params, to_yaml
from gatewayctl.settings.edits.yaml_append import Addition, with_items, with_names
from gatewayctl.settings.gateway_yaml import first_gateway_yaml
from gatewayctl.settings.master_key import require_master_key
from gatewayctl.settings.model import Model, Settings
from gatewayctl.settings.plain_secrets import is_secret
from gatewayctl.settings.sources import CONFIG_NAME

NEW_FILE: Final = "litellm.yaml"
_HEADER: Final = "# LiteLLM's own configuration; `litellm:` in gateway.yaml names this file.\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class PullReport:
    """What was written: paths of settings, and the file; ``kept`` is what stays as it is, and why.

    ``secrets_in_database`` are the pulled models whose keys are only in the database.
    """

    file: Path
    written: tuple[str, ...]
    kept: tuple[str, ...]
    secrets_in_database: tuple[str, ...]
    changed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class _Target:
    """The file that is extended, the mapping in it, and its text so far."""

    file: Path
    under: str
    text: str


def pull_config(settings: Settings, gateway: GatewayClient) -> PullReport:
    """Write what the database adds into LiteLLM's configuration; the same again changes nothing.

    Without a configuration of LiteLLM's own, one is begun in litellm.yaml. Raises SettingsProblem
    if a place in the file cannot be extended, FileUnwritable, and what `read_stored_config` does.
    """
    with change_project(settings, "config pull"):
        stored = read_stored_config(gateway, require_master_key(settings))
        known = declared_by_id(settings)
        deployments = [each for each in stored.deployments if each.id and each.id not in known]
        kept = tuple(
            f"{row.path}: {row.detail}"
            for row in describe(stored, settings)
            if row.effect in {"overrides", "ignored"}
        )
        target = _find_target(settings)
        text, written = _extend(target, stored, deployments, settings)
        if written:
            _write(settings, target, text)
    return PullReport(
        file=target.file.relative_to(settings.project_dir)
        if target.file.is_relative_to(settings.project_dir)
        else target.file,
        written=tuple(written),
        kept=kept,
        secrets_in_database=tuple(each.name for each in deployments),
        changed=bool(written),
    )


def _find_target(settings: Settings) -> _Target:
    config = settings.litellm
    if config is not None and config.files:
        return _Target(file=config.files[0], under="", text=_read(config.files[0]))
    if config is not None:
        return _Target(file=settings.config_file, under="litellm", text=_read(settings.config_file))
    path = settings.project_dir / NEW_FILE
    if path.exists():
        raise SettingsProblem(
            f"{NEW_FILE} exists, but gateway.yaml does not name it.",
            hint=f"Add the line litellm: {NEW_FILE} to gateway.yaml, or move the file away.",
        )
    text = _HEADER
    # With a configuration of LiteLLM's own, the models of the reference stack are no longer added.
    models = "models" not in settings.origins
    items = [_as_entry(model) for model in settings.models if models and not model.offline]
    if items:
        text = with_items(text, "model_list", [_addition(item) for item in items])
    return _Target(file=path, under="", text=text)


def _as_entry(model: Model) -> dict[str, Any]:
    return {"model_name": model.name, "litellm_params": model_list_params(model)}


def _extend(
    target: _Target,
    stored: StoredConfig,
    deployments: list[StoredDeployment],
    settings: Settings,
) -> tuple[str, list[str]]:
    """The new text of the file, and what is new in it."""
    text, written = target.text, []
    if deployments:
        entries = [
            {
                "model_name": each.name,
                "litellm_params": _without_secrets(dict(each.params)),
                "model_info": dict(each.info),
            }
            for each in deployments
        ]
        items = [_addition(entry) for entry in entries]
        text = with_items(text, "model_list", items, under=target.under)
        written += [f"model_list: {each.name}" for each in deployments]
    for section in ("router_settings", "general_settings"):
        given = settings.litellm.at(section) if settings.litellm else None
        present = {} if given is None else given.children()
        new = {
            each.name: Addition(value=each.value, text=to_yaml({each.name: each.value}))
            for each in stored.settings
            if each.section == section and each.counts and each.name not in present
            if not is_secret(each.name, str(each.value))
        }
        if new:
            text = with_names(text, section, new, under=target.under)
            written += [f"{section}.{name}" for name in new]
    return text, written


def _addition(entry: dict[str, Any]) -> Addition:
    return Addition(value=entry, text=to_yaml(entry))


def _without_secrets(params: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in params.items() if not is_masked(name, value)}


def _write(settings: Settings, target: _Target, text: str) -> None:
    """Write the configuration, and then the line that names it if it is new."""
    mode = target.file.stat().st_mode & 0o777 if target.file.exists() else 0o644
    write_atomically(target.file, text.encode(), mode=mode)
    if settings.litellm is None:
        path = settings.config_file
        old = _read(path) if path.exists() else first_gateway_yaml(settings.project_name)
        gap = "" if not old or old.endswith("\n") else "\n"
        write_atomically(path, f"{old}{gap}litellm: {NEW_FILE}\n".encode())


def _read(path: Path) -> str:
    try:
        return read_regular_file(path).decode()
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsProblem(
            f"Cannot read {path}: {error}.", hint=f"Correct it; {CONFIG_NAME} names it."
        ) from error
