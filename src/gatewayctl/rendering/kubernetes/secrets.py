"""Which Secrets the workloads refer to, with which keys: names alone, never a value.

The keys are the variables of .env, so that a Secret made by others, for example by the External
Secrets Operator, needs no other names. Addresses of databases are not among them: Kubernetes
composes those from the password, as ``$(LITELLM_POSTGRES_PASSWORD)`` in a container's environment.
"""

from __future__ import annotations

from dataclasses import dataclass

from gatewayctl.network import PROXY_VARIABLES
from gatewayctl.rendering.compose import provider_variables, references_of
from gatewayctl.settings.model import App, Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedSecret:
    """A Secret that the pods of a service read, and its keys.

    ``variables`` are keys that must exist; those of trace stores and apps may be empty.
    ``optional`` are keys that exist only if the variable is set.
    """

    name: str
    service: str
    variables: tuple[str, ...]
    optional: tuple[str, ...] = ()


def plan_secrets(settings: Settings) -> tuple[PlannedSecret, ...]:
    """The Secrets of a project in a cluster, by service.

    With ``secrets: {from: NAME}`` all of them have that name, and exist. A database of
    CloudNativePG has a Secret of the operator instead: see `operator_secret`.
    """
    own_postgres = settings.kubernetes.postgres == "statefulset"
    services = [_litellm(settings)]
    if own_postgres and settings.services.postgres is None:
        services.append(("postgres-litellm", ("LITELLM_POSTGRES_PASSWORD",), ()))
    if own_postgres and settings.tracing.own:
        services += [(name, ("POSTGRES_PASSWORD",), ()) for name in ("postgres-phoenix", "phoenix")]
    if settings.needs_redis_in("kubernetes"):
        services.append(("redis", ("REDIS_PASSWORD",), ()))
    services += [_app(app, settings) for app in settings.apps]
    return tuple(
        PlannedSecret(
            name=secret_name(settings, service),
            service=service,
            variables=variables,
            optional=optional,
        )
        for service, variables, optional in services
        if variables or optional
    )


def secret_name(settings: Settings, service: str) -> str:
    """The name of the Secret that a service reads."""
    is_app = service in {app.name for app in settings.apps}
    return settings.kubernetes.secrets_from or (f"app-{service}" if is_app else service)


def operator_secret(database: str) -> str:
    """The Secret that CloudNativePG makes for the owner of a database: ``password`` is a key."""
    return f"{database}-app"


def _litellm(settings: Settings) -> tuple[str, tuple[str, ...], tuple[str, ...]]:
    variables = ["LITELLM_MASTER_KEY", "LITELLM_SALT_KEY", "UI_PASSWORD"]
    if settings.services.postgres is not None:
        variables.append(settings.services.postgres.url_env)
    elif settings.kubernetes.postgres == "statefulset":
        variables.append("LITELLM_POSTGRES_PASSWORD")
    if settings.needs_redis_in("kubernetes"):
        variables.append("REDIS_PASSWORD")
    variables += _trace_variables(settings)
    given = settings.litellm_service.environment
    proxies = [name for name in PROXY_VARIABLES if given.get(name) is None]
    optional = dict.fromkeys((*provider_variables(settings, "kubernetes"), *proxies))
    return "litellm", tuple(variables), tuple(name for name in optional if name not in variables)


def _trace_variables(settings: Settings) -> tuple[str, ...]:
    """The variables with credentials of declared trace stores."""
    return tuple(
        dict.fromkeys(name for store in settings.tracing.stores for name in store.variables)
    )


def _app(app: App, settings: Settings) -> tuple[str, tuple[str, ...], tuple[str, ...]]:
    first = next(iter(settings.trace_stores), None)
    traces = () if first is None or first.is_own else first.variables
    key = next((key.env for key in settings.keys if key.alias == app.key), None)
    names = (*((key,) if key else ()), *references_of(app.environment))
    optional = tuple(name for name in dict.fromkeys(names) if name not in traces)
    return app.name, tuple(traces), optional
