"""The three programs of the embedded stack, as data: command line, environment, stop signal.

Owns what LiteLLM, Phoenix and PostgreSQL are told. Must not start anything.
"""

from __future__ import annotations

import hmac
import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from urllib.parse import quote

from gatewayctl.env_file.read import read_env_file
from gatewayctl.errors import EnvFileMissing, SettingsProblem
from gatewayctl.rendering.compose import provider_variables
from gatewayctl.runtimes.embedded.environment import Environment
from gatewayctl.runtimes.embedded.layout import Layout
from gatewayctl.runtimes.embedded.postgres.privileges import PostgresUser
from gatewayctl.settings.fields import SCALARS
from gatewayctl.settings.model import PHOENIX_PROJECT, Secret, Settings

SERVICES: Final = ("postgres", "litellm", "phoenix")
STOP_SIGNALS: Final[Mapping[str, str]] = {"postgres": "INT", "litellm": "TERM", "phoenix": "TERM"}
"""INT is PostgreSQL's fast shutdown: it does not wait for clients to go."""
LITELLM_USER: Final = "litellm_user"
PHOENIX_USER: Final = "phoenix_user"
COLLECTOR: Final = "PHOENIX_COLLECTOR_HTTP_ENDPOINT"
"""In .env it names another address for LiteLLM's spans, with its path (/v1/traces)."""
QUICK_START: Final = Path(__file__).with_name("quick_start.py")

_OWN_KEY: Final = re.compile(r"sk-[A-Za-z0-9]{32}")
"""The form of virtual keys that gatewayctl makes; providers' are longer, or have hyphens."""

# What a service may need from the operator's own environment, besides what models refer to.
# The first differ between one person's terminals and decide nothing: no reason for a restart.
_PERSONAL: Final = ("USER", "LOGNAME", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "TMPDIR")
_PASSED_ON: Final = (
    *_PERSONAL, "HOME", "XDG_CACHE_HOME", "GATEWAYCTL_PROJECT_NAME",
    "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY",
    "http_proxy", "https_proxy", "all_proxy", "no_proxy",
    "SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE",
    "NODE_EXTRA_CA_CERTS",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """How to run one service. The environment holds secrets and is not shown."""

    service: str
    argv: tuple[str, ...]
    environment: Mapping[str, str] = field(repr=False)
    directory: Path

    def fingerprint(self, salt: Secret, files: Mapping[str, str]) -> dict[str, str]:
        """Part → keyed hash: the command line, each variable, each of the files it reads.

        It differs when the service must be restarted. Keyed, because it is written to disk and
        is made of secrets.
        """
        parts = {
            "its command line": list(self.argv),
            **significant_variables(self.environment),
            **files,
        }
        return {name: keyed_hash(salt, value) for name, value in parts.items()}


def keyed_hash(salt: Secret, value: object) -> str:
    """HMAC-SHA256 of a JSON value, in hex: equal for equal values, useless without the salt."""
    text = json.dumps(value, sort_keys=True).encode()
    return hmac.digest(salt.reveal().encode(), text, "sha256").hex()


def significant_variables(environment: Mapping[str, str]) -> dict[str, str]:
    """The variables whose change is a reason to restart."""
    return {name: value for name, value in environment.items() if name not in _PERSONAL}


def inherited_variables(
    settings: Settings, environ: Mapping[str, str] | None = None
) -> dict[str, str]:
    """What the supervisor takes over from the operator: a short list, no stray secrets.

    Variables of the project that are set in the process environment are among it, since they
    win over .env also when a service is restarted later.
    """
    environ = os.environ if environ is None else environ
    ours = {name for name in settings.origins if name.isupper()} | set(settings.environment)
    ours |= {field.env for field in SCALARS if field.env}
    names = ours | set(_PASSED_ON)
    return {name: environ[name] for name in sorted(names) if name in environ} | {
        "PATH": os.defpath + os.pathsep + "/usr/sbin:/usr/local/bin"
    }


def postgres_program(
    settings: Settings, environment: Environment, layout: Layout, who: PostgresUser
) -> Program:
    """PostgreSQL 16 on loopback TCP only: no Unix socket, so no way around the password."""
    argv = (
        *who.prefix,
        str(environment.postgres_bin / "postgres"),
        "-D", str(layout.postgres_data),
        "-p", str(settings.ports.postgres_litellm),
        "-c", f"listen_addresses={settings.connect_host}",
        "-c", "unix_socket_directories=",
        "-c", "log_line_prefix=%m [%p] ",
        "-c", "log_timezone=UTC",
        # A statement that fails would be logged with what is in it.
        "-c", "log_min_error_statement=panic",
    )  # fmt: skip
    return Program(
        service="postgres",
        argv=argv,
        environment={"LC_ALL": "C", "TZ": "UTC", "PATH": os.defpath},
        directory=layout.postgres_home,
    )


def litellm_program(settings: Settings, environment: Environment, layout: Layout) -> Program:
    """The LiteLLM proxy with its database behind the WebAssembly engine."""
    secrets = settings.secrets
    # Without its password: LiteLLM puts the address on the command line of its schema check.
    place = f"{settings.url_host}:{settings.ports.postgres_litellm}"
    ours = {
        "LITELLM_MASTER_KEY": _reveal(secrets.master_key),
        "LITELLM_SALT_KEY": _reveal(secrets.salt_key),
        "UI_PASSWORD": _reveal(secrets.ui_password),
        "DATABASE_URL": f"postgresql://{LITELLM_USER}@{place}/litellm",
        "PGPASSWORD": _reveal(secrets.litellm_postgres_password),
        # gatewayctl applies the migrations; the stand-in on PATH answers LiteLLM's own check.
        "DISABLE_SCHEMA_UPDATE": "true",
        "PRISMA_QUERY_ENGINE_BINARY": str(environment.query_engine),
        "GATEWAYCTL_NODE": str(environment.node),
        "NODE_PATH": str(environment.node_modules),
        "PATH": os.pathsep.join(
            (str(environment.prisma / "bin"), str(environment.python("litellm").parent), os.defpath)
        ),
        # Each start would lose 10-20 s trying to download the cost map without a network.
        "LITELLM_LOCAL_MODEL_COST_MAP": "True",
        # Keeps LiteLLM from loading a stray .env above its install folder.
        "LITELLM_MODE": "PRODUCTION",
        # One worker needs no Redis.
        "LITELLM_DISABLE_NO_REDIS_WARNING": "true",
        **tracing_variables(settings),
    }
    argv = (
        str(environment.python("litellm")), str(QUICK_START), "litellm",
        "--config", str(settings.compose_dir / "litellm_config.yaml"),
        "--host", settings.bind, "--port", str(settings.ports.litellm), "--num_workers", "1",
    )  # fmt: skip
    return Program(
        service="litellm",
        argv=argv,
        environment=_project_variables(settings) | ours,
        directory=layout.litellm_home,
    )


def tracing_variables(settings: Settings) -> dict[str, str]:
    """What makes LiteLLM's spans arrive in Phoenix once, with the component to filter by."""
    return {
        "LITELLM_OTEL_V2": "true",
        "OTEL_SERVICE_NAME": "litellm",
        # HTTP: the callback takes an address for gRPC only where its port is 4317.
        COLLECTOR: _collector_endpoint(settings),
        "PHOENIX_PROJECT_NAME": PHOENIX_PROJECT,
        # Prompts and replies are part of the span, as people expect of Phoenix.
        "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT": "span_only",
        "LITELLM_OTEL_BAGGAGE_METADATA_KEYS": (
            "requester_metadata.component,requester_metadata.operation,user_api_key_alias"
        ),
        # The default has gen_ai.request.model too, and Phoenix takes every span that carries
        # it for a model call: three for each real one.
        "LITELLM_OTEL_BAGGAGE_PROMOTED_KEYS": (
            "litellm.team.id,litellm.team.alias,litellm.api_key.hash"
        ),
        # Without an exporter of its own the callback also prints every span, prompts included,
        # to the log; this one is never used, because it has no headers.
        "EXPORTERS": '[{"requires_headers": true}]',
        # Milliseconds, instead of 5000: a trace is wanted while its call is still in mind.
        "OTEL_BSP_SCHEDULE_DELAY": "500",
        # Seconds, instead of 10: the same for the spend logs. LiteLLM adds up to 5 of its own.
        "PROXY_BATCH_WRITE_AT": "2",
    }


def _collector_endpoint(settings: Settings) -> str:
    """Where LiteLLM sends its spans: our Phoenix, or a collector before it that .env names."""
    try:
        named = read_env_file(settings.env_file).get(COLLECTOR)
    except EnvFileMissing:
        named = None
    return named.value if named and named.value else f"{settings.phoenix_url}/v1/traces"


def phoenix_program(settings: Settings, environment: Environment, layout: Layout) -> Program:
    """Phoenix on PostgreSQL, with its telemetry off."""
    password = quote(_reveal(settings.secrets.phoenix_postgres_password), safe="")
    place = f"{settings.url_host}:{settings.ports.postgres_litellm}"
    ours = {
        "PHOENIX_WORKING_DIR": str(layout.phoenix_home),
        "PHOENIX_HOST": settings.bind,
        "PHOENIX_PORT": str(settings.ports.phoenix),
        "PHOENIX_GRPC_PORT": str(settings.ports.phoenix_grpc),
        "PHOENIX_SQL_DATABASE_URL": f"postgresql://{PHOENIX_USER}:{password}@{place}/phoenix",
        "PHOENIX_TELEMETRY_ENABLED": "false",
        # A trace store without a login, so only that: no assistant with a shell, no code run for
        # others, no MCP server, and nothing asked of the internet (it would delay the start).
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
        environment=_operator_variables() | ours,
        directory=layout.phoenix_home,
    )


def _reveal(secret: Secret | None) -> str:
    if secret is None:
        raise SettingsProblem(
            "A secret of the stack is missing in .env.", hint="Run `gatewayctl up`, which makes it."
        )
    return secret.reveal()


def _operator_variables() -> dict[str, str]:
    return {name: os.environ[name] for name in _PASSED_ON if name in os.environ}


def _project_variables(settings: Settings) -> dict[str, str]:
    """What providers may want: all of .env, less what belongs to others than LiteLLM.

    What has the form of a key of ours and no model refers to is a virtual key that is not
    declared: an application's, and no reason for a restart.
    """
    providers = provider_variables(settings)
    foreign = {"POSTGRES_PASSWORD", "LITELLM_POSTGRES_PASSWORD"}
    foreign |= {key.env for key in settings.keys}
    try:
        lines = {name: value.value for name, value in read_env_file(settings.env_file).items()}
    except EnvFileMissing:
        lines = {}
    provider = {name: secret.reveal() for name, secret in settings.environment.items()}
    both = _operator_variables() | lines | provider
    return {
        name: value
        for name, value in both.items()
        if value and name not in foreign
        if name in providers or not _OWN_KEY.fullmatch(value)
    }
