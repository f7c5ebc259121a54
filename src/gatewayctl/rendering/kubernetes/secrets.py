"""Which Secrets the workloads refer to, with which keys: names alone, never a value.

The keys are the variables of .env, so that a Secret made by others, for example by the External
Secrets Operator, needs no other names. Addresses of databases are not among them: Kubernetes
composes those from the password, as ``$(LITELLM_POSTGRES_PASSWORD)`` in a container's environment.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Final

from gatewayctl.network import PROXY_VARIABLES
from gatewayctl.rendering.compose import provider_variables, references_of
from gatewayctl.rendering.kubernetes.mounts import mounted_files
from gatewayctl.settings.declared.apps import App
from gatewayctl.settings.model import Settings

MOUNTS: Final = "litellm-files"
"""The Secret with the files of ``services.litellm.mounts``, which can be credentials."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedSecret:
    """A Secret that the pods of a service read, and its keys.

    ``variables`` are keys that must exist; those of trace stores may be empty. ``optional`` are
    keys that exist only if the variable is set. ``files`` are keys with the content of a file.
    """

    name: str
    service: str
    variables: tuple[str, ...] = ()
    optional: tuple[str, ...] = ()
    files: Mapping[str, Path] = field(default_factory=lambda: MappingProxyType({}))


def plan_secrets(settings: Settings) -> tuple[PlannedSecret, ...]:
    """The Secrets of a project in a cluster, by service.

    With ``secrets: {from: NAME}`` all of them have that name, and exist. A database of
    CloudNativePG has a Secret of the operator instead: see `operator_secret`.
    """
    planned = (*_services(settings), *(app_secret(app, settings) for app in settings.apps))
    return tuple(
        secret for secret in planned if secret.variables or secret.optional or secret.files
    )


def _services(settings: Settings) -> Iterator[PlannedSecret]:
    own_postgres = settings.kubernetes.postgres == "statefulset"
    yield litellm_secret(settings)
    yield mounts_secret(settings)
    if own_postgres and settings.services.postgres is None:
        yield _secret(settings, "postgres-litellm", "LITELLM_POSTGRES_PASSWORD")
    if own_postgres and settings.tracing.own:
        yield _secret(settings, "postgres-phoenix", "POSTGRES_PASSWORD")
        yield _secret(settings, "phoenix", "POSTGRES_PASSWORD")
    if settings.needs_redis_in("kubernetes"):
        yield _secret(settings, "redis", "REDIS_PASSWORD")


def _secret(settings: Settings, service: str, *variables: str) -> PlannedSecret:
    return PlannedSecret(name=secret_name(settings, service), service=service, variables=variables)


def secret_name(settings: Settings, usual: str) -> str:
    """The name of a Secret: that of the one that exists, if there is one for everything."""
    return settings.kubernetes.secrets_from or usual


def operator_secret(database: str) -> str:
    """The Secret that CloudNativePG makes for the owner of a database: ``password`` is a key."""
    return f"{database}-app"


def litellm_secret(settings: Settings) -> PlannedSecret:
    """The Secret of LiteLLM's pods, and of the Job that migrates its database."""
    variables = ["LITELLM_MASTER_KEY", "LITELLM_SALT_KEY", "UI_PASSWORD"]
    if settings.services.postgres is not None:
        variables.append(settings.services.postgres.url_env)
    elif settings.kubernetes.postgres == "statefulset":
        variables.append("LITELLM_POSTGRES_PASSWORD")
    if settings.needs_redis_in("kubernetes"):
        variables.append("REDIS_PASSWORD")
    variables += (name for store in settings.tracing.stores for name in store.variables)
    given = settings.litellm_service.environment
    proxies = (name for name in PROXY_VARIABLES if given.get(name) is None)
    optional = dict.fromkeys((*provider_variables(settings, "kubernetes"), *proxies))
    return PlannedSecret(
        name=secret_name(settings, "litellm"),
        service="litellm",
        variables=tuple(dict.fromkeys(variables)),
        optional=tuple(name for name in optional if name not in variables),
    )


def mounts_secret(settings: Settings) -> PlannedSecret:
    """The Secret with the files that are mounted into LiteLLM's pods."""
    files = {file.key: file.source for file in mounted_files(settings)}
    return PlannedSecret(
        name=secret_name(settings, MOUNTS), service="litellm", files=MappingProxyType(files)
    )


def app_secret(app: App, settings: Settings) -> PlannedSecret:
    """The Secret of an app: its virtual key, and what its environment refers to."""
    first = next(iter(settings.trace_stores), None)
    traces = () if first is None else first.variables
    key = next((key.env for key in settings.keys if key.alias == app.key), None)
    names = (*((key,) if key else ()), *references_of(app.environment))
    return PlannedSecret(
        name=secret_name(settings, f"app-{app.name}"),
        service=app.name,
        variables=tuple(traces),
        optional=tuple(name for name in dict.fromkeys(names) if name not in traces),
    )
