"""The environment of each container, as the API wants it: secrets by reference only.

Owns Kubernetes' own syntax inside values: ``$(NAME)`` is a variable that is listed before, and
``$$`` a dollar. Must not know YAML.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from gatewayctl import network
from gatewayctl.rendering.compose import escape_dollars
from gatewayctl.rendering.kubernetes.secrets import (
    PlannedSecret,
    app_secret,
    litellm_secret,
    operator_secret,
    secret_name,
)
from gatewayctl.rendering.kubernetes.services import BUSY_SECONDS, database_host, longest_request
from gatewayctl.rendering.sizes import KEEPALIVE_SECONDS
from gatewayctl.rendering.tracing import (
    OWN_COLLECTOR,
    app_variables,
    container_otel_variables,
    own_phoenix_variables,
    span_variables,
)
from gatewayctl.settings.declared.apps import App
from gatewayctl.settings.declared.kubernetes import CLUSTER_DOMAIN
from gatewayctl.settings.model import CA_BUNDLE_NAME, Settings
from gatewayctl.settings.plain_secrets import REFERENCE

Variable = dict[str, Any]
"""An EnvVar of the API."""
GATEWAY_URL: Final = "http://litellm:4000"
_PASSWORD: Final = "LITELLM_POSTGRES_PASSWORD"  # noqa: S105
_SCRATCH: Final = "/tmp"  # noqa: S108


def refer(name: str) -> str:
    """Refer to a variable of the same container, listed before."""
    return f"$({name})"


def litellm_environment(settings: Settings) -> list[Variable]:
    """The variables of LiteLLM's pods: see docker-compose.yml for the reasons of most."""
    secret = litellm_secret(settings)
    plain = {
        "LITELLM_MODE": "PRODUCTION",
        "LITELLM_LOCAL_MODEL_COST_MAP": "True",
        "KEEPALIVE_TIMEOUT": str(KEEPALIVE_SECONDS),
        # Seconds that requests get to finish in a pod that ends.
        "GRACEFUL_SHUTDOWN_TIMEOUT": str(longest_request(settings)),
        # Not 10: a busy pod would refuse calls then, and report that it is not ready.
        "PROXY_DB_LOOKUP_DEADLINE_SECONDS": str(BUSY_SECONDS),
        **_litellm_sharing(settings),
        **_litellm_tracing(settings),
        **({} if settings.profile == "production" else {"PROXY_BATCH_WRITE_AT": "2"}),
        **_no_proxy(settings),
        **_certificates(settings),
    }
    given = settings.litellm_service.environment
    own = {name: escape_dollars(value) for name, value in given.items() if value is not None}
    return [
        *_references(secret),
        *_database(settings),
        # preStop has no other way to say that it may end the pod.
        _reference("DRAIN_ENDPOINT_TOKEN", secret.name, "LITELLM_MASTER_KEY"),
        # The operator's own count, but only the Job migrates, once for all pods. The price: LiteLLM
        # then runs `prisma migrate diff --from-url` at each start, and has no switch for that but
        # to migrate instead. Then a migration that failed would stop every pod that restarts, of
        # the release that still serves, too. Prisma takes no password beside the URL (PGPASSWORD).
        *_literals({**plain, **_writable(), **own, "DISABLE_SCHEMA_UPDATE": "true"}),
    ]


def migration_environment(settings: Settings) -> list[Variable]:
    """The variables of the Job that migrates LiteLLM's database."""
    secret = litellm_secret(settings)
    needed = (_PASSWORD, _url_variable(settings))
    names = tuple(name for name in secret.variables if name in needed)
    plain = {"LITELLM_MODE": "PRODUCTION", "LITELLM_LOCAL_MODEL_COST_MAP": "True"}
    return [
        *(_reference(name, secret.name) for name in names),
        *_database(settings),
        *_literals({**plain, **_writable()}),
    ]


def phoenix_environment(settings: Settings) -> list[Variable]:
    """The variables of Phoenix: only a trace store, because it has no login."""
    plain = {
        "PHOENIX_HOST": "0.0.0.0",  # noqa: S104
        "PHOENIX_PORT": "6006",
        "PHOENIX_GRPC_PORT": "4317",
        "PHOENIX_POSTGRES_HOST": database_host(settings, "postgres-phoenix"),
        "PHOENIX_POSTGRES_PORT": "5432",
        "PHOENIX_POSTGRES_DB": "phoenix",
        "PHOENIX_POSTGRES_USER": "phoenix_user",
        "PHOENIX_TELEMETRY_ENABLED": "false",
        "PHOENIX_ALLOW_EXTERNAL_RESOURCES": "false",
        "PHOENIX_DISABLE_AGENT_ASSISTANT": "true",
        "PHOENIX_AGENTS_DISABLE_BASH": "true",
        "PHOENIX_ENABLE_MCP_SERVER": "false",
        "PHOENIX_ALLOWED_SANDBOX_PROVIDERS": "NONE",
        "HOME": _SCRATCH,
    }
    password = _password(settings, "phoenix", "postgres-phoenix", "POSTGRES_PASSWORD")
    return [{"name": "PHOENIX_POSTGRES_PASSWORD", **password}, *_literals(plain)]


def app_environment(app: App, settings: Settings) -> list[Variable]:
    """The variables of an app: its own override addresses, its key overrides both."""
    secret = app_secret(app, settings)
    variables = {**app_variables(settings, refer), "OTEL_SERVICE_NAME": app.name}
    variables |= _no_proxy(settings)
    own = dict(app.environment)
    found = [
        variable
        for variable in _literals(variables)
        if variable["name"] not in own and variable["name"] not in ("LLM_BASE_URL", "LLM_API_KEY")
    ]
    key = next((key.env for key in settings.keys if key.alias == app.key), None)
    return [
        *(_reference(name, secret.name) for name in secret.variables),
        *found,
        *(_own_variable(name, value, secret) for name, value in own.items()),
        {"name": "LLM_BASE_URL", "value": GATEWAY_URL},
        *([] if key is None else [_reference("LLM_API_KEY", secret.name, key, optional=True)]),
    ]


def _own_variable(name: str, value: str, secret: PlannedSecret) -> Variable:
    if value.startswith(REFERENCE):
        variable = value.removeprefix(REFERENCE)
        return _reference(name, secret.name, variable, optional=variable not in secret.variables)
    return {"name": name, "value": str(escape_dollars(value))}


def _litellm_sharing(settings: Settings) -> dict[str, str]:
    if not settings.needs_redis_in("kubernetes"):
        return {"LITELLM_DISABLE_NO_REDIS_WARNING": "true"}
    return {"TIMEOUT_WORKER_HEALTHCHECK": "300"} if settings.pod_workers > 1 else {}


def _litellm_tracing(settings: Settings) -> dict[str, str]:
    if not settings.trace_stores:
        return {}
    where = (
        container_otel_variables(settings, refer)
        if settings.tracing.declared
        else own_phoenix_variables(OWN_COLLECTOR)
    )
    return {**span_variables(settings), **where}


def _writable() -> dict[str, str]:
    """Folders that a user without rights can write to; the image's own belong to root."""
    return {
        "HOME": _SCRATCH,
        "LITELLM_UI_PATH": f"{_SCRATCH}/ui",
        "LITELLM_MIGRATION_DIR": f"{_SCRATCH}/migrations",
    }


def _certificates(settings: Settings) -> dict[str, str]:
    names = ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")
    return {} if settings.ca_bundle is None else dict.fromkeys(names, f"/app/{CA_BUNDLE_NAME}")


def _no_proxy(settings: Settings) -> dict[str, str]:
    """The hosts that pods reach without a proxy: those of the cluster, then the operator's."""
    own = ("litellm", "phoenix", "redis", *(app.name for app in settings.apps))
    hosts = network.join_no_proxy(
        *network.LOOPBACK_HOSTS,
        *own,
        ".svc",
        f".{CLUSTER_DOMAIN}",
        network.hosts_without_proxy(settings.network),
    )
    return {network.NO_PROXY: hosts, network.NO_PROXY.lower(): hosts}


def _database(settings: Settings) -> list[Variable]:
    """DATABASE_URL, with the password inserted by Kubernetes."""
    external = settings.services.postgres
    if external is not None:
        name = secret_name(settings, "litellm")
        # A variable of that name is there already, and one that is there twice is refused.
        is_there = external.url_env == "DATABASE_URL"
        return [] if is_there else [_reference("DATABASE_URL", name, external.url_env)]
    host = database_host(settings, "postgres-litellm")
    url = f"postgresql://litellm_user:{refer(_PASSWORD)}@{host}:5432/litellm"
    found: list[Variable] = [{"name": "DATABASE_URL", "value": url}]
    if settings.kubernetes.postgres == "cloudnative-pg":
        password = _password(settings, "litellm", "postgres-litellm", _PASSWORD)
        found.insert(0, {"name": _PASSWORD, **password})
    return found


def _url_variable(settings: Settings) -> str:
    return "" if settings.services.postgres is None else settings.services.postgres.url_env


def _password(settings: Settings, service: str, database: str, variable: str) -> Variable:
    """The value of the password of a database's owner."""
    if settings.kubernetes.postgres == "cloudnative-pg":
        return {
            "valueFrom": {"secretKeyRef": {"name": operator_secret(database), "key": "password"}}
        }
    reference = _reference(variable, secret_name(settings, service))
    return {"valueFrom": reference["valueFrom"]}


def postgres_environment(settings: Settings, database: str) -> list[Variable]:
    """The variables of the official image of PostgreSQL."""
    name = database.removeprefix("postgres-")
    variable = _PASSWORD if name == "litellm" else "POSTGRES_PASSWORD"
    plain = {
        "POSTGRES_DB": name,
        "POSTGRES_USER": f"{name}_user",
        # A folder of the volume: the volume itself can have a lost+found.
        "PGDATA": "/var/lib/postgresql/data/pgdata",
    }
    return [
        _reference("POSTGRES_PASSWORD", secret_name(settings, database), variable),
        *_literals(plain),
    ]


def redis_environment(settings: Settings) -> list[Variable]:
    """The variables of Redis: its password alone."""
    return [_reference("REDIS_PASSWORD", secret_name(settings, "redis"))]


def _references(secret: PlannedSecret) -> Iterable[Variable]:
    yield from (_reference(name, secret.name) for name in secret.variables)
    yield from (_reference(name, secret.name, optional=True) for name in secret.optional)


def _reference(
    variable: str, secret: str, key: str | None = None, *, optional: bool = False
) -> Variable:
    reference: dict[str, Any] = {"name": secret, "key": key or variable}
    if optional:
        reference["optional"] = True
    return {"name": variable, "valueFrom": {"secretKeyRef": reference}}


def _literals(values: Mapping[str, str]) -> Iterable[Variable]:
    return [{"name": name, "value": value} for name, value in values.items()]
