"""The one table of scalar settings: names, type, default, help.

.env.example, the first gateway.yaml and the reference page are generated from these rows. Must
not know how values are read. Models, keys, components and apps have tables of their own in
sections/.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal, NamedTuple, get_args

from gatewayctl.settings.model import LOOPBACK, Images, Ports, Profile, RuntimeChoice

Kind = Literal[
    "name",
    "choice",
    "address",
    "count",
    "port",
    "optional_port",
    "seconds",
    "image",
    "registry",
    "file",
    "url",
    "secret",
]
Shape = Literal["key", "password"]
NO_PORT: Final = "none"
"""The value of a port that is not published."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One setting: its names, type, default and purpose.

    ``yaml`` is its dotted path in gateway.yaml, ``env`` its environment variable; a secret
    has no ``yaml``, because gateway.yaml is committed. ``flag`` is the global option.
    ``generated`` is the shape of the secret that `init` generates, and ``attribute`` its name
    in `model.Secrets`.
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

    @property
    def help_with_choices(self) -> str:
        """The help, with the possible values of a choice."""
        return f"{self.help} One of: {', '.join(self.choices)}." if self.choices else self.help

    @property
    def default_text(self) -> str:
        """The default as a file has it; empty if it depends on something else."""
        if self.default is None:
            return NO_PORT if self.kind == "optional_port" else ""
        return str(self.default)


class Setting(NamedTuple):
    """One setting of an entry in a section, with type and default as a reader needs them."""

    type: str
    default: str
    help: str


def _port(name: str, env: str, text: str, *, kind: Kind = "port") -> Field:
    default = getattr(Ports(), name)
    return Field(yaml=f"ports.{name}", env=env, kind=kind, default=default, help=text)


def _image(name: str, env: str, text: str) -> Field:
    default = getattr(Images(), name)
    return Field(yaml=f"images.{name}", env=env, kind="image", default=default, help=text)


def _secret(
    env: str, text: str, *, shape: Shape | None = None, attribute: str | None = None
) -> Field:
    return Field(env=env, kind="secret", help=text, generated=shape, attribute=attribute)


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
        help=(
            "What runs the services; auto is docker if an engine answers, else embedded."
            " external is a gateway that others operate."
        ),
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
            "LiteLLM processes in Docker; more than one needs Redis."
            " In production the default is the number of cores."
        ),
    ),
    Field(
        yaml="lock_timeout",
        env="GATEWAYCTL_LOCK_TIMEOUT",
        flag="--lock-timeout",
        kind="seconds",
        help=(
            "Seconds to wait while another gatewayctl changes this project; 0 does not wait."
            " Default: 30 for init, render, keys and doctor --fix, 0 for other commands."
        ),
    ),
    Field(
        yaml="ca_bundle",
        env="GATEWAYCTL_CA_BUNDLE",
        kind="file",
        help=(
            "File with the PEM certificates to trust instead of the usual ones, such as those of a"
            " company's proxy. Relative to the project's folder."
        ),
    ),
    _port("litellm", "LITELLM_PORT", "LiteLLM: the gateway itself and its admin UI."),
    _port("phoenix", "PHOENIX_PORT", "Phoenix: web UI and OTLP over HTTP."),
    _port(
        "phoenix_grpc",
        "PHOENIX_GRPC_PORT",
        "Phoenix: OTLP over gRPC; in Docker also none.",
        kind="optional_port",
    ),
    _port(
        "postgres_litellm",
        "LITELLM_POSTGRES_PORT",
        "PostgreSQL of LiteLLM; in Docker also none (embedded: both databases).",
        kind="optional_port",
    ),
    _port(
        "postgres_phoenix",
        "PHOENIX_POSTGRES_PORT",
        "PostgreSQL of Phoenix in Docker.",
        kind="optional_port",
    ),
    _image("litellm", "LITELLM_IMAGE", "LiteLLM, the current long-term support release."),
    _image("phoenix", "PHOENIX_IMAGE", "Phoenix."),
    _image("postgres", "POSTGRES_IMAGE", "PostgreSQL, of both databases."),
    _image("redis", "REDIS_IMAGE", "Redis, for more than one worker."),
    Field(
        yaml="images.registry",
        env="GATEWAYCTL_REGISTRY",
        kind="registry",
        help="Mirror of Docker Hub and ghcr.io: host/path.",
    ),
    Field(
        yaml="external.url",
        env="GATEWAYCTL_EXTERNAL_URL",
        kind="url",
        help="Address of the gateway, with its path if it has one, without /v1.",
    ),
    Field(
        yaml="external.phoenix_url",
        env="GATEWAYCTL_EXTERNAL_PHOENIX_URL",
        kind="url",
        help="Address of the Phoenix that has its traces, if there is one.",
    ),
)

SECRETS: Final = (
    _secret(
        "OPENAI_API_KEY",
        "The real key of OpenAI. Only the gateway gets it, never an application.",
    ),
    _secret(
        "LITELLM_MASTER_KEY",
        "Administers the gateway: sk- and at least 13 more characters.",
        shape="key",
        attribute="master_key",
    ),
    _secret(
        "LITELLM_SALT_KEY",
        "Encrypts what LiteLLM stores. Never change it after the first start.",
        shape="key",
        attribute="salt_key",
    ),
    _secret(
        "LITELLM_POSTGRES_PASSWORD",
        "Password of LiteLLM's database. `gatewayctl up` gives a changed one to the database.",
        shape="password",
        attribute="litellm_postgres_password",
    ),
    _secret(
        "POSTGRES_PASSWORD",
        "Password of Phoenix's database. `gatewayctl up` gives a changed one to the database.",
        shape="password",
        attribute="phoenix_postgres_password",
    ),
    _secret(
        "UI_PASSWORD",
        "Password of the admin UI (user admin), so that the master key is not typed there.",
        shape="password",
        attribute="ui_password",
    ),
    _secret(
        "REDIS_PASSWORD",
        "Password of Redis, used with more than one worker.",
        shape="password",
        attribute="redis_password",
    ),
    _secret(
        "LITELLM_API_KEY",
        "Virtual key litellm-dev, for applications; `gatewayctl keys create` writes it.",
    ),
    _secret(
        "LITELLM_EVAL_KEY",
        "Virtual key litellm-eval, for evaluations; `gatewayctl keys create` writes it.",
    ),
)

STACK_SECRETS: Final = frozenset(field.env for field in SECRETS if field.generated)
"""Variables of the stack itself: no model and no virtual key may use them."""

RESERVED: Final = STACK_SECRETS.union(
    (field.env for field in SCALARS),
    ("OPENAI_API_KEY", "LLM_BASE_URL", "DATABASE_URL", "PATH", "HOME", "USER", "SHELL"),
)
"""Variables with another meaning, which cannot hold a virtual key."""
