"""Read the sections of gateway.yaml that have parsers of their own, and what they refer to.

Owns their order and the checks of those that refer to each other. Must not know where the values of
variables come from.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, TypeVar

from gatewayctl.settings import providers, reference
from gatewayctl.settings.cursor import Cursor
from gatewayctl.settings.declared.apps import App
from gatewayctl.settings.declared.external_services import ExternalServices
from gatewayctl.settings.declared.keys import DeclaredKey, DeclaredOwner
from gatewayctl.settings.declared.kubernetes import Kubernetes
from gatewayctl.settings.declared.retention import Retention
from gatewayctl.settings.declared.trace_stores import Tracing
from gatewayctl.settings.litellm.config import LitellmConfig
from gatewayctl.settings.litellm.modules import find_modules
from gatewayctl.settings.litellm.read import read_litellm
from gatewayctl.settings.litellm.service import LitellmService
from gatewayctl.settings.litellm.traps import check_config
from gatewayctl.settings.model import Component, Model, Source
from gatewayctl.settings.plain_secrets import referenced_variables
from gatewayctl.settings.sections.apps import check_app_ports, parse_apps
from gatewayctl.settings.sections.components import parse_components
from gatewayctl.settings.sections.embedded import parse_embedded
from gatewayctl.settings.sections.keys import check_keys, parse_keys
from gatewayctl.settings.sections.kubernetes import parse_kubernetes
from gatewayctl.settings.sections.litellm_service import check_mounts, parse_litellm_service
from gatewayctl.settings.sections.models import parse_models
from gatewayctl.settings.sections.owners import check_owners, parse_teams, parse_users
from gatewayctl.settings.sections.retention import parse_retention
from gatewayctl.settings.sections.services import parse_services
from gatewayctl.settings.sections.tracing import parse_tracing

SECTIONS: Final = (
    *("models", "litellm", "keys", "teams", "users", "components", "services", "tracing"),
    *("embedded", "apps", "kubernetes", "retention"),
)
_Entry = TypeVar("_Entry", Model, DeclaredKey)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sections:
    """The sections of gateway.yaml that have parsers of their own.

    ``variables`` are the environment variables that they refer to; ``secret_variables`` those of
    them that hold a secret, whatever its name.
    """

    litellm: LitellmConfig | None
    litellm_service: LitellmService
    models: tuple[Model, ...]
    keys: tuple[DeclaredKey, ...]
    teams: tuple[DeclaredOwner, ...]
    users: tuple[DeclaredOwner, ...]
    components: tuple[Component, ...]
    apps: tuple[App, ...]
    services: ExternalServices
    tracing: Tracing
    retention: Retention
    kubernetes: Kubernetes
    embedded_packages: tuple[str, ...]
    referenced: frozenset[str]

    @property
    def secret_variables(self) -> set[str]:
        found = {model.api_key_env for model in self.models} | {key.env for key in self.keys}
        found |= {name for store in self.tracing.stores for name in store.variables}
        return {name for name in found if name}

    @property
    def variables(self) -> list[str]:
        servers = (providers.local_server(model.provider) for model in self.models)
        found = {server.variable for server in servers if server} | self.referenced
        found |= {*(self.litellm.variables if self.litellm else ()), *self.secret_variables}
        found |= {*self.litellm_service.environment}
        found |= {self.services.postgres.url_env} if self.services.postgres else set()
        return sorted(found)


def read_sections(
    document: Cursor, project_dir: Path, values: Mapping[str, Any], origins: Mapping[str, Source]
) -> Sections:
    """Read them, and check those that refer to each other."""
    is_external, problems = values["runtime"] == "external", document.problems
    config = _read_litellm(document.child("litellm"), project_dir, origins)
    models = parse_models(document.child("models"), values["profile"], config)
    keys = parse_keys(document.child("keys"))
    teams, users = parse_teams(document.child("teams")), parse_users(document.child("users"))
    if is_external:
        models, keys = _leave_out_reference(models), _leave_out_reference(keys)
    known = (*models, *(_assume_models((*keys, *teams, *users)) if is_external else ()))
    check_owners((*teams, *users), known, origins, problems)
    check_keys(keys, (*teams, *users), known, origins, problems)
    apps = parse_apps(document.child("apps"), keys)
    ports = {
        name.removeprefix("ports."): value
        for name, value in values.items()
        if name.startswith("ports.")
    }
    check_app_ports(apps, document.child("apps"), ports)
    services = document.child("services")
    service = parse_litellm_service(services.child("litellm"), project_dir)
    check_mounts(service, config.modules if config else (), services.child("litellm"))
    tracing = parse_tracing(document.child("tracing"))
    return Sections(
        litellm=config,
        litellm_service=service,
        models=models,
        keys=keys,
        teams=teams,
        users=users,
        components=parse_components(document.child("components")),
        apps=apps,
        services=parse_services(services),
        tracing=tracing,
        retention=parse_retention(
            document.child("retention"), tracing=tracing, is_external=is_external
        ),
        kubernetes=parse_kubernetes(
            document.child("kubernetes"), values=values, apps=[app.name for app in apps]
        ),
        embedded_packages=parse_embedded(document.child("embedded")),
        referenced=frozenset(
            referenced_variables(document.child("models"))
            | referenced_variables(document.child("apps"))
        ),
    )


def _read_litellm(
    section: Cursor, project_dir: Path, origins: Mapping[str, Source]
) -> LitellmConfig | None:
    """Read LiteLLM's own configuration, with the modules beside it, and check it."""
    config = read_litellm(section, project_dir)
    if config is None:
        return None
    # Modules that are not beside it can be in an image or in packages of the operator's own.
    installed = not {"images.litellm", "embedded.packages"}.isdisjoint(origins)
    modules = find_modules(config, section.problems, may_be_installed=installed)
    check_config(config, section.problems)
    return replace(config, modules=modules)


def _leave_out_reference(declared: tuple[_Entry, ...]) -> tuple[_Entry, ...]:
    """Without the reference stack: a gateway of others lacks it, and it is not made there."""
    usual = (*reference.MODELS, reference.DEMO, *reference.KEYS)
    return tuple(entry for entry in declared if all(entry is not each for each in usual))


def _assume_models(owners: Iterable[DeclaredKey | DeclaredOwner]) -> Iterable[Model]:
    """The models of keys and their owners, which a gateway of others may serve undeclared."""
    names = dict.fromkeys(name for owner in owners for name in owner.models)
    return (Model(name=name, litellm_params={}) for name in names)
