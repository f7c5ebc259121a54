from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from gatewayctl.errors import (
    AdmissionRefused,
    ApiMissing,
    ClusterCertificateRefused,
    ClusterConflict,
    ClusterForbidden,
    ClusterLoginRefused,
    ClusterUnreachable,
    ContextUnknown,
    KubeconfigInvalid,
    KubeconfigMissing,
    KubectlMissing,
    NamespaceTerminating,
    ObjectInvalid,
    ProgramTimeout,
    QuotaExceeded,
    RuntimeProblem,
)
from gatewayctl.runtimes.kubernetes.kubectl import Kubectl
from gatewayctl.runtimes.kubernetes.refusals import explain
from gatewayctl.runtimes.process import run
from tests.fakes.kubectl import FakeRun

NOISE = (
    'E1129 17:51:45.555278    2073 memcache.go:265] "Unhandled Error" err="couldn\'t get current '
    'server API group list: Get \\"https://10.1.2.3:6443/api\\": dial tcp: connection refused"\n'
)
SEEN: dict[type[RuntimeProblem], tuple[str, ...]] = {
    ClusterUnreachable: (
        (
            "The connection to the server 127.0.0.1:25001 was refused - did you specify the right "
            "host or port?"
        ),
        (
            "Unable to connect to the server: dial tcp: lookup nosuch.invalid on 10.0.0.53:53: no "
            "such host"
        ),
        "Unable to connect to the server: dial tcp 10.9.9.9:6443: i/o timeout",
        "Unable to connect to the server: net/http: TLS handshake timeout",
        (
            "Unable to connect to the server: context deadline exceeded (Client.Timeout exceeded "
            "while awaiting headers)"
        ),
        "Unable to connect to the server: EOF",
        (
            "Error from server (ServiceUnavailable): the server is currently unable to handle the "
            "request"
        ),
        "Error from server: etcdserver: request timed out",
    ),
    ClusterCertificateRefused: (
        (
            "Unable to connect to the server: tls: failed to verify certificate: x509: certificate "
            "signed by unknown authority"
        ),
        "Unable to connect to the server: x509: certificate has expired or is not yet valid",
        "error: Get https://10.1.2.3:6443/version: http: server gave HTTP response to HTTPS client",
        "Unable to connect to the server: remote error: tls: bad certificate",
    ),
    ClusterLoginRefused: (
        "error: You must be logged in to the server (Unauthorized)",
        (
            "error: You must be logged in to the server (the server has asked for the client to "
            "provide credentials)"
        ),
        "Unable to connect to the server: getting credentials: exec: executable aws not found",
        "Please enter Username: error: EOF",
        "error: The gcp auth plugin has been removed.",
    ),
    ContextUnknown: (
        'error: context "foo" does not exist',
        "Error in configuration: context was not found for specified context: foo",
    ),
    KubeconfigMissing: (
        NOISE + "The connection to the server localhost:8080 was refused - did you specify the "
        "right host or port?",
        "error: current-context must exist in order to minify",
    ),
    KubeconfigInvalid: (
        'error: error loading config file "kc.yaml": yaml: line 1: mapping values are not allowed',
    ),
    NamespaceTerminating: (
        (
            'Error from server (Forbidden): configmaps "x" is forbidden: unable to create new '
            "content in namespace shop because it is being terminated"
        ),
    ),
    QuotaExceeded: (
        (
            'Error creating: pods "litellm-1" is forbidden: exceeded quota: small, requested: '
            "requests.memory=1Gi, used: requests.memory=0, limited: requests.memory=512Mi"
        ),
        'pods "x" is forbidden: failed quota: small: must specify limits.cpu',
        'pods "x" is forbidden: maximum memory usage per Container is 1Gi, but limit is 2Gi',
    ),
    AdmissionRefused: (
        (
            'Error from server (Forbidden): pods "x" is forbidden: violates PodSecurity '
            '"restricted:latest": allowPrivilegeEscalation != false'
        ),
        'Error from server: admission webhook "validate.kyverno.svc" denied the request: no',
        (
            "Error from server (InternalError): Internal error occurred: failed calling webhook "
            '"x.y.z": dial tcp 10.1.1.1:443: connect: connection refused'
        ),
    ),
    ApiMissing: (
        (
            'error: unable to recognize "STDIN": no matches for kind "HorizontalPodAutoscaler" in '
            'version "autoscaling/v2"'
        ),
        'error: the server doesn\'t have a resource type "httproutes"',
    ),
    ClusterConflict: (
        'error: Apply failed with 1 conflict: conflict with "helm" using apps/v1: .spec.replicas',
        (
            'Error from server (Conflict): Operation cannot be fulfilled on deployments.apps "x": '
            "the object has been modified; please apply your changes to the latest version"
        ),
    ),
    ObjectInvalid: ('The Deployment "Bad_Name" is invalid: metadata.name: Invalid value',),
    ClusterForbidden: (
        (
            'Error from server (Forbidden): pods is forbidden: User "jane" cannot list resource '
            '"pods" in API group "" in the namespace "shop"'
        ),
        "Error from server (Forbidden): something of a cloud",
    ),
}


@pytest.mark.parametrize(
    ("kind", "stderr"), [(kind, each) for kind, texts in SEEN.items() for each in texts]
)
def test_every_refusal_that_was_seen_has_its_own_error(
    kind: type[RuntimeProblem], stderr: str
) -> None:
    error = explain(stderr, context="staging", namespace="shop")

    assert type(error) is kind
    assert "memcache.go" not in error.message


def test_a_refusal_names_the_place_and_what_was_printed() -> None:
    error = explain(SEEN[ClusterUnreachable][2], context="staging", namespace="shop")

    assert error.message == (
        "The cluster does not answer (context staging, namespace shop): "
        "dial tcp 10.9.9.9:6443: i/o timeout"
    )


def test_anything_else_is_shown_without_the_log_of_kubectl() -> None:
    error = explain(NOISE + "error: it broke\n", context=None, namespace="shop")

    assert type(error) is RuntimeProblem
    assert error.message == ("kubectl failed (context of the kubeconfig, namespace shop): it broke")
    assert "no reason" in explain("", context=None, namespace="shop").message
    assert "memcache.go" in explain(NOISE, context=None, namespace="shop").message


def test_a_missing_permission_is_named_with_the_rule_that_grants_it() -> None:
    error = explain(
        'Error from server (Forbidden): deployments.apps "litellm" is forbidden: User '
        '"system:serviceaccount:shop:reader" cannot patch resource "deployments" in API group '
        '"apps" in the namespace "shop"\n'
        'Error from server (Forbidden): namespaces is forbidden: User "system:serviceaccount:shop:'
        'reader" cannot create resource "namespaces" in API group "" at the cluster scope\n',
        context="staging",
        namespace="shop",
    )

    assert isinstance(error, ClusterForbidden)
    assert "User system:serviceaccount:shop:reader" in error.message
    assert "cannot patch deployments.apps in namespace shop" in error.message
    assert "cannot create namespaces in the whole cluster" in error.message
    role, cluster_role = yaml.safe_load_all(error.hint.partition(":\n")[2])
    assert (role["kind"], cluster_role["kind"]) == ("Role", "ClusterRole")
    assert role["metadata"] == {"name": "gatewayctl", "namespace": "shop"}
    assert role["rules"] == [
        {"apiGroups": ["apps"], "resources": ["deployments"], "verbs": ["patch"]}
    ]
    assert cluster_role["rules"] == [
        {"apiGroups": [""], "resources": ["namespaces"], "verbs": ["create"]}
    ]


def test_without_kubectl_the_error_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))

    with pytest.raises(KubectlMissing) as caught:
        Kubectl(context=None, namespace="shop", run=run).call("get", "pods")

    assert "kubernetes.io/docs/tasks/tools" in caught.value.hint


def test_a_kubectl_that_does_not_end_in_time_means_a_cluster_that_does_not_answer() -> None:
    kubectl = FakeRun(
        answers=[(("get",), ProgramTimeout("kubectl did not end within 35 s."))]
    ).kubectl()

    with pytest.raises(ClusterUnreachable, match="did not end within 35 s"):
        kubectl.call("get", "pods")
