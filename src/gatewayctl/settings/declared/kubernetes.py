"""What gateway.yaml declares under ``kubernetes:``.

Owns the shape of the section. Must not know how objects are made of it, nor who applies them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final, Literal

PostgresKind = Literal["statefulset", "cloudnative-pg"]
Access = Literal["port-forward", "ingress", "cluster"]
CLUSTER_DOMAIN: Final = "svc.cluster.local"


@dataclass(frozen=True, slots=True, kw_only=True)
class Autoscaling:
    """The limits of LiteLLM's HorizontalPodAutoscaler; ``cpu_percent`` is of the requested CPU."""

    min_replicas: int
    max_replicas: int
    cpu_percent: int = 70


@dataclass(frozen=True, slots=True, kw_only=True)
class Storage:
    """The volumes of the databases; ``storage_class`` None is the default of the cluster."""

    storage_class: str | None = None
    postgres_litellm: str = "10Gi"
    postgres_phoenix: str = "20Gi"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ingress:
    """How callers outside the cluster reach LiteLLM, and Phoenix if it has a host.

    ``tls_secret`` is the name of a Secret of type kubernetes.io/tls. With ``gateway`` (the name of
    a Gateway, or ``NAMESPACE/NAME``) an HTTPRoute of the Gateway API is made, else an Ingress; the
    listener of the Gateway has the certificate then.
    """

    host: str
    phoenix_host: str | None = None
    class_name: str | None = None
    tls_secret: str | None = None
    gateway: str | None = None
    annotations: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))

    @property
    def scheme(self) -> str:
        return "https" if self.tls_secret or self.gateway else "http"


@dataclass(frozen=True, slots=True, kw_only=True)
class Kubernetes:
    """Where and how the project runs in a cluster.

    ``context`` is one of the kubeconfig, None for its current one. ``replicas`` are LiteLLM's pods,
    unless ``autoscaling`` decides. ``resources`` maps a service to its ``requests`` and ``limits``.
    ``secrets_from`` is the name of a Secret that exists, with a key for each variable that the
    services need; None: Secrets are made of .env when the objects are applied.
    """

    namespace: str
    context: str | None = None
    replicas: int = 1
    autoscaling: Autoscaling | None = None
    postgres: PostgresKind = "statefulset"
    storage: Storage = Storage()
    resources: Mapping[str, Mapping[str, Mapping[str, str]]] = field(
        default_factory=lambda: MappingProxyType({})
    )
    secrets_from: str | None = None
    image_pull_secrets: tuple[str, ...] = ()
    ingress: Ingress | None = None
    access: Access = "port-forward"
    network_policies: bool = True

    @property
    def most_replicas(self) -> int:
        """The highest number of LiteLLM's pods, without one more while a change rolls out."""
        return self.autoscaling.max_replicas if self.autoscaling else self.replicas

    def service_url(self, service: str, port: int) -> str:
        """The address of a service inside the cluster."""
        return f"http://{service}.{self.namespace}.{CLUSTER_DOMAIN}:{port}"

    def url(self, service: Literal["litellm", "phoenix"], port: int) -> str | None:
        """The address as the command line reaches it; None if it is this machine's own port."""
        if self.access == "cluster":
            return self.service_url(service, port)
        if self.access == "ingress" and self.ingress is not None:
            host = self.ingress.host if service == "litellm" else self.ingress.phoenix_host
            return f"{self.ingress.scheme}://{host}" if host else None
        return None
