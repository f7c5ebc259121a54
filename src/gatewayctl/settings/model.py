"""Settings as frozen values.

Owns the shape of settings. Must not know where they came from (sources), how they
are checked (load) or which files are rendered from them (rendering).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, Literal

from gatewayctl.network import at_registry
from gatewayctl.settings import providers
from gatewayctl.settings.declared.apps import App
from gatewayctl.settings.declared.external_services import ExternalServices
from gatewayctl.settings.declared.keys import DeclaredKey, DeclaredOwner
from gatewayctl.settings.declared.kubernetes import Kubernetes
from gatewayctl.settings.declared.retention import Retention
from gatewayctl.settings.declared.trace_stores import TraceStore, Tracing
from gatewayctl.settings.litellm.service import LitellmService
from gatewayctl.settings.masking import mask_value
from gatewayctl.settings.sections.external import ExternalGateway

if TYPE_CHECKING:
    from gatewayctl.settings.litellm.config import LitellmConfig

RuntimeName = Literal["embedded", "docker", "kubernetes", "external"]
RuntimeChoice = Literal["auto", "embedded", "docker", "kubernetes", "external"]
Profile = Literal["development", "production"]

LOOPBACK: Final = "127.0.0.1"
STATE_DIR_NAME: Final = ".gatewayctl"
CA_BUNDLE_NAME: Final = "ca-bundle.pem"
ENVIRONMENT: Final = "environment variable "
"""How the names of sources begin that are variables of the process environment."""
LITELLM_RELEASE: Final = "1.108.14"
"""The release of LiteLLM in every runtime, of the long-term support line (image tag ``lts``)."""
PHOENIX_RELEASE: Final = "20.26.1"
PHOENIX_PROJECT: Final = "gateway"
"""The Phoenix project with the spans of the gateway and of the command line."""


class Secret:
    """A value that is never shown: it prints as ``sk-…abcd``."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """Return the plain value. Call this only to send it or to write it to .env."""
        return self._value

    def masked(self) -> str:
        """Return what is shown instead: ``sk-…abcd``."""
        return mask_value(self._value)

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
        raise TypeError("a Secret cannot be serialized")


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Where a value came from: ``gateway.yaml line 7``, ``.env line 3``, ``--runtime``…

    ``overrides`` is the line of .env with another value, for an environment variable.
    """

    name: str
    line: int | None = None
    column: int | None = None
    overrides: Source | None = None

    def __str__(self) -> str:
        if self.line is None:
            return self.name
        column = "" if self.column is None else f" column {self.column}"
        return f"{self.name} line {self.line}{column}"

    @property
    def is_environment(self) -> bool:
        return self.name.startswith(ENVIRONMENT)


DEFAULT_SOURCE: Final = Source(name="default")


@dataclass(frozen=True, slots=True, kw_only=True)
class Ports:
    """TCP ports on the bind address; None if Docker is not to publish one."""

    litellm: int = 4000
    phoenix: int = 6006
    phoenix_grpc: int | None = 4317
    postgres_litellm: int | None = 5433
    postgres_phoenix: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Images:
    """Container images with a version tag or a digest, never ``latest``."""

    litellm: str = f"ghcr.io/berriai/litellm:v{LITELLM_RELEASE}"
    phoenix: str = f"arizephoenix/phoenix:version-{PHOENIX_RELEASE}"
    postgres: str = "postgres:16"
    redis: str = "redis:7"


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """A deployment of a model group; several of one name share its calls.

    ``litellm_params`` are passed to LiteLLM unchanged (``model``, ``api_base``, …), and so is
    ``model_info``; ``api_key_env`` is the environment variable with the provider's key, or None.
    ``timeout`` is in seconds. ``parts`` are additional groups that answer offline with a fixed
    text each, for operations that need an answer of a certain form. ``from_litellm`` marks one of
    LiteLLM's own configuration, which is rendered as it is written there.
    """

    name: str
    litellm_params: Mapping[str, Any]
    api_key_env: str | None = None
    num_retries: int = 3
    timeout: float = 600
    parts: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    model_info: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    from_litellm: bool = False

    @property
    def offline(self) -> bool:
        """True if LiteLLM answers itself (``mock_response``), without a provider."""
        return "mock_response" in self.litellm_params

    @property
    def provider(self) -> str:
        """LiteLLM's name of the provider; empty if unknown, `providers.ANY` for every provider."""
        params = self.litellm_params
        target = str(params.get("model", ""))
        if target == providers.ANY:
            return providers.ANY
        return str(params.get("custom_llm_provider") or providers.provider_of(target) or "")


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """What a component uses in one operation; None for what is not declared.

    ``prompt`` is the system message. ``offline_model`` replaces a model that answers offline
    with a fixed text, if the operation needs an answer of a certain form.
    """

    model: str | None = None
    prompt: str | None = None
    offline_model: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Component:
    """A part of an application that calls models; ``operations`` may be empty.

    ``declared`` has the settings of some operations, by their name.
    """

    name: str
    operations: tuple[str, ...] = ()
    metadata: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    declared: Mapping[str, Operation] = field(default_factory=lambda: MappingProxyType({}))

    def operation(self, name: str) -> Operation:
        """The settings of an operation, empty if none are declared."""
        return self.declared.get(name) or Operation()


@dataclass(frozen=True, slots=True, kw_only=True)
class Secrets:
    """The secrets of the stack itself; None for those that are not set yet."""

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


_NO_SERVICES: Final = ExternalServices()
_OWN_PHOENIX: Final = Tracing()
_KEEP_ALL: Final = Retention()
_KUBERNETES: Final = Kubernetes(namespace="gateway")


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """All settings of a project, checked.

    ``origins`` maps dotted names (``ports.litellm``, ``LITELLM_MASTER_KEY``) to their sources;
    other names have their defaults. ``environment`` contains, by variable name, the provider
    keys that models refer to and the virtual keys that are set. ``network`` are the variables of
    network.py that are set, ``ca_bundle`` is a file of certificates. ``images`` are the names that
    are pulled, at the mirror ``registry`` if there is one. ``litellm`` is what the operator wrote
    in LiteLLM's own format, or None. ``embedded_packages`` are requirements for LiteLLM in the
    embedded runtime. ``workers`` are LiteLLM's processes in Docker; more than one
    needs Redis. ``lock_timeout`` is in seconds; None is the default of each command.
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
    network: Mapping[str, Secret] = field(default_factory=lambda: MappingProxyType({}))
    ca_bundle: Path | None = None
    images: Images = Images()
    registry: str | None = None
    apps: tuple[App, ...] = ()
    teams: tuple[DeclaredOwner, ...] = ()
    users: tuple[DeclaredOwner, ...] = ()
    litellm: LitellmConfig | None = None
    litellm_service: LitellmService = field(default_factory=LitellmService)
    embedded_packages: tuple[str, ...] = ()
    workers: int = 1
    lock_timeout: float | None = None
    external: ExternalGateway = field(default_factory=ExternalGateway)
    services: ExternalServices = _NO_SERVICES
    tracing: Tracing = _OWN_PHOENIX
    retention: Retention = _KEEP_ALL
    kubernetes: Kubernetes = _KUBERNETES

    def pulled_name(self, image: str) -> str:
        """The name by which an image is pulled: that of the mirror, if there is one."""
        return at_registry(image, self.registry)

    @property
    def served(self) -> tuple[Model, ...]:
        """All model groups of the gateway: each model, followed by its parts."""
        return tuple(group for model in self.models for group in (model, *_parts(model)))

    @property
    def offline_models(self) -> frozenset[str]:
        """The names of the model groups with a fixed answer."""
        return frozenset(model.name for model in self.served if model.offline)

    @property
    def owners(self) -> tuple[DeclaredOwner, ...]:
        """What keys belong to, in the order of creation: a team lists users as its members."""
        return (*self.users, *self.teams)

    @property
    def pod_workers(self) -> int:
        """LiteLLM's processes in each pod of a cluster; one is the default in every profile."""
        return self.workers if "workers" in self.origins else 1

    @property
    def needs_redis(self) -> bool:
        """True if several LiteLLM processes must share limits and revoked keys, in any runtime."""
        names: tuple[RuntimeName, ...] = ("docker", "kubernetes")
        return any(map(self.needs_redis_in, names if self.runtime == "auto" else (self.runtime,)))

    def needs_redis_in(self, runtime: RuntimeName) -> bool:
        """The same for a runtime: pods in a cluster, workers elsewhere."""
        pods = self.kubernetes.most_replicas
        return (self.pod_workers * pods if runtime == "kubernetes" else self.workers) > 1

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
    def rendered_ca_bundle(self) -> Path:
        """The copy of ``ca_bundle`` that services read, in both runtimes."""
        return self.compose_dir / CA_BUNDLE_NAME

    @property
    def is_project(self) -> bool:
        """True if the folder holds a gateway project, or what is left of one."""
        return any(path.exists() for path in (self.config_file, self.env_file, self.state_dir))

    @property
    def state_dir(self) -> Path:
        return self.project_dir / STATE_DIR_NAME

    @property
    def connect_host(self) -> str:
        """The address of the services, seen from this machine."""
        return LOOPBACK if self.bind in {"0.0.0.0", "::", ""} else self.bind  # noqa: S104

    @property
    def url_host(self) -> str:
        """The same as a part of a URL: IPv6 in brackets."""
        return f"[{self.connect_host}]" if ":" in self.connect_host else self.connect_host

    @property
    def is_external(self) -> bool:
        """True for a gateway that others operate."""
        return self.runtime == "external"

    @property
    def gateway_url(self) -> str:
        """Without a final slash; that of an external gateway may have a path."""
        if self.is_external:
            return self.external.url
        own = f"http://{self.url_host}:{self.ports.litellm}"
        cluster = self.runtime == "kubernetes" and self.kubernetes.url("litellm", 4000)
        return cluster or own

    @property
    def phoenix_url(self) -> str:
        """The project's own Phoenix, without a final slash; empty if there is none."""
        if self.is_external:
            return self.external.phoenix_url
        own = f"http://{self.url_host}:{self.ports.phoenix}"
        cluster = self.runtime == "kubernetes" and self.kubernetes.url("phoenix", 6006)
        return cluster or own

    @property
    def trace_stores(self) -> tuple[TraceStore, ...]:
        """Where spans are sent: the own Phoenix first, if there is one."""
        own = TraceStore(
            name="phoenix",
            kind="phoenix",
            endpoint=self.phoenix_url,
            project=PHOENIX_PROJECT,
            is_own=True,
        )
        has_own = self.tracing.own and self.phoenix_url
        return (*((own,) if has_own else ()), *self.tracing.stores)

    @property
    def asked_store(self) -> TraceStore | None:
        """The Phoenix that is asked for traces: the first one; None if there is none."""
        return next((store for store in self.trace_stores if store.kind == "phoenix"), None)

    @property
    def traces_page(self) -> str | None:
        """The address of the web page with the traces; None if it is not known."""
        return None if self.asked_store is None else self.asked_store.endpoint

    def source_of(self, name: str) -> Source:
        """The source of the setting of that dotted name."""
        return self.origins.get(name, DEFAULT_SOURCE)
