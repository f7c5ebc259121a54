"""Load the settings of a project from its layers, or report all problems at once.

Owns the order of reading and the checks across sections. Must not know files to render,
services to run, or how a problem is shown.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from gatewayctl import network
from gatewayctl.errors import UsageProblem
from gatewayctl.operating_system import real_path
from gatewayctl.settings import fields
from gatewayctl.settings.cursor import Cursor
from gatewayctl.settings.masking import remember, remember_variables
from gatewayctl.settings.model import (
    STATE_DIR_NAME,
    Images,
    Ports,
    RuntimeChoice,
    Secret,
    Secrets,
    Settings,
    Source,
)
from gatewayctl.settings.problems import Problems
from gatewayctl.settings.scalars import read_scalars
from gatewayctl.settings.sections.external import ExternalGateway
from gatewayctl.settings.sections.read import SECTIONS, read_sections
from gatewayctl.settings.sections.services import check_services
from gatewayctl.settings.sections.tracing import check_tracing
from gatewayctl.settings.sources import Layers, read_layers

_UNUSABLE: Final = re.compile("[\x00-\x1f\x7f\ud800-\udfff]")
"""In a path: control characters, and bytes that are not UTF-8."""
CountCores = Callable[[RuntimeChoice, Path], int]
"""Takes the runtime setting of a project and the folder of its state."""
_NO_FLAGS: Final[Mapping[str, Any]] = MappingProxyType({})


def _count_own_cores(_runtime: RuntimeChoice, _state_dir: Path) -> int:
    return os.cpu_count() or 1


def load_settings(
    project_dir: Path,
    *,
    flags: Mapping[str, Any] = _NO_FLAGS,
    environ: Mapping[str, str] | None = None,
    require_env_file: bool = False,
    cores: CountCores = _count_own_cores,
) -> Settings:
    """Load and check the settings of the project in a folder.

    ``flags`` are by dotted name (``runtime``); ``environ`` is this process's environment
    unless given; ``cores`` counts those of the machine that a project's services run on, for the
    default number of workers in production. Missing secrets are not an error here: see
    `master_key.require_master_key`.
    Raises SettingsInvalid with every problem, EnvFileMissing if a .env is required,
    EnvFileUnreadable, and UsageProblem if the folder does not exist or its path cannot be used.
    """
    project_dir = real_path(project_dir)
    if not project_dir.is_dir():
        raise UsageProblem(
            f"There is no folder {project_dir}.", hint="Create it with `gatewayctl -C DIR init`."
        )
    if _UNUSABLE.search(str(project_dir)):
        raise UsageProblem(
            f"No configuration can hold the path of this project: {str(project_dir)!r}.",
            hint="Rename the folder, without control characters and in UTF-8.",
        )
    problems = Problems()
    layers = read_layers(
        project_dir,
        flags=flags,
        environ=environ,
        problems=problems,
        require_env_file=require_env_file,
    )
    settings = _settings(project_dir, layers, problems, cores)
    problems.raise_all()
    return settings


def _settings(project_dir: Path, layers: Layers, problems: Problems, cores: CountCores) -> Settings:
    document = Cursor(node=layers.document, problems=problems)
    _check_names(document)
    values, chosen = read_scalars(layers, project_dir.name, problems)
    origins = {**dict(layers.document.places()), **chosen}
    sections = read_sections(document, project_dir, values, origins)
    if values["runtime"] == "external":
        _require_address(layers, origins, problems)
    secrets = _secrets(layers, origins)
    environment = _environment(layers, sections.variables, origins)
    check_services(sections.services, document.child("services"), environment)
    check_tracing(sections.tracing, document.child("tracing"), environment)
    found = {name: secret.reveal() for name, secret in environment.items()}
    remember(value for name, value in found.items() if name in sections.secret_variables)
    remember_variables(found)
    return Settings(
        project_dir=project_dir,
        project_name=values["project_name"],
        runtime=values["runtime"],
        profile=values["profile"],
        bind=values["bind"],
        ports=Ports(**_within(values, "ports.")),
        network=_network(layers, origins),
        ca_bundle=project_dir / values["ca_bundle"] if values["ca_bundle"] else None,
        images=_images(_within(values, "images.")),
        registry=values["images.registry"],
        apps=sections.apps,
        litellm=sections.litellm,
        litellm_service=sections.litellm_service,
        embedded_packages=sections.embedded_packages,
        workers=values["workers"]
        if "workers" in chosen
        else _workers(values, lambda: cores(values["runtime"], project_dir / STATE_DIR_NAME)),
        lock_timeout=values["lock_timeout"],
        external=ExternalGateway(
            **{name: url or "" for name, url in _within(values, "external.").items()}
        ),
        models=sections.models,
        keys=sections.keys,
        teams=sections.teams,
        users=sections.users,
        components=sections.components,
        secrets=secrets,
        environment=environment,
        origins=MappingProxyType(origins),
        services=sections.services,
        tracing=sections.tracing,
        retention=sections.retention,
        kubernetes=sections.kubernetes,
    )


def _require_address(layers: Layers, origins: Mapping[str, Source], problems: Problems) -> None:
    """Report a gateway of others without an address; a wrong one is reported already."""
    if all(layers.find(field) is None for field in fields.SCALARS if field.name == "external.url"):
        problems.add(
            origins["runtime"],
            "runtime: external needs the address of the gateway: external.url in gateway.yaml, or"
            " GATEWAYCTL_EXTERNAL_URL",
        )


def _check_names(document: Cursor) -> None:
    """Report every unknown name outside the sections with parsers of their own."""
    paths = [field.yaml for field in fields.SCALARS if field.yaml]
    document.check_names({path.split(".")[0] for path in paths} | set(SECTIONS))
    for group in sorted({path.split(".")[0] for path in paths if "." in path}):
        document.child(group).check_names(_within(dict.fromkeys(paths), f"{group}."))


def _within(values: Mapping[str, Any], prefix: str) -> dict[str, Any]:
    """The values of a group, by the part of their name that follows the prefix."""
    return {name[len(prefix) :]: values[name] for name in values if name.startswith(prefix)}


def _images(values: Mapping[str, Any]) -> Images:
    """The images, with the names that they have at the mirror if there is one."""
    registry = values["registry"]
    names = {name: value for name, value in values.items() if name != "registry"}
    return Images(**{name: network.at_registry(value, registry) for name, value in names.items()})


def _network(layers: Layers, origins: dict[str, Source]) -> Mapping[str, Secret]:
    """The variables of the network; passwords in addresses of proxies are masked from now on."""
    found = _environment(layers, network.VARIABLES, origins)
    proxies = {name: found[name].reveal() for name in network.PROXY_VARIABLES if name in found}
    remember_variables({name: network.with_scheme(value) for name, value in proxies.items()})
    return found


def _workers(values: Mapping[str, Any], cores: Callable[[], int]) -> int:
    """The number of cores in production, otherwise 1, which needs no Redis.

    In a cluster there are more pods instead of more workers.
    """
    on_machine = values["runtime"] != "kubernetes"
    return cores() if values["profile"] == "production" and on_machine else 1


def _secrets(layers: Layers, origins: dict[str, Source]) -> Secrets:
    variables = {field.attribute: field.env or "" for field in fields.SECRETS if field.attribute}
    found = _environment(layers, variables.values(), origins)
    return Secrets(**{attribute: found.get(name) for attribute, name in variables.items()})


def _environment(
    layers: Layers, names: Iterable[str], origins: dict[str, Source]
) -> Mapping[str, Secret]:
    """Read the variables that are set, and record their sources in ``origins``."""
    values: dict[str, Secret] = {}
    for name in names:
        found = layers.variable(name)
        if found is not None:
            values[name] = Secret(found.value)
            origins[name] = found.source
    return MappingProxyType(values)
