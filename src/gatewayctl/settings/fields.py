"""The one table of scalar settings: names, type, default, help.

Everything said about a scalar setting elsewhere (.env.example, the first gateway.yaml,
the documentation) is generated from these rows. Must not know how values are read.
Models, keys, components and apps are no scalars: see models.py, keys.py, components.py, apps.py.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal, get_args

from gatewayctl.settings.model import LOOPBACK, Images, Ports, Profile, RuntimeChoice

Kind = Literal["name", "choice", "address", "count", "port", "seconds", "image", "secret"]
Shape = Literal["key", "password"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One setting: where it may be given, what it may be, what it is for.

    ``yaml`` is its dotted path in gateway.yaml, ``env`` its environment variable; a secret
    has no ``yaml``, so that it cannot land in a file that is committed. ``flag`` is the
    global option. ``generated`` says which shape of secret `init` makes for it, and
    ``attribute`` where it lives in `model.Secrets`.
    """

    help: str
    kind: Kind
    yaml: str | None = None
    env: str | None = None
    flag: str | None = None
    default: str | int | None = None
    choices: tuple[str, ...] = ()
    generated: Shape | None = None
    attribute: str | None = None

    @property
    def name(self) -> str:
        """The name in ``Settings.origins``: the dotted path, or the variable."""
        return self.yaml or self.env or ""


_PORTS: Final = Ports()
_IMAGES: Final = Images()

SCALARS: Final = (
    Field(
        yaml="project_name",
        env="GATEWAYCTL_PROJECT_NAME",
        kind="name",
        help="Name of the stack: lower-case letters, digits, hyphens. Default: the folder's name.",
    ),
    Field(
        yaml="runtime",
        env="GATEWAYCTL_RUNTIME",
        flag="--runtime",
        kind="choice",
        choices=get_args(RuntimeChoice),
        default="auto",
        help="What runs the services; auto is docker if an engine answers, else embedded.",
    ),
    Field(
        yaml="profile",
        env="GATEWAYCTL_PROFILE",
        kind="choice",
        choices=get_args(Profile),
        default="development",
        help="development adds the offline model demo; production does not.",
    ),
    Field(
        yaml="bind",
        env="GATEWAYCTL_BIND",
        kind="address",
        default=LOOPBACK,
        help="Address every port listens on; 127.0.0.1 is this machine only.",
    ),
    Field(
        yaml="workers",
        env="GATEWAYCTL_WORKERS",
        kind="count",
        default=1,
        help=(
            "Processes of LiteLLM in Docker; more than one share a Redis."
            " In production the default is the number of cores."
        ),
    ),
    Field(
        yaml="lock_timeout",
        env="GATEWAYCTL_LOCK_TIMEOUT",
        flag="--lock-timeout",
        kind="seconds",
        default=0,
        help="Seconds to wait while another gatewayctl changes this project; 0 does not wait.",
    ),
    Field(
        yaml="ports.litellm",
        env="LITELLM_PORT",
        kind="port",
        default=_PORTS.litellm,
        help="LiteLLM: the gateway itself and its admin UI.",
    ),
    Field(
        yaml="ports.phoenix",
        env="PHOENIX_PORT",
        kind="port",
        default=_PORTS.phoenix,
        help="Phoenix: web UI and OTLP over HTTP.",
    ),
    Field(
        yaml="ports.phoenix_grpc",
        env="PHOENIX_GRPC_PORT",
        kind="port",
        default=_PORTS.phoenix_grpc,
        help="Phoenix: OTLP over gRPC.",
    ),
    Field(
        yaml="ports.postgres_litellm",
        env="LITELLM_POSTGRES_PORT",
        kind="port",
        default=_PORTS.postgres_litellm,
        help="PostgreSQL of LiteLLM (embedded: the one server with both databases).",
    ),
    Field(
        yaml="ports.postgres_phoenix",
        env="PHOENIX_POSTGRES_PORT",
        kind="port",
        default=_PORTS.postgres_phoenix,
        help="PostgreSQL of Phoenix (embedded: not used).",
    ),
    Field(
        yaml="images.litellm",
        env="LITELLM_IMAGE",
        kind="image",
        default=_IMAGES.litellm,
        help="LiteLLM, the current long-term support release.",
    ),
    Field(
        yaml="images.phoenix",
        env="PHOENIX_IMAGE",
        kind="image",
        default=_IMAGES.phoenix,
        help="Phoenix.",
    ),
    Field(
        yaml="images.postgres",
        env="POSTGRES_IMAGE",
        kind="image",
        default=_IMAGES.postgres,
        help="PostgreSQL, of both databases.",
    ),
    Field(
        yaml="images.redis",
        env="REDIS_IMAGE",
        kind="image",
        default=_IMAGES.redis,
        help="Redis, for more than one worker.",
    ),
)

SECRETS: Final = (
    Field(
        env="OPENAI_API_KEY",
        kind="secret",
        help="The real key of OpenAI. Only the gateway gets it, never an application.",
    ),
    Field(
        env="LITELLM_MASTER_KEY",
        kind="secret",
        generated="key",
        attribute="master_key",
        help="Administers the gateway: sk- and at least 13 more characters.",
    ),
    Field(
        env="LITELLM_SALT_KEY",
        kind="secret",
        generated="key",
        attribute="salt_key",
        help="Encrypts what LiteLLM stores. Never change it after the first start.",
    ),
    Field(
        env="LITELLM_POSTGRES_PASSWORD",
        kind="secret",
        generated="password",
        attribute="litellm_postgres_password",
        help="Password of LiteLLM's database. The database keeps the one it was made with.",
    ),
    Field(
        env="POSTGRES_PASSWORD",
        kind="secret",
        generated="password",
        attribute="phoenix_postgres_password",
        help="Password of Phoenix's database. The database keeps the one it was made with.",
    ),
    Field(
        env="UI_PASSWORD",
        kind="secret",
        generated="password",
        attribute="ui_password",
        help="Password of the admin UI (user admin), so that nobody types the master key there.",
    ),
    Field(
        env="REDIS_PASSWORD",
        kind="secret",
        generated="password",
        attribute="redis_password",
        help="Password of Redis, which only more than one worker need.",
    ),
    Field(
        env="LITELLM_API_KEY",
        kind="secret",
        help="Virtual key litellm-dev, for applications; `gatewayctl keys create` writes it.",
    ),
    Field(
        env="LITELLM_EVAL_KEY",
        kind="secret",
        help="Virtual key litellm-eval, for evaluations; `gatewayctl keys create` writes it.",
    ),
)

STACK_SECRETS: Final = frozenset(field.env for field in SECRETS if field.generated)
"""Variables that belong to the stack alone: no model and no virtual key may use them."""

RESERVED: Final = STACK_SECRETS.union(
    (field.env for field in SCALARS),
    ("OPENAI_API_KEY", "LLM_BASE_URL", "DATABASE_URL", "PATH", "HOME", "USER", "SHELL"),
)
"""Variables that mean something else already, so no virtual key can live in them."""
