"""What the operator wants, as frozen values.

Owns the shape of settings. Must not know where they came from (sources), how they
are checked (load) or what files they become (rendering).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, Literal

RuntimeName = Literal["embedded", "docker"]
RuntimeChoice = Literal["auto", "embedded", "docker"]
Profile = Literal["development", "production"]

LOOPBACK: Final = "127.0.0.1"
PHOENIX_PROJECT: Final = "gateway"
"""The Phoenix project that holds the spans of the gateway and of the command line."""


class Secret:
    """A value that is never shown: it prints as ``sk-…abcd``, whatever prints it."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """The plain value. Ask for it only where it goes over a wire or into .env."""
        return self._value

    def masked(self) -> str:
        """``sk-…abcd`` for keys long enough to spare four characters, else ``…``."""
        if len(self._value) < 16:
            return "…"
        prefix = "sk-" if self._value.startswith("sk-") else ""
        return f"{prefix}…{self._value[-4:]}"

    def __repr__(self) -> str:
        return f"Secret({self.masked()!r})"

    def __str__(self) -> str:
        return self.masked()

    def __format__(self, spec: str) -> str:
        return format(self.masked(), spec)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._value == self._value

    def __hash__(self) -> int:
        return hash(self._value)

    def __reduce__(self) -> tuple[Any, ...]:
        raise TypeError("a Secret is not serialised")


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Where a value came from: ``gateway.yaml line 7``, ``.env line 3``, ``--runtime``…"""

    name: str
    line: int | None = None
    column: int | None = None

    def __str__(self) -> str:
        if self.line is None:
            return self.name
        column = "" if self.column is None else f" column {self.column}"
        return f"{self.name} line {self.line}{column}"


DEFAULT_SOURCE: Final = Source(name="default")


@dataclass(frozen=True, slots=True, kw_only=True)
class Ports:
    """TCP ports on the bind address."""

    litellm: int = 4000
    phoenix: int = 6006
    phoenix_grpc: int = 4317
    postgres_litellm: int = 5433
    postgres_phoenix: int = 5432


@dataclass(frozen=True, slots=True, kw_only=True)
class Images:
    """Container images with a version tag or a digest; never ``latest``.

    LiteLLM's is the current long-term support release (docs.litellm.ai/docs/proxy/deploy).
    """

    litellm: str = "ghcr.io/berriai/litellm:v1.108.11"
    phoenix: str = "arizephoenix/phoenix:version-20.26.1"
    postgres: str = "postgres:16"
    redis: str = "redis:7"


@dataclass(frozen=True, slots=True, kw_only=True)
class App:
    """A service of the user's own beside the gateway: an ``image``, or a folder to ``build``.

    ``build`` is relative to the project's folder. ``ports`` maps ports of the host to ports of
    the container, ``key`` is the alias of the declared virtual key it calls models with, and
    ``command`` takes the place of the image's own. ``environment`` holds no secrets.
    """

    name: str
    image: str | None = None
    build: str | None = None
    ports: Mapping[int, int] = field(default_factory=lambda: MappingProxyType({}))
    key: str = ""
    command: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """A model group the gateway serves.

    ``litellm_params`` are passed to LiteLLM as they are (``model``, ``api_base``, …);
    ``api_key_env`` names the environment variable with the provider's key, or None.
    ``timeout`` is in seconds. ``parts`` are groups served beside it that answer offline with
    another fixed text each, for operations that need an answer of a certain form.
    """

    name: str
    litellm_params: Mapping[str, Any]
    api_key_env: str | None = None
    num_retries: int = 3
    timeout: float = 600
    parts: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))

    @property
    def offline(self) -> bool:
        """True when LiteLLM answers by itself (``mock_response``), with no provider."""
        return "mock_response" in self.litellm_params


@dataclass(frozen=True, slots=True, kw_only=True)
class DeclaredKey:
    """A virtual key the project wants: its alias in LiteLLM, its variable in .env."""

    alias: str
    env: str
    models: tuple[str, ...] = ()
    metadata: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    duration: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """How a component speaks in one operation; None where nothing is declared.

    ``prompt`` is the system message. ``offline_model`` takes the place of a model that
    answers offline with a fixed text, where the operation needs an answer of a certain form.
    """

    model: str | None = None
    prompt: str | None = None
    offline_model: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Component:
    """A part of an application that calls models; ``operations`` may be empty.

    ``declared`` says more of some of the operations, by their name.
    """

    name: str
    operations: tuple[str, ...] = ()
    metadata: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    declared: Mapping[str, Operation] = field(default_factory=lambda: MappingProxyType({}))

    def operation(self, name: str) -> Operation:
        """What is declared of an operation; nothing, where nothing is."""
        return self.declared.get(name) or Operation()


@dataclass(frozen=True, slots=True, kw_only=True)
class Secrets:
    """The stack's own secrets; None where .env does not hold one yet."""

    master_key: Secret | None = None
    salt_key: Secret | None = None
    litellm_postgres_password: Secret | None = None
    phoenix_postgres_password: Secret | None = None
    ui_password: Secret | None = None
    redis_password: Secret | None = None


def _parts(model: Model) -> tuple[Model, ...]:
    return tuple(
        Model(
            name=name,
            litellm_params=MappingProxyType({"model": f"openai/{name}", "mock_response": answer}),
            num_retries=model.num_retries,
            timeout=model.timeout,
        )
        for name, answer in model.parts.items()
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Everything one run needs to know, checked.

    ``origins`` maps dotted names (``ports.litellm``, ``LITELLM_MASTER_KEY``) to the source
    that won; names left out are defaults. ``environment`` holds, by variable name, the
    provider keys that models refer to and the virtual keys that are set. ``workers`` are
    LiteLLM's processes in Docker; more than one needs Redis. ``lock_timeout`` is in seconds.
    """

    project_dir: Path
    project_name: str
    runtime: RuntimeChoice
    profile: Profile
    bind: str
    ports: Ports
    models: tuple[Model, ...]
    keys: tuple[DeclaredKey, ...]
    components: tuple[Component, ...]
    secrets: Secrets
    environment: Mapping[str, Secret]
    origins: Mapping[str, Source]
    images: Images = Images()
    apps: tuple[App, ...] = ()
    workers: int = 1
    lock_timeout: float = 0

    @property
    def served(self) -> tuple[Model, ...]:
        """Every model group of the gateway: the models, and after each its parts."""
        return tuple(group for model in self.models for group in (model, *_parts(model)))

    @property
    def needs_redis(self) -> bool:
        """True where LiteLLM's processes must share limits and revoked keys."""
        return self.workers > 1

    @property
    def env_file(self) -> Path:
        return self.project_dir / ".env"

    @property
    def config_file(self) -> Path:
        return self.project_dir / "gateway.yaml"

    @property
    def compose_dir(self) -> Path:
        return self.project_dir / "compose"

    @property
    def state_dir(self) -> Path:
        return self.project_dir / ".gatewayctl"

    @property
    def connect_host(self) -> str:
        """The address to reach services at from this machine."""
        return LOOPBACK if self.bind in {"0.0.0.0", "::", ""} else self.bind  # noqa: S104

    @property
    def url_host(self) -> str:
        """The same as an address has it before its port: IPv6 in brackets."""
        return f"[{self.connect_host}]" if ":" in self.connect_host else self.connect_host

    @property
    def gateway_url(self) -> str:
        return f"http://{self.url_host}:{self.ports.litellm}"

    @property
    def phoenix_url(self) -> str:
        return f"http://{self.url_host}:{self.ports.phoenix}"

    def known_secrets(self) -> tuple[Secret, ...]:
        """Every secret of the project that has a value, to be masked wherever text is shown."""
        own = (getattr(self.secrets, item.name) for item in fields(self.secrets))
        return (*(secret for secret in own if secret is not None), *self.environment.values())

    def source_of(self, name: str) -> Source:
        """Where the setting of that dotted name came from."""
        return self.origins.get(name, DEFAULT_SOURCE)
