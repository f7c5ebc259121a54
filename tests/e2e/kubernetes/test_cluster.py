"""The cluster of the tests can do what the tests take for granted."""

from __future__ import annotations

import signal
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.e2e.kubernetes.cluster import READ_ONLY, Cluster, until

IMAGE = "python:3.11-slim"
USER = 65534
ANSWER = "served by a pod"
SERVE = f"cd /tmp && echo '{ANSWER}' >page && echo started && exec python -u -m http.server 8000"
WAIT = "trap exit TERM; while :; do sleep 1; done"


def pod(
    name: str, command: str = WAIT, *, mounts: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """A pod that meets the restricted Pod Security Standard.

    ``mounts`` are folders in it, by the claim that each is the volume of.
    """
    claims = mounts or {}
    volumes = [{"name": name, "persistentVolumeClaim": {"claimName": name}} for name in claims]
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "labels": {"app": name}},
        "spec": {
            "terminationGracePeriodSeconds": 1,
            "securityContext": {
                "runAsNonRoot": True,
                "runAsUser": USER,
                "seccompProfile": {"type": "RuntimeDefault"},
            },
            "volumes": volumes,
            "containers": [
                {
                    "name": "main",
                    "image": IMAGE,
                    "imagePullPolicy": "IfNotPresent",
                    "command": ["sh", "-c", command],
                    "securityContext": {
                        "allowPrivilegeEscalation": False,
                        "capabilities": {"drop": ["ALL"]},
                    },
                    "volumeMounts": [
                        {"name": name, "mountPath": path} for name, path in claims.items()
                    ],
                }
            ],
        },
    }


def service(name: str, **spec: Any) -> dict[str, Any]:
    """A Service in front of the pod of the same name."""
    ports = [{"port": 80, "targetPort": 8000, "protocol": "TCP"}]
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name},
        "spec": {"selector": {"app": name}, "ports": ports, **spec},
    }


def claim(name: str) -> dict[str, Any]:
    """A claim of a volume of the default StorageClass."""
    resources = {"requests": {"storage": "1Gi"}}
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": name},
        "spec": {"accessModes": ["ReadWriteOnce"], "resources": resources},
    }


def run(cluster: Cluster, namespace: str, item: dict[str, Any]) -> str:
    """Apply a pod and wait until it is ready; return its name."""
    name = str(item["metadata"]["name"])
    cluster.apply(item, namespace=namespace)
    words = ("wait", f"pod/{name}", "--for=condition=Ready", "--timeout=90s")
    done = cluster.kubectl(*words, "--namespace", namespace)
    if done.returncode != 0:
        pytest.fail(cluster.ok("describe", "pod", name, "--namespace", namespace))
    return name


def execute(cluster: Cluster, namespace: str, name: str, command: str) -> str:
    """The output of a command in a pod."""
    words = ("exec", name, "--namespace", namespace, "--", "sh", "-c", command)
    return cluster.ok(*words).strip()


def test_a_pod_reaches_services_by_name(cluster: Cluster, namespace: str) -> None:
    cluster.apply(service("web"), namespace=namespace)
    headless = service("web") | {"metadata": {"name": "pods"}}
    headless["spec"]["clusterIP"] = "None"
    cluster.apply(headless, namespace=namespace)
    run(cluster, namespace, pod("web", SERVE))
    asking = run(cluster, namespace, pod("asking"))
    names = {"web": 80, f"web.{namespace}": 80, f"web.{namespace}.svc.cluster.local": 80}
    names |= {f"pods.{namespace}.svc.cluster.local": 8000}

    def ask(name: str) -> str:
        url = f"http://{name}:{names[name]}/page"
        command = f"import urllib.request as u; print(u.urlopen('{url}').read())"
        words = ("exec", asking, "--namespace", namespace, "--", "python", "-c", command)
        return cluster.kubectl(*words).stdout

    # The network of a cluster learns of a Service a moment after it exists.
    until(lambda: all(map(ask, names)), seconds=60, what="every name answers")
    for name in names:
        assert ANSWER in ask(name), name


def test_a_name_that_is_none_is_refused_at_once(cluster: Cluster, namespace: str) -> None:
    asking = run(cluster, namespace, pod("asking"))
    command = (
        "import socket, sys, time\n"
        "begin = time.monotonic()\n"
        "try: socket.getaddrinfo(sys.argv[1], 80)\n"
        "except OSError as error: print(error.errno, time.monotonic() - begin)\n"
    )

    words = ("exec", asking, "--namespace", namespace, "--", "python", "-c", command)
    errno, seconds = cluster.ok(*words, "no-such-service").split()

    assert errno == "-2"  # EAI_NONAME: not EAI_AGAIN, which programs try again
    assert float(seconds) < 5


def test_a_volume_keeps_its_data_as_long_as_its_claim(cluster: Cluster, namespace: str) -> None:
    cluster.apply(claim("data"), namespace=namespace)
    run(cluster, namespace, pod("first", mounts={"data": "/data"}))
    execute(cluster, namespace, "first", "echo kept >/data/file")
    cluster.ok("delete", "pod", "first", "--namespace", namespace)

    run(cluster, namespace, pod("second", mounts={"data": "/data"}))

    assert execute(cluster, namespace, "second", "cat /data/file") == "kept"
    volume = cluster.get("pvc", "data", "--namespace", namespace)["spec"]["volumeName"]
    cluster.ok("delete", "pod", "second", "--namespace", namespace)
    cluster.ok("delete", "pvc", "data", "--namespace", namespace)
    until(
        lambda: "NotFound" in cluster.kubectl("get", "pv", volume).stderr,
        seconds=30,
        what=f"{volume} is gone",
    )


def test_server_side_apply_names_its_owner_and_changes_nothing_twice(
    cluster: Cluster, namespace: str
) -> None:
    cluster.apply(service("web"), namespace=namespace)
    first = cluster.get("service", "web", "--namespace", namespace)["metadata"]
    cluster.apply(service("web"), namespace=namespace)
    second = cluster.get("service", "web", "--namespace", namespace)["metadata"]

    assert first["resourceVersion"] == second["resourceVersion"]
    assert [each["operation"] for each in first["managedFields"]] == ["Apply"]


def test_a_folder_of_manifests_is_applied_whole(
    cluster: Cluster, namespace: str, tmp_path: Path
) -> None:
    for item in (service("web"), claim("data")):
        path = tmp_path / f"{item['metadata']['name']}.yaml"
        path.write_text(yaml.safe_dump(item), encoding="utf-8")

    cluster.apply(tmp_path, namespace=namespace)

    assert cluster.get("service", "web", "--namespace", namespace)
    assert cluster.get("pvc", "data", "--namespace", namespace)


@contextmanager
def forwarded(cluster: Cluster, namespace: str, what: str, port: int) -> Iterator[str]:
    """The URL of a port of a Service on this machine."""
    words = ("port-forward", "--namespace", namespace, what, f":{port}")
    process = cluster.start(*words)
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert "Forwarding from 127.0.0.1:" in line, line
        yield f"http://{line.split()[2]}"
    finally:
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=20)


def test_logs_exec_and_port_forward_work(cluster: Cluster, namespace: str) -> None:
    cluster.apply(service("web"), namespace=namespace)
    run(cluster, namespace, pod("web", SERVE))

    assert "started" in cluster.ok("logs", "web", "--namespace", namespace)
    assert execute(cluster, namespace, "web", "id -u") == str(USER)
    with forwarded(cluster, namespace, "service/web", 80) as url:
        assert ANSWER in urllib.request.urlopen(f"{url}/page", timeout=10).read().decode()


def test_a_namespace_ends_with_everything_in_it(cluster: Cluster) -> None:
    with cluster.new_namespace() as name:
        cluster.apply(claim("data"), namespace=name)
        run(cluster, name, pod("web", SERVE))

        cluster.ok("delete", "namespace", name, "--timeout=100s")

        assert "NotFound" in cluster.kubectl("get", "namespace", name).stderr


def test_an_account_may_do_what_its_rules_allow_and_no_more(
    cluster: Cluster, namespace: str, tmp_path: Path
) -> None:
    with cluster.account(namespace, READ_ONLY, tmp_path) as kubeconfig:
        reader = Cluster(kubeconfig=kubeconfig, programs=cluster.programs)
        reader.ok("get", "pods")
        created = reader.kubectl("create", "configmap", "one")
        elsewhere = reader.kubectl("get", "pods", "--namespace", "default")

    assert 'cannot create resource "configmaps"' in created.stderr
    assert 'cannot list resource "pods"' in elsewhere.stderr


def test_a_pod_reaches_the_api_with_its_account(cluster: Cluster, namespace: str) -> None:
    asking = run(cluster, namespace, pod("asking"))
    command = (
        "import ssl, urllib.error, urllib.request\n"
        "folder = '/var/run/secrets/kubernetes.io/serviceaccount/'\n"
        "key = 'Bearer ' + open(folder + 'token').read()\n"
        "tls = ssl.create_default_context(cafile=folder + 'ca.crt')\n"
        "request = urllib.request.Request('https://kubernetes.default/api/v1/pods',"
        " headers={'Authorization': key})\n"
        "try: urllib.request.urlopen(request, context=tls)\n"
        "except urllib.error.HTTPError as error: print(error.code)\n"
    )

    code = cluster.ok("exec", asking, "--namespace", namespace, "--", "python", "-c", command)

    assert code.strip() == "403"
