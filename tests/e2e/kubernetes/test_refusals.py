"""What a cluster refuses, on a real one: each is named, and nothing is half applied."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from gatewayctl.runtimes.kubernetes.preflight import rights_to_change
from gatewayctl.settings.declared.kubernetes import Kubernetes
from tests.e2e.conftest import Project
from tests.e2e.kubernetes.cluster import READ_ONLY, Cluster, until

KINDS = "deployments,statefulsets,services,configmaps,secrets,serviceaccounts,jobs"
DEFAULTS = frozenset({"kube-root-ca.crt", "default"})


@pytest.fixture
def project(cluster: Cluster, namespace: str, tmp_path: Path) -> Iterator[Project]:
    """A project of this namespace that was never started."""
    made = Project(folder=tmp_path, ports={}, extra_env=cluster.environment())
    made.ok("init")
    declare(made, namespace, context=context_of(cluster.kubeconfig))
    yield made
    made.run("down", "--yes", "--volumes")


def declare(project: Project, namespace: str, *, context: str | None) -> None:
    named = "" if context is None else f"  context: {context}\n"
    (project.folder / "gateway.yaml").write_text(
        "project_name: refused\nruntime: kubernetes\n"
        "ports: {litellm: 25100, phoenix: 25101, phoenix_grpc: 25102}\n"
        f"kubernetes:\n  namespace: {namespace}\n{named}"
    )


def context_of(kubeconfig: Path) -> str:
    return str(yaml.safe_load(kubeconfig.read_text())["current-context"])


def use(project: Project, kubeconfig: Path, namespace: str) -> None:
    """Let the project use another kubeconfig, whose context gateway.yaml names."""
    project.extra_env["KUBECONFIG"] = str(kubeconfig)
    declare(project, namespace, context=context_of(kubeconfig))


def changed_kubeconfig(cluster: Cluster, folder: Path, **server: Any) -> Path:
    """The kubeconfig of the cluster with other settings of its server."""
    words = ("config", "view", "--minify", "--flatten", "--raw", "--output", "json")
    config = json.loads(cluster.ok(*words))
    for each in config["clusters"]:
        each["cluster"].update(server)
    path = folder / "changed.kubeconfig"
    path.touch(mode=0o600)
    path.write_text(json.dumps(config))
    return path


def refused(project: Project, *words: str) -> dict[str, Any]:
    """The error of a command, which must be exit code 4."""
    done = project.run(*words, "--json")
    assert done.returncode == 4, f"{words}: {done.returncode}\n{done.stdout}\n{done.stderr}"
    error: dict[str, Any] = json.loads(done.stdout)["error"]
    return error


def own_objects(cluster: Cluster, namespace: str) -> set[str]:
    """The objects in the namespace, without those that every namespace has."""
    found = cluster.get(KINDS, "--namespace", namespace)["items"]
    names = {(each["kind"], each["metadata"]["name"]) for each in found}
    return {
        f"{kind}/{name}"
        for kind, name in names
        if name not in DEFAULTS and not name.startswith(("default-token", "account-"))
    }


def test_an_account_that_may_only_read_gets_each_missing_permission_and_the_rules(
    cluster: Cluster, namespace: str, project: Project, tmp_path: Path
) -> None:
    with cluster.account(namespace, READ_ONLY, tmp_path) as kubeconfig:
        use(project, kubeconfig, namespace)
        error = refused(project, "up")

        assert error["code"] == "cluster_forbidden"
        expected = (
            "create, patch, delete deployments.apps",
            "create, patch, delete secrets",
            "create pods/exec",
            "create pods/portforward",
        )
        for each in expected:
            assert f"cannot {each} in namespace {namespace}" in error["message"]
        assert own_objects(cluster, namespace) == set()
        assert not (project.folder / ".gatewayctl" / "kubernetes.json").exists()

        role = yaml.safe_load(error["hint"].partition(":\n")[2])
        assert role["kind"] == "Role"
        assert role["metadata"] == {"name": "gatewayctl", "namespace": namespace}
        assert {
            "apiGroups": ["apps"],
            "resources": ["deployments", "statefulsets"],
            "verbs": ["create", "patch", "delete"],
        } in role["rules"]


def test_the_rules_of_the_refusal_are_enough_when_they_are_applied_as_printed(
    cluster: Cluster, namespace: str, project: Project, tmp_path: Path
) -> None:
    with cluster.account(namespace, READ_ONLY, tmp_path) as kubeconfig:
        use(project, kubeconfig, namespace)
        role = yaml.safe_load(refused(project, "up")["hint"].partition(":\n")[2])
        cluster.apply(role, namespace=namespace)
        account = context_user(kubeconfig)
        cluster.ok(
            *("create", "rolebinding", "gatewayctl", "--role", "gatewayctl"),
            *("--serviceaccount", f"{namespace}:{account}", "--namespace", namespace),
        )
        missing = []
        for right in rights_to_change(Kubernetes(namespace=namespace)):
            asked = cluster.kubectl(
                *("auth", "can-i", right.verb, right.name, "--namespace", namespace),
                *("--as", f"system:serviceaccount:{namespace}:{account}"),
            )
            if "/" not in right.resource and asked.stdout.strip() != "yes":
                missing.append(f"{right.verb} {right.name}")

        assert missing == []


def context_user(kubeconfig: Path) -> str:
    return str(json.loads(kubeconfig.read_text())["users"][0]["name"])


def test_an_account_without_one_permission_gets_that_one(
    cluster: Cluster, namespace: str, project: Project, tmp_path: Path
) -> None:
    rules = [
        {
            "apiGroups": [right.group],
            "resources": [right.resource],
            "verbs": [right.verb],
        }
        for right in rights_to_change(Kubernetes(namespace=namespace))
        if (right.resource, right.verb) != ("secrets", "create")
    ]
    with cluster.account(namespace, rules, tmp_path) as kubeconfig:
        use(project, kubeconfig, namespace)
        error = refused(project, "up")

    assert error["code"] == "cluster_forbidden"
    lines = [line.strip() for line in error["message"].splitlines()[1:]]
    assert lines == [f"cannot create secrets in namespace {namespace}"]
    assert own_objects(cluster, namespace) == set()


def test_a_namespace_that_is_missing_must_be_created_by_who_may(
    cluster: Cluster, namespace: str, project: Project, tmp_path: Path
) -> None:
    everything = [{"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]}]
    reading = [{"apiGroups": [""], "resources": ["namespaces"], "verbs": ["get"]}]
    other = f"{namespace}-new"
    with cluster.account(namespace, everything, tmp_path, everywhere=reading) as kubeconfig:
        use(project, kubeconfig, other)
        error = refused(project, "up")

    assert error["code"] == "cluster_forbidden"
    assert f"namespace {other}" in error["message"]
    assert cluster.kubectl("get", "namespace", other).returncode != 0


def test_a_stranger_of_the_cluster_is_named(
    cluster: Cluster, namespace: str, project: Project
) -> None:
    declare(project, namespace, context="gatewayctl-stranger")
    error = refused(project, "up")

    assert error["code"] == "cluster_forbidden"
    assert own_objects(cluster, namespace) == set()


@pytest.mark.parametrize("words", [("up",), ("status",), ("down",), ("plan",)], ids=" ".join)
def test_a_wrong_token_is_named_by_every_command(
    cluster: Cluster, namespace: str, project: Project, tmp_path: Path, words: tuple[str, ...]
) -> None:
    with cluster.account(namespace, READ_ONLY, tmp_path) as kubeconfig:
        config = json.loads(kubeconfig.read_text())
        config["users"][0]["user"]["token"] += "x"
        kubeconfig.write_text(json.dumps(config))
        use(project, kubeconfig, namespace)
        error = refused(project, *words)

    assert error["code"] == "cluster_login_refused"
    assert config["users"][0]["user"]["token"] not in json.dumps(error)


def test_a_token_that_is_no_longer_valid_is_named(
    cluster: Cluster, namespace: str, project: Project, tmp_path: Path
) -> None:
    with cluster.account(namespace, READ_ONLY, tmp_path) as kubeconfig:
        use(project, kubeconfig, namespace)
        account = context_user(kubeconfig)
        # A token of an account that is deleted is as invalid as one whose time is over.
        cluster.ok("delete", "serviceaccount", account, "--namespace", namespace)
        reader = Cluster(kubeconfig=kubeconfig, programs=cluster.programs)
        # The API server notices it a moment later.
        until(
            lambda: reader.kubectl("get", "pods").returncode != 0,
            seconds=60,
            what="the token is refused",
        )

        error = refused(project, "status")

    assert error["code"] == "cluster_login_refused"


def test_a_cluster_that_does_not_answer_is_named(
    cluster: Cluster, namespace: str, project: Project, tmp_path: Path
) -> None:
    use(project, changed_kubeconfig(cluster, tmp_path, server="https://127.0.0.1:25199"), namespace)
    began = time.monotonic()
    error = refused(project, "up")

    assert error["code"] == "cluster_unreachable"
    assert context_of(cluster.kubeconfig) in error["message"]
    assert time.monotonic() - began < 30


def test_a_certificate_of_another_authority_is_named(
    cluster: Cluster, namespace: str, project: Project, tmp_path: Path
) -> None:
    changed = changed_kubeconfig(cluster, tmp_path)
    config = json.loads(changed.read_text())
    for each in config["clusters"]:
        each["cluster"].pop("certificate-authority-data", None)
        each["cluster"].pop("insecure-skip-tls-verify", None)
    changed.write_text(json.dumps(config))
    use(project, changed, namespace)

    assert refused(project, "up")["code"] == "cluster_certificate_refused"


def test_an_unknown_context_is_named_with_those_there_are(
    cluster: Cluster, namespace: str, project: Project
) -> None:
    declare(project, namespace, context="nowhere")
    error = refused(project, "up")

    assert error["code"] == "context_unknown"
    assert context_of(cluster.kubeconfig) in error["hint"]


def test_without_a_kubeconfig_the_error_says_what_is_missing(
    namespace: str, project: Project, tmp_path: Path
) -> None:
    declare(project, namespace, context=None)
    project.extra_env |= {"KUBECONFIG": str(tmp_path / "none"), "HOME": str(tmp_path)}

    assert refused(project, "up")["code"] == "kubeconfig_missing"


def test_without_kubectl_the_error_says_what_to_install(project: Project, tmp_path: Path) -> None:
    programs = tmp_path / "few"
    programs.mkdir()
    for name in ("sh", "env"):
        (programs / name).symlink_to(str(shutil.which(name)))
    project.extra_env["PATH"] = str(programs)

    assert refused(project, "up")["code"] == "kubectl_missing"


def test_a_namespace_that_is_being_deleted_is_named_and_left_alone(
    cluster: Cluster, namespace: str, project: Project
) -> None:
    held = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "held", "finalizers": ["example.com/held"]},
    }
    cluster.apply(held, namespace=namespace)
    cluster.ok("delete", "namespace", namespace, "--wait=false")
    try:
        error = refused(project, "up")
        assert error["code"] == "namespace_terminating"
        assert namespace in error["message"]
    finally:
        free = '{"metadata": {"finalizers": null}}'
        cluster.ok("patch", "configmap", "held", "--namespace", namespace, "--patch", free)


def test_a_context_that_nobody_agreed_to_is_not_used(
    cluster: Cluster, namespace: str, project: Project
) -> None:
    declare(project, namespace, context=None)
    done = project.run("up", "--json")

    assert done.returncode == 2
    assert json.loads(done.stdout)["error"]["code"] == "confirmation_required"
    assert own_objects(cluster, namespace) == set()
    assert refused(project, "restart")["code"] == "context_changed"
