"""Tests on a real cluster. `make test-kubernetes` starts one on a machine that can have it."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.conftest import Project
from tests.e2e.kubernetes.cluster import ROOT, Cluster
from tests.e2e.kubernetes.stacks import new_stack, roll_out


def find_cluster() -> Cluster:
    """The cluster of `tools/cluster.sh`; with GATEWAYCTL_TEST_CLUSTER that of KUBECONFIG.

    Without a cluster these tests fail: they are never skipped.
    """
    if os.environ.get("GATEWAYCTL_TEST_CLUSTER"):
        kubeconfig = Path(os.environ.get("KUBECONFIG") or Path.home() / ".kube" / "config")
        cluster = Cluster(kubeconfig=kubeconfig)
    else:
        command = ("sh", str(ROOT / "tools" / "cluster.sh"), "kubeconfig")
        found = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        if found.returncode != 0:
            pytest.fail(f"{found.stderr.strip()}\nTry: make test-kubernetes")
        kubeconfig = Path(found.stdout.strip())
        cluster = Cluster(kubeconfig=kubeconfig, programs=kubeconfig.parent / "programs")
    done = cluster.kubectl("get", "nodes", "--request-timeout", "10s")
    if done.returncode != 0:
        pytest.fail(f"No cluster answers by {kubeconfig}: {done.stderr.strip()}")
    return cluster


@pytest.fixture(scope="session")
def cluster() -> Cluster:
    """The cluster that all tests share. Each has a namespace of its own in it."""
    return find_cluster()


@pytest.fixture
def namespace(cluster: Cluster) -> Iterator[str]:
    """A new namespace, removed afterwards."""
    with cluster.new_namespace() as name:
        yield name


@pytest.fixture(scope="session")
def stack(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    """A running stack with two pods of LiteLLM; each test leaves it as it was started."""
    folder = tmp_path_factory.mktemp("stack")
    with new_stack(cluster, folder, "shared", kubernetes="replicas: 2") as project:
        roll_out(project, "up")
        yield project
