"""What can be wrong between a project and its Kubernetes cluster. Owns the texts only."""

from __future__ import annotations

from typing import Final

from gatewayctl.errors import (
    AdmissionRefused,
    ApiMissing,
    ClusterCertificateRefused,
    ClusterForbidden,
    ClusterLoginRefused,
    ClusterUnreachable,
    ContextChanged,
    ContextUnknown,
    KubeconfigInvalid,
    KubeconfigMissing,
    KubectlMissing,
    KubectlTooOld,
    NamespaceTerminating,
    QuotaExceeded,
)
from gatewayctl.operations.diagnosis.findings.finding import Finding

CLUSTER: Final = (
    Finding.of(
        KubectlMissing,
        area="runtime",
        title="kubectl is not installed",
        meaning="The Kubernetes runtime uses your own kubectl, with its kubeconfig and plugins.",
    ),
    Finding.of(
        KubectlTooOld,
        area="runtime",
        title="kubectl is too old",
        meaning="Server-side apply needs kubectl 1.20 or newer.",
    ),
    Finding.of(
        KubeconfigMissing,
        area="runtime",
        title="kubectl knows no cluster",
        meaning="There is no kubeconfig, or it has no current context.",
    ),
    Finding.of(
        KubeconfigInvalid,
        area="runtime",
        title="The kubeconfig cannot be used",
        meaning="It is no valid YAML, or its context refers to a cluster that is not in it.",
    ),
    Finding.of(
        ContextUnknown,
        area="runtime",
        title="The kubeconfig has no such context",
        meaning="kubernetes.context in gateway.yaml, or the context that the project was started "
        "in, is not in the kubeconfig that kubectl reads now.",
    ),
    Finding.of(
        ContextChanged,
        area="runtime",
        title="The project would be changed in another cluster or namespace",
        meaning="gateway.yaml names another context or namespace than the stack was started in, or "
        "the context leads to another server now. Only `up` moves, after it asked; the old stack "
        "and its data stay where they are.",
    ),
    Finding.of(
        ClusterUnreachable,
        area="runtime",
        title="The cluster does not answer",
        meaning="Its API server is down, or there is no network, VPN or name for it. What runs in "
        "the cluster goes on running.",
    ),
    Finding.of(
        ClusterCertificateRefused,
        area="runtime",
        title="The cluster's certificate is not accepted",
        meaning="The kubeconfig has another authority than the API server, or a certificate has "
        "expired.",
    ),
    Finding.of(
        ClusterLoginRefused,
        area="runtime",
        title="The cluster does not accept the credentials",
        meaning="The token or certificate of the kubeconfig is wrong or has expired, or the plugin "
        "that gets one failed.",
    ),
    Finding.of(
        ClusterForbidden,
        area="runtime",
        title="Permissions in the cluster are missing",
        meaning="The evidence lists each of them, and the hint has the rules of a Role with them. "
        "They are checked before anything is applied.",
    ),
    Finding.of(
        NamespaceTerminating,
        area="runtime",
        title="The namespace is being deleted",
        meaning="Nothing can be created in it any more. If it stays for minutes, something in it "
        "has a finalizer: `kubectl get namespace NAME -o yaml` says what.",
    ),
    Finding.of(
        QuotaExceeded,
        area="runtime",
        title="A limit of the namespace is reached",
        meaning="A ResourceQuota has nothing left, or a LimitRange permits less for one pod.",
    ),
    Finding.of(
        AdmissionRefused,
        area="runtime",
        title="A policy of the cluster refuses an object",
        meaning="Pod Security, a webhook or another admission policy does not permit it; the "
        "evidence has its words.",
    ),
    Finding.of(
        ApiMissing,
        area="runtime",
        title="The cluster lacks an API",
        meaning="An object needs an operator that is not installed, such as CloudNativePG, or a "
        "newer Kubernetes.",
    ),
)
