from __future__ import annotations

from pathlib import Path

import pytest

from gatewayctl.settings.declared.kubernetes import Autoscaling, Ingress, Kubernetes, Storage
from tests.fakes.projects import problems, project


def section(folder: Path, text: str, *, more: str = "") -> Kubernetes:
    return project(folder / "shop", f"{more}kubernetes: {text}\n").kubernetes


def test_without_a_section_the_namespace_is_the_project_s_name(tmp_path: Path) -> None:
    assert project(tmp_path / "shop").kubernetes == Kubernetes(namespace="shop")


@pytest.mark.parametrize(
    ("name", "namespace"),
    [("shop-", "shop"), ("default", "gatewayctl-default"), ("kube-x", "gatewayctl-kube-x")],
)
def test_a_name_that_no_namespace_may_have_is_completed(
    tmp_path: Path, name: str, namespace: str
) -> None:
    assert section(tmp_path, "{}", more=f"project_name: {name}\n").namespace == namespace


def test_everything_that_is_declared_is_read(tmp_path: Path) -> None:
    found = section(
        tmp_path,
        """
  namespace: llm
  context: production
  autoscaling: {min: 2, max: 6, cpu: 60}
  postgres: cloudnative-pg
  storage: {class: fast, postgres_litellm: 50Gi}
  resources: {litellm: {requests: {cpu: 2, memory: 3Gi}, limits: {memory: 4Gi}}}
  secrets: {from: vault.gateway}
  image_pull_secrets: [registry]
  ingress: {host: llm.example.com, class: nginx, tls_secret: tls, annotations: {a/b: true}}
  access: ingress
  network_policies: false
""",
        more="runtime: kubernetes\n",
    )

    assert found == Kubernetes(
        namespace="llm",
        context="production",
        autoscaling=Autoscaling(min_replicas=2, max_replicas=6, cpu_percent=60),
        postgres="cloudnative-pg",
        storage=Storage(storage_class="fast", postgres_litellm="50Gi"),
        resources={
            "litellm": {"requests": {"cpu": "2", "memory": "3Gi"}, "limits": {"memory": "4Gi"}}
        },
        secrets_from="vault.gateway",
        image_pull_secrets=("registry",),
        ingress=Ingress(
            host="llm.example.com",
            class_name="nginx",
            tls_secret="tls",
            annotations={"a/b": "true"},
        ),
        access="ingress",
        network_policies=False,
    )


def test_a_name_alone_is_short_for_a_mapping(tmp_path: Path) -> None:
    found = section(tmp_path, "{secrets: vault, ingress: llm.example.com}")

    assert (found.secrets_from, found.ingress) == ("vault", Ingress(host="llm.example.com"))


@pytest.mark.parametrize(("profile", "replicas"), [("development", 1), ("production", 2)])
def test_production_has_two_replicas_by_default(
    tmp_path: Path, profile: str, replicas: int
) -> None:
    more = f"profile: {profile}\n"

    assert section(tmp_path, "{}", more=more).replicas == replicas
    scaled = section(tmp_path, "{autoscaling: {max: 8}}", more=more).autoscaling
    assert scaled == Autoscaling(min_replicas=replicas, max_replicas=8)


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("namespace: kube-system", 2, "kube-system belongs to the cluster or to everybody"),
        ("namespace: default", 2, "default belongs to the cluster or to everybody"),
        ("namespace: My_Space", 2, "must be a DNS label"),
        (f"namespace: {'x' * 64}", 2, "must be a DNS label"),
        ("context: 3", 2, "kubernetes.context must be a string"),
        ("replicas: 0", 2, "kubernetes.replicas must be an integer from 1"),
        ("replicas: true", 2, "kubernetes.replicas must be an integer from 1"),
        ("replicas: '2'", 2, "kubernetes.replicas must be an integer from 1"),
        ("autoscaling: {min: 3, max: 2}", 2, "autoscaling.min must be at most max (2), not 3"),
        ("autoscaling: {min: 3}", 2, "kubernetes.autoscaling needs max:"),
        ("autoscaling: {max: 3, cpu: 200}", 2, "cpu must be an integer from 1 to 100"),
        ("replicas: 2\n  autoscaling: {max: 3}", 2, "both replicas and autoscaling: keep one"),
        ("postgres: cloudnative", 2, "(did you mean 'cloudnative-pg'?)"),
        ("postgres: mysql", 2, "must be one of statefulset, cloudnative-pg, not 'mysql'"),
        ("storage: {postgres_litellm: 10GB}", 2, "must be a quantity"),
        ("storage: {postgres_litellm: 500m}", 2, "must be a positive size"),
        ("storage: {postgres: 10Gi}", 2, "(did you mean 'postgres_phoenix'?)"),
        ("storage: {class: Fast SSD}", 2, "kubernetes.storage.class must be a name"),
        ("resources: {litelm: {}}", 2, "unknown setting 'litelm' in kubernetes.resources"),
        ("resources: {postgres: {}}", 2, "unknown setting 'postgres' in kubernetes.resources"),
        ("resources: {redis: {request: {}}}", 2, "(did you mean 'requests'?)"),
        ("resources: {redis: {requests: {ram: 1Gi}}}", 2, "unknown resource 'ram'"),
        ("resources: {redis: {requests: {memory: 4Gb}}}", 2, "must be a quantity"),
        ("resources: {redis: {requests: {cpu: -1}}}", 2, "must be a quantity"),
        (
            "resources: {redis: {requests: {memory: 2Gi}, limits: {memory: 1.5Gi}}}",
            2,
            "kubernetes.resources.redis.requests.memory (2Gi) is above its limit (1.5Gi)",
        ),
        ("secrets: {form: vault}", 2, "kubernetes.secrets needs from:"),
        ("secrets: My_Secret", 2, "kubernetes.secrets.from must be a name"),
        ("secrets: {from: a_b}", 2, "kubernetes.secrets.from must be a name"),
        ("image_pull_secrets: [a, A]", 2, "must be the name of a Secret"),
        ("ingress: {class: nginx}", 2, "kubernetes.ingress needs host:"),
        ("ingress: https://llm.example.com", 2, "kubernetes.ingress.host must be a host"),
        ("ingress: {host: a.b, phoenix_host: a.b}", 2, "both hosts are a.b"),
        ("ingress: {host: a.b, gateway: g, class: c}", 2, "has both gateway and class"),
        ("ingress: {host: a.b, gateway: g, tls_secret: c}", 2, "the Gateway has the certificate"),
        ("ingress: {host: a.b, gateway: a/b/c}", 2, "must be the name of a Gateway"),
        ("ingress: {host: a.b, annotations: {'a b': c}}", 2, "not the name of an annotation"),
        ("ingress: {host: a.b, annotations: {a: [c]}}", 2, "annotations.a must be a string"),
        (
            "ingress: {host: a.b, annotations: {a: sk-0123456789abcdef0123456789}}",
            2,
            "annotations.a contains a secret",
        ),
        ("access: ingress", 2, "ingress needs kubernetes.ingress"),
        ("access: cluster", 2, "cluster needs runtime: kubernetes in gateway.yaml"),
        (
            "ingress: llm.example.com\n  access: ingress",
            3,
            "ingress needs runtime: kubernetes in gateway.yaml",
        ),
        ("access: portforward", 2, "(did you mean 'port-forward'?)"),
        ("network_policies: yes please", 2, "network_policies must be true or false"),
        ("replica: 2", 2, "unknown setting 'replica' in kubernetes (did you mean 'replicas'?)"),
    ],
)
def test_a_wrong_value_is_refused_with_its_line(
    tmp_path: Path, text: str, line: int, message: str
) -> None:
    found = problems(tmp_path, f"kubernetes:\n  {text}\n")

    assert any(each.startswith(f"gateway.yaml line {line}") and message in each for each in found)


@pytest.mark.parametrize("text", ["kubernetes: 3\n", "kubernetes: [a]\n"])
def test_anything_but_a_mapping_is_refused(tmp_path: Path, text: str) -> None:
    (found,) = problems(tmp_path, text)

    assert "kubernetes must be a mapping" in found


def test_null_counts_as_not_declared(tmp_path: Path) -> None:
    text = "{namespace: null, replicas: null, autoscaling: null, secrets: null, ingress: null}"

    assert section(tmp_path, text) == Kubernetes(namespace="shop")


@pytest.mark.parametrize("source", ["gateway.yaml", "environment", "flag"])
def test_access_by_ingress_takes_the_runtime_from_anywhere(tmp_path: Path, source: str) -> None:
    text = "kubernetes: {access: ingress, ingress: llm.example.com}\n"
    settings = project(
        tmp_path,
        ("runtime: kubernetes\n" if source == "gateway.yaml" else "") + text,
        environ={"GATEWAYCTL_RUNTIME": "kubernetes"} if source == "environment" else None,
        flags={"runtime": "kubernetes"} if source == "flag" else None,
    )

    assert settings.gateway_url == "http://llm.example.com"


def test_apps_can_have_resources(tmp_path: Path) -> None:
    found = project(
        tmp_path,
        'apps: {web: "web:1"}\nkubernetes: {resources: {web: {limits: {nvidia.com/gpu: 1}}}}\n',
    )

    assert found.kubernetes.resources == {"web": {"limits": {"nvidia.com/gpu": "1"}}}


def test_several_pods_need_redis_in_a_cluster_only(tmp_path: Path) -> None:
    text = "kubernetes: {replicas: 2}\n"
    settings = project(tmp_path, text)

    assert settings.needs_redis_in("kubernetes")
    assert not settings.needs_redis_in("docker")
    # As long as nobody knows the runtime, its password is there.
    assert settings.needs_redis
    assert not project(tmp_path, f"runtime: docker\n{text}").needs_redis
    assert project(tmp_path, f"runtime: kubernetes\n{text}").needs_redis
    assert not project(tmp_path, "runtime: kubernetes\n").needs_redis


def test_a_pod_has_one_worker_unless_the_operator_says_otherwise(tmp_path: Path) -> None:
    assert project(tmp_path, "runtime: kubernetes\nprofile: production\n").pod_workers == 1
    assert project(tmp_path, "runtime: kubernetes\nworkers: 4\n").pod_workers == 4
