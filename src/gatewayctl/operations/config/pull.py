"""`config pull`: write what LiteLLM's database holds beside the file into the file.

Owns which file that is and what is written. The database keeps its rows: only there are the keys of
its deployments, so each entry in the file has the id of its row, and LiteLLM serves it once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Final

from gatewayctl.errors import SettingsProblem
from gatewayctl.files.atomic import write_text
from gatewayctl.files.regular import read_regular_file
from gatewayctl.gateway.client import GatewayClient
from gatewayctl.gateway.config import StoredConfig, StoredDeployment, read_stored_config
from gatewayctl.operations.config.database import declared_by_id, describe, without_secrets
from gatewayctl.operations.state.exclusive import change_project
from gatewayctl.rendering.plan import model_list_params
from gatewayctl.rendering.yaml_values import to_yaml
from gatewayctl.settings.edits.yaml_append import Addition, with_items, with_names
from gatewayctl.settings.gateway_yaml import first_gateway_yaml
from gatewayctl.settings.master_key import require_master_key
from gatewayctl.settings.model import Settings
from gatewayctl.settings.sources import CONFIG_NAME

NEW_FILE: Final = "litellm.yaml"
_STAYS: Final = "is secret: the database keeps it"
_HEADER: Final = "# LiteLLM's own configuration; `litellm:` in gateway.yaml names this file.\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class PulledSetting:
    """What was written (``model_list: NAME`` or ``router_settings.NAME``), and its file."""

    path: str
    file: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class PullReport:
    """What was written; ``kept`` is what stays as it is, and why.

    ``models`` are the pulled ones, whose secrets are only in the database.
    """

    written: tuple[PulledSetting, ...]
    kept: tuple[str, ...]
    models: tuple[str, ...]
    changed: bool


@dataclass(slots=True, kw_only=True)
class _Files:
    """The texts of the files that are extended, by path, in the order of writing."""

    settings: Settings
    texts: dict[Path, str] = field(default_factory=dict)
    written: list[PulledSetting] = field(default_factory=list)

    def extend(self, section: str, paths: Iterable[str], change: Callable[..., str]) -> None:
        """Change the file that has a section, and note the paths of what is new in it.

        ``change`` takes its text, and as ``under`` the mapping with the section.
        """
        file, under = _find_file(self.settings, section)
        text = self.texts.get(file) or _read(file)
        self.texts[file] = change(text, under=under)
        root = self.settings.project_dir
        shown = file.relative_to(root) if file.is_relative_to(root) else file
        self.written += [PulledSetting(path=path, file=shown) for path in paths]


def pull_config(
    settings: Settings, gateway: GatewayClient, reload: Callable[[], Settings]
) -> PullReport:
    """Write what the database adds into LiteLLM's configuration; the same again changes nothing.

    Without a configuration of LiteLLM's own, one is begun in litellm.yaml. ``reload`` reads the
    files again, which another pull may have changed meanwhile. Raises SettingsProblem if a place in
    a file cannot be extended, FileUnwritable, and what `read_stored_config` does.
    """
    # Before the lock, which would create the folder of a project that does not exist.
    master = require_master_key(settings)
    with change_project(settings, "config pull"):
        settings = reload()
        stored = read_stored_config(gateway, master)
        known = declared_by_id(settings)
        deployments = [each for each in stored.deployments if each.id and each.id not in known]
        rows = describe(stored, settings)
        kept = [f"{r.path}: {r.detail}" for r in rows if r.effect in {"overrides", "ignored"}]
        kept += [
            f"model_list: {each.name}: has no id, by which LiteLLM would serve it once"
            for each in stored.deployments
            if not each.id
        ]
        files = _Files(settings=settings)
        if settings.litellm is None:
            files.texts[_new_file(settings)] = _begin(settings)
        kept += _extend_models(files, deployments)
        kept += _extend_settings(files, stored)
        if files.written:
            _write(settings, files)
    return PullReport(
        written=tuple(files.written),
        kept=tuple(kept),
        models=tuple(each.name for each in deployments),
        changed=bool(files.written),
    )


def _find_file(settings: Settings, section: str) -> tuple[Path, str]:
    """The file with a section, and the mapping in it that contains the section.

    An included file replaces sections of the one that includes it, so a section is extended where
    it is; a new one begins in the file that gateway.yaml names.
    """
    config = settings.litellm
    if config is None:
        return _new_file(settings), ""
    if not config.files:
        return settings.config_file, "litellm"
    node = config.at(section)
    place = None if node is None else settings.project_dir / node.source.name
    return (place if place in config.files else config.files[0]), ""


def _new_file(settings: Settings) -> Path:
    return settings.project_dir / NEW_FILE


def _begin(settings: Settings) -> str:
    """The text of the first configuration: the models of the reference stack, if they count now.

    With a configuration of LiteLLM's own they are no longer added.
    """
    path = _new_file(settings)
    # A pull that was killed may have left one.
    if path.exists() and not _read(path).startswith(_HEADER):
        raise SettingsProblem(
            f"{NEW_FILE} exists, but gateway.yaml does not name it.",
            hint=f"Add the line litellm: {NEW_FILE} to gateway.yaml, or move the file away.",
        )
    if "models" in settings.origins:
        return _HEADER
    items = [
        _addition({"model_name": model.name, "litellm_params": model_list_params(model)})
        for model in settings.models
        if not model.offline
    ]
    return with_items(_HEADER, "model_list", items)


def _extend_models(files: _Files, deployments: Sequence[StoredDeployment]) -> Iterator[str]:
    """Write the deployments; yields what is secret in them and therefore stays."""
    items = []
    for each in deployments:
        params, secret = without_secrets(each.params)
        entry = {"model_name": each.name, "litellm_params": params, "model_info": dict(each.info)}
        items.append(_addition(entry))
        yield from (f"model_list: {each.name}: {name} {_STAYS}" for name in secret)
    if items:
        paths = [f"model_list: {each.name}" for each in deployments]
        files.extend("model_list", paths, partial(_append_items, items=items))


def _append_items(text: str, *, under: str, items: Sequence[Addition]) -> str:
    return with_items(text, "model_list", items, under=under)


def _extend_settings(files: _Files, stored: StoredConfig) -> Iterator[str]:
    """Write what the files do not have; yields what is secret and therefore stays."""
    config = files.settings.litellm
    for section in dict.fromkeys(each.section for each in stored.settings):
        given = None if config is None else config.at(section)
        present = {} if given is None else given.children()
        new: dict[str, Addition] = {}
        for each in stored.settings:
            if each.section != section or not each.counts or each.name in present:
                continue
            value, secret = without_secrets({each.name: each.value})
            if secret:
                yield f"{each.path}: {_STAYS}"
            else:
                new[each.name] = Addition(value=each.value, text=to_yaml(value))
        if new:
            paths = [f"{section}.{name}" for name in new]
            files.extend(section, paths, partial(_add_names, section=section, new=new))


def _add_names(text: str, *, under: str, section: str, new: Mapping[str, Addition]) -> str:
    return with_names(text, section, new, under=under)


def _addition(entry: dict[str, Any]) -> Addition:
    return Addition(value=entry, text=to_yaml(entry))


def _write(settings: Settings, files: _Files) -> None:
    """Write the files, and then the line that names a new one."""
    named = None
    if settings.litellm is None:
        path = settings.config_file
        old = _read(path) if path.exists() else first_gateway_yaml(settings.project_name)
        line = Addition(value=NEW_FILE, text=f"litellm: {NEW_FILE}")
        named = with_names(old, "", {"litellm": line})
    for file, text in files.texts.items():
        write_text(file, text)
    if named is not None:
        write_text(settings.config_file, named)


def _read(path: Path) -> str:
    try:
        return read_regular_file(path).decode()
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsProblem(
            f"Cannot read {path}: {error}.", hint=f"Correct it; {CONFIG_NAME} names it."
        ) from error
