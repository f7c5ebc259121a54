"""Exit 4: kubectl, its kubeconfig, or the cluster refused."""

from __future__ import annotations

from gatewayctl.errors.runtime import RuntimeProblem, RuntimeUnavailable


class KubectlMissing(RuntimeUnavailable):
    """There is no program `kubectl` on this machine."""

    remedy = (
        "Install kubectl (kubernetes.io/docs/tasks/tools), or use --runtime docker or embedded."
    )


class KubectlTooOld(RuntimeUnavailable):
    """kubectl is older than what server-side apply needs."""

    remedy = "Install a newer kubectl (kubernetes.io/docs/tasks/tools)."


class KubeconfigMissing(RuntimeUnavailable):
    """kubectl has no kubeconfig, or one without a context."""

    remedy = (
        "Get the kubeconfig of your cluster from its provider or administrator, in ~/.kube/config "
        "or where KUBECONFIG points to. `kubectl config get-contexts` lists what kubectl reads."
    )


class KubeconfigInvalid(RuntimeUnavailable):
    """kubectl cannot read its kubeconfig, or a context lacks its cluster or its user."""

    remedy = "Correct the kubeconfig: `kubectl config view` must show it."


class ContextUnknown(RuntimeProblem):
    """The kubeconfig has no context of the name that the project uses."""

    remedy = (
        "Correct kubernetes.context in gateway.yaml, or set KUBECONFIG to the file that has it."
    )


class ContextChanged(RuntimeProblem):
    """The project would be changed in another cluster or namespace than it was started in."""

    remedy = (
        "Set kubernetes.context and kubernetes.namespace in gateway.yaml back, or move there with "
        "`gatewayctl up`, which asks for consent."
    )


class ClusterUnreachable(RuntimeProblem):
    """The API server of the context does not answer."""

    remedy = (
        "Check that the cluster runs, and the network or VPN to it: `kubectl cluster-info` must "
        "answer."
    )


class ClusterCertificateRefused(RuntimeProblem):
    """The certificate of the API server, or the one of the kubeconfig, is not accepted."""

    remedy = (
        "Get a current kubeconfig of that cluster: its certificate-authority-data, its server's "
        "name, or its client certificate is wrong or has expired."
    )


class ClusterLoginRefused(RuntimeProblem):
    """The API server does not accept the credentials of the kubeconfig."""

    remedy = (
        "Log in to the cluster again, so that `kubectl auth can-i --list` answers: the token or "
        "the certificate of the kubeconfig is wrong or has expired."
    )


class ClusterForbidden(RuntimeProblem):
    """RBAC of the cluster does not permit what the command needs."""

    remedy = "Ask an administrator of the cluster for the permissions."


class NamespaceTerminating(RuntimeProblem):
    """The namespace is being deleted."""

    remedy = "Wait until it is gone, or choose another: kubernetes.namespace in gateway.yaml."


class QuotaExceeded(RuntimeProblem):
    """A ResourceQuota or a LimitRange of the namespace does not permit what the project asks."""

    remedy = (
        "Lower kubernetes.resources or kubernetes.replicas in gateway.yaml, or ask an "
        "administrator of the cluster for a higher limit."
    )


class AdmissionRefused(RuntimeProblem):
    """A policy of the cluster refuses an object: Pod Security, a webhook, or another policy."""

    remedy = (
        "Correct what the policy reports in gateway.yaml, or ask an administrator of the cluster "
        "for an exception."
    )


class ApiMissing(RuntimeProblem):
    """The cluster does not serve the API of an object: it is too old, or an operator is missing."""

    remedy = (
        "Install what serves it (CloudNativePG, Gateway API, …), upgrade the cluster, or choose "
        "another setting under kubernetes: in gateway.yaml."
    )


class ClusterConflict(RuntimeProblem):
    """Something else changes the same object at the same time."""

    remedy = (
        "Run the command again. If it persists, another program manages that object: "
        "`kubectl get KIND NAME --show-managed-fields -o yaml` names it."
    )


class ObjectInvalid(RuntimeProblem):
    """The API server refuses the content of an object."""

    remedy = "Correct what it reports under kubernetes: in gateway.yaml."
