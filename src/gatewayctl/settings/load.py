"""From the layers of a project to its Settings: all problems at once, or none.

Owns the order of reading and the checks across sections. Must not know files to render,
services to run, or how a problem is shown.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from gatewayctl.errors import UsageProblem
from gatewayctl.settings import fields, typed
from gatewayctl.settings.model import Images, Ports, Profile, Secret, Secrets, Settings, Source
from gatewayctl.settings.problems import Problems
from gatewayctl.settings.scalars import read_scalars
from gatewayctl.settings.sections.apps import check_app_ports, parse_apps
from gatewayctl.settings.sections.components import parse_components
from gatewayctl.settings.sections.keys import check_keys, parse_keys
from gatewayctl.settings.sections.models import parse_models, referred_variables
from gatewayctl.settings.sources import Layers, read_layers

SECTIONS: Final = ("models", "keys", "components", "apps")
_NO_FLAGS: Final[Mapping[str, Any]] = MappingProxyType({})


def load_settings(
    project_dir: Path,
    *,
    flags: Mapping[str, Any] = _NO_FLAGS,
    environ: Mapping[str, str] | None = None,
    require_env_file: bool = False,
) -> Settings:
    """The checked settings of the project in a folder.

    ``flags`` are by dotted name (``runtime``); ``environ`` is this process's environment
    unless given. Missing secrets are no error here: see `master_key.require_master_key`.
    Raises SettingsInvalid with every problem, EnvFileMissing where a .env is required,
    EnvFileUnreadable, and UsageProblem where there is no such folder.
    """
    project_dir = project_dir.resolve()
    if not project_dir.is_dir():
        raise UsageProblem(
            f"There is no folder {project_dir}.", hint="Make it with `gatewayctl -C DIR init`."
        )
    problems = Problems()
    layers = read_layers(
        project_dir,
        flags=flags,
        environ=environ,
        problems=problems,
        require_env_file=require_env_file,
    )
    settings = _settings(project_dir, layers, problems)
    problems.raise_all()
    return settings


def _settings(project_dir: Path, layers: Layers, problems: Problems) -> Settings:
    document = layers.document
    _check_names(layers, problems)
    values, chosen = read_scalars(layers, project_dir.name, problems)
    origins = {**dict(document.places()), **chosen}
    models = parse_models(document.at("models"), values["profile"], problems)
    keys = parse_keys(document.at("keys"), problems)
    check_keys(keys, models, origins, problems)
    apps = parse_apps(document.at("apps"), keys, problems)
    check_app_ports(apps, document.at("apps"), _named(values, "ports."), problems)
    secrets = _secrets(layers, origins)
    wanted = {model.api_key_env for model in models} | {key.env for key in keys}
    wanted |= set(referred_variables(document.at("models")))
    wanted |= set(referred_variables(document.at("apps")))
    environment = _environment(layers, sorted(name for name in wanted if name), origins)
    return Settings(
        project_dir=project_dir,
        project_name=values["project_name"],
        runtime=values["runtime"],
        profile=values["profile"],
        bind=values["bind"],
        ports=Ports(**_within(values, "ports.")),
        images=Images(**_within(values, "images.")),
        apps=apps,
        workers=values["workers"] if "workers" in chosen else _workers(values["profile"]),
        lock_timeout=values["lock_timeout"],
        models=models,
        keys=keys,
        components=parse_components(document.at("components"), problems),
        secrets=secrets,
        environment=environment,
        origins=MappingProxyType(origins),
    )


def _check_names(layers: Layers, problems: Problems) -> None:
    """Note every unknown name of gateway.yaml outside the sections with readers of their own."""
    paths = [field.yaml for field in fields.SCALARS if field.yaml]
    top = {path.split(".")[0] for path in paths} | set(SECTIONS)
    typed.known_names(layers.document.children(), top, "", problems)
    for group in sorted({path.split(".")[0] for path in paths if "." in path}):
        node = layers.document.at(group)
        if node is not None:
            known = _within(dict.fromkeys(paths), f"{group}.")
            typed.known_names(typed.mapping(node, group, problems), known, group, problems)


def _named(values: Mapping[str, Any], prefix: str) -> dict[str, Any]:
    return {name: value for name, value in values.items() if name.startswith(prefix)}


def _within(values: Mapping[str, Any], prefix: str) -> dict[str, Any]:
    """Those of a group, by the part of their name that follows the prefix."""
    return {name.removeprefix(prefix): value for name, value in _named(values, prefix).items()}


def _workers(profile: Profile) -> int:
    """As many as there are cores where speed counts; one needs no Redis."""
    return (os.cpu_count() or 1) if profile == "production" else 1


def _secrets(layers: Layers, origins: dict[str, Source]) -> Secrets:
    held = {field.attribute: field.env for field in fields.SECRETS if field.attribute}
    found = _environment(layers, [name for name in held.values() if name], origins)
    return Secrets(**{attribute: found.get(name or "") for attribute, name in held.items()})


def _environment(
    layers: Layers, names: Iterable[str], origins: dict[str, Source]
) -> Mapping[str, Secret]:
    """Those of the variables that are set, noting where."""
    values: dict[str, Secret] = {}
    for name in names:
        found = layers.variable(name)
        if found is not None:
            values[name] = Secret(found.value)
            origins[name] = found.source
    return MappingProxyType(values)
