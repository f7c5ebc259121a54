"""The three programs of the embedded stack, as data: command line, environment, stop signal.

Owns how LiteLLM, Phoenix and PostgreSQL are configured. Must not start anything.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final, Literal
from urllib.parse import quote

from gatewayctl import network
from gatewayctl.env_file.read import read_env_file
from gatewayctl.errors import EnvFileMissing, Problem, SettingsInvalid, SettingsProblem
from gatewayctl.rendering.compose import provider_variables
from gatewayctl.rendering.side_files import find_side_files
from gatewayctl.rendering.sizes import KEEPALIVE_SECONDS
from gatewayctl.rendering.tracing import (
    COLLECTOR,
    otel_variables,
    own_phoenix_variables,
    span_variables,
)
from gatewayctl.runtimes.embedded import packages
from gatewayctl.runtimes.embedded.environment import Environment
from gatewayctl.runtimes.embedded.layout import Layout
from gatewayctl.runtimes.embedded.network import service_variables
from gatewayctl.runtimes.embedded.postgres.addresses import database_address, database_host
from gatewayctl.runtimes.embedded.postgres.privileges import PostgresUser
from gatewayctl.runtimes.external_database import external_url
from gatewayctl.settings.fields import SCALARS
from gatewayctl.settings.model import Secret, Settings

SERVICES: Final = ("postgres", "litellm", "phoenix")
"""Every service that this runtime can run; see `services_of`."""
STOP_SIGNALS: Final[Mapping[str, str]] = {"postgres": "INT", "litellm": "TERM", "phoenix": "TERM"}
"""INT is PostgreSQL's fast shutdown: it does not wait for clients to disconnect."""
LITELLM_USER: Final = "litellm_user"
PHOENIX_USER: Final = "phoenix_user"
QUICK_START: Final = Path(__file__).with_name("quick_start.py")

# Variables of the operator's environment that a service may need, besides those of models.
# The personal ones differ between terminals and change nothing: no reason for a restart.
_PERSONAL: Final = ("USER", "LOGNAME", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "TMPDIR")
_PASSED_ON: Final = (*_PERSONAL, "HOME", "XDG_CACHE_HOME")


def services_of(settings: Settings) -> tuple[str, ...]:
    """The services of a project: not those that others run."""
    own = settings.tracing.own
    unneeded = {"postgres"} if settings.services.postgres and not own else set()
    unneeded |= set() if own else {"phoenix"}
    return tuple(name for name in SERVICES if name not in unneeded)


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """How to run one service. The environment holds secrets and is not part of ``repr``."""

    service: str
    argv: tuple[str, ...]
    environment: Mapping[str, str] = field(repr=False)
    directory: Path


def significant_variables(environment: Mapping[str, str]) -> dict[str, str]:
    """The variables whose change requires a restart."""
    return {name: value for name, value in environment.items() if name not in _PERSONAL}


def inherited_variables(
    settings: Settings, environ: Mapping[str, str] | None = None
) -> dict[str, str]:
    """The operator's variables that supervisord receives: a short list, no unrelated secrets.

    Includes the project's variables that are set in the process environment: they override .env
    even when a service is restarted later.
    """
    environ = os.environ if environ is None else environ
    names = {name for name in settings.origins if name.isupper()} | set(settings.environment)
    names |= {field.env for field in SCALARS if field.env} | {*_PASSED_ON, *network.VARIABLES}
    names |= set(provider_variables(settings))
    return {name: environ[name] for name in sorted(names) if name in environ} | {
        "PATH": os.defpath + os.pathsep + "/usr/sbin:/usr/local/bin"
    }


def postgres_program(
    settings: Settings, environment: Environment, layout: Layout, user: PostgresUser
) -> Program:
    """PostgreSQL 16 on loopback TCP only: without a Unix socket, every client needs a password."""
    argv = (
        *user.prefix,
        str(environment.postgres_bin / "postgres"),
        "-D", str(layout.postgres_data),
        "-p", str(require_port(settings, "postgres_litellm")),
        "-c", f"listen_addresses={database_host(settings)}",
        "-c", "unix_socket_directories=",
        "-c", "log_line_prefix=%m [%p] ",
        "-c", "log_timezone=UTC",
        # Not that of the machine: LiteLLM compares its times, in UTC without a zone, with it when
        # it deletes old spend logs.
        "-c", "timezone=UTC",
        # A failed statement would be logged with the values in it.
        "-c", "log_min_error_statement=panic",
    )  # fmt: skip
    return Program(
        service="postgres",
        argv=argv,
        environment={"LC_ALL": "C", "TZ": "UTC", "PATH": os.defpath},
        directory=layout.postgres_home,
    )


def needed_ports(settings: Settings) -> Mapping[int, tuple[str, str]]:
    """Port → the service that needs it and the name of the setting. Raises SettingsInvalid."""
    found = {settings.ports.litellm: ("litellm", "ports.litellm")}
    if "phoenix" in services_of(settings):
        found[settings.ports.phoenix] = ("phoenix", "ports.phoenix")
        found[require_port(settings, "phoenix_grpc")] = ("phoenix", "ports.phoenix_grpc")
    if "postgres" in services_of(settings):
        port = require_port(settings, "postgres_litellm")
        found[port] = ("postgres", "ports.postgres_litellm")
    return found


def require_port(settings: Settings, name: Literal["phoenix_grpc", "postgres_litellm"]) -> int:
    """A port that a service needs here: only Docker can run it without one. Raises SettingsInvalid.

    Applications and Phoenix reach the services of this runtime over ports of the machine.
    """
    port: int | None = getattr(settings.ports, name)
    if port is None:
        problem = Problem(
            source=str(settings.source_of(f"ports.{name}")),
            message=f"ports.{name} cannot be none in the embedded runtime, which needs the port",
        )
        raise SettingsInvalid(
            problems=(problem,), hint="Set a port, or choose another runtime: `--runtime docker`."
        )
    return port


def read_port(service: str, pid: int) -> int | None:
    """The port that a running service was started with; None if it cannot be read."""
    import psutil

    try:
        process = psutil.Process(pid)
        if service == "phoenix":
            return int(process.environ()["PHOENIX_PORT"])
        argv = process.cmdline()
        option = {"litellm": "--port", "postgres": "-p"}[service]
        return int(argv[argv.index(option) + 1])
    except (psutil.Error, OSError, LookupError, ValueError):
        # It is not this program yet, or belongs to another user.
        return None


def litellm_program(
    settings: Settings, environment: Environment, layout: Layout, environ: Mapping[str, str]
) -> Program:
    """The LiteLLM proxy with its database behind the WebAssembly engine."""
    secrets = settings.secrets
    ours = {
        "LITELLM_MASTER_KEY": _reveal(secrets.master_key),
        "LITELLM_SALT_KEY": _reveal(secrets.salt_key),
        "UI_PASSWORD": _reveal(secrets.ui_password),
        **_database_variables(settings),
        # gatewayctl applies the migrations; bin/prisma on PATH answers LiteLLM's own check.
        "DISABLE_SCHEMA_UPDATE": "true",
        "PRISMA_QUERY_ENGINE_BINARY": str(environment.query_engine),
        "GATEWAYCTL_NODE": str(environment.node),
        "NODE_PATH": str(environment.node_modules),
        "PATH": os.pathsep.join(
            (str(environment.prisma / "bin"), str(environment.python("litellm").parent), os.defpath)
        ),
        # Without a network, each start would spend 10-20 s on downloading the cost map.
        "LITELLM_LOCAL_MODEL_COST_MAP": "True",
        # Keeps LiteLLM from loading an unrelated .env above its install folder.
        "LITELLM_MODE": "PRODUCTION",
        # One worker needs no Redis.
        "LITELLM_DISABLE_NO_REDIS_WARNING": "true",
        **tracing_variables(settings),
    }
    if settings.profile == "development":
        # Seconds, default 10: spend logs appear shortly after their call. LiteLLM adds up to 5.
        ours["PROXY_BATCH_WRITE_AT"] = "2"
    if folder := packages.folder_of(settings, environment):
        ours["GATEWAYCTL_PACKAGES"] = str(folder)
    argv = (
        str(environment.python("litellm")), str(QUICK_START), "litellm",
        "--config", str(settings.compose_dir / "litellm_config.yaml"),
        "--host", settings.bind, "--port", str(settings.ports.litellm), "--num_workers", "1",
    )  # fmt: skip
    return Program(
        service="litellm",
        argv=argv,
        environment=_operator_variables(environ)
        | service_variables(settings)
        | {"KEEPALIVE_TIMEOUT": str(KEEPALIVE_SECONDS)}
        | _declared_variables(settings, environ)
        | {n: v for n, v in settings.litellm_service.environment.items() if v is not None}
        | ours,
        # Where LiteLLM looks for files and for modules of the operator, as in its image.
        directory=settings.compose_dir
        if find_side_files(settings) or settings.litellm_service.mounts
        else layout.litellm_home,
    )


def _database_variables(settings: Settings) -> dict[str, str]:
    """DATABASE_URL without a password: LiteLLM puts it on the command line of its schema check."""
    url = external_url(settings)
    if url is None:
        server = database_address(settings, require_port(settings, "postgres_litellm"))
        return {
            "DATABASE_URL": f"postgresql://{LITELLM_USER}@{server}/litellm",
            "PGPASSWORD": _reveal(settings.secrets.litellm_postgres_password),
        }
    if "sslmode" in url.parameters:
        # As in libpq `require` encrypts without a certificate authority; pg alone would want one.
        url = replace(url, parameters={**url.parameters, "uselibpqcompat": "true"})
    return {"DATABASE_URL": url.without_password, "PGPASSWORD": url.password}


def tracing_variables(settings: Settings) -> dict[str, str]:
    """The variables that send each of LiteLLM's spans to each store once, with its component."""
    if not settings.trace_stores:
        return {}
    return {**span_variables(settings), **_destination_variables(settings)}


def _destination_variables(settings: Settings) -> dict[str, str]:
    """Where LiteLLM sends its spans."""
    if settings.tracing.declared:
        return otel_variables(settings, settings.environment)
    return own_phoenix_variables(_collector_endpoint(settings))


def _collector_endpoint(settings: Settings) -> str:
    """Where LiteLLM sends its spans: the collector set in .env, else the project's Phoenix."""
    return _read_env_values(settings).get(COLLECTOR) or f"{settings.phoenix_url}/v1/traces"


def phoenix_program(
    settings: Settings, environment: Environment, layout: Layout, environ: Mapping[str, str]
) -> Program:
    """Phoenix on PostgreSQL, with its telemetry off."""
    password = quote(_reveal(settings.secrets.phoenix_postgres_password), safe="")
    server = database_address(settings, require_port(settings, "postgres_litellm"))
    ours = {
        "PHOENIX_WORKING_DIR": str(layout.phoenix_home),
        "PHOENIX_HOST": settings.bind,
        "PHOENIX_PORT": str(settings.ports.phoenix),
        "PHOENIX_GRPC_PORT": str(require_port(settings, "phoenix_grpc")),
        "PHOENIX_SQL_DATABASE_URL": f"postgresql://{PHOENIX_USER}:{password}@{server}/phoenix",
        "PHOENIX_TELEMETRY_ENABLED": "false",
        # Phoenix has no login here, so it only stores traces: no assistant with a shell, no code
        # execution, no MCP server, and no requests to the internet (they would delay the start).
        "PHOENIX_ALLOW_EXTERNAL_RESOURCES": "false",
        "PHOENIX_DISABLE_AGENT_ASSISTANT": "true",
        "PHOENIX_AGENTS_DISABLE_BASH": "true",
        "PHOENIX_ENABLE_MCP_SERVER": "false",
        "PHOENIX_ALLOWED_SANDBOX_PROVIDERS": "NONE",
        "PATH": os.pathsep.join((str(environment.python("phoenix").parent), os.defpath)),
    }
    argv = (str(environment.python("phoenix")), str(QUICK_START), "phoenix", "serve")
    return Program(
        service="phoenix",
        argv=argv,
        environment=_operator_variables(environ) | service_variables(settings) | ours,
        directory=layout.phoenix_home,
    )


def _reveal(secret: Secret | None) -> str:
    if secret is None:
        raise SettingsProblem(
            "A secret of the stack is missing in .env.",
            hint="Run `gatewayctl up` to generate it.",
        )
    return secret.reveal()


def _operator_variables(environ: Mapping[str, str]) -> dict[str, str]:
    return {name: environ[name] for name in _PASSED_ON if name in environ}


def _declared_variables(settings: Settings, environ: Mapping[str, str]) -> dict[str, str]:
    """The variables of the providers, as the Docker runtime passes them.

    An environment variable takes precedence over .env. Anything else in .env belongs to other
    programs: LiteLLM does not get it.
    """
    names = provider_variables(settings)
    written = _read_env_values(settings)
    found = {name: environ.get(name) or written.get(name, "") for name in names}
    found |= {n: secret.reveal() for n, secret in settings.environment.items() if n in found}
    return {name: value for name, value in found.items() if value}


def _read_env_values(settings: Settings) -> dict[str, str]:
    try:
        return {name: line.value for name, line in read_env_file(settings.env_file).items()}
    except EnvFileMissing:
        return {}
