"""`tools/cluster.sh` from its start to its end.

Runs alone: other tests have no cluster meanwhile.
"""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path

import psutil
import pytest

from tests.e2e.kubernetes.cluster import ROOT, Cluster
from tests.e2e.kubernetes.conftest import find_cluster
from tests.e2e.kubernetes.test_cluster import claim, pod, run

pytestmark = [
    pytest.mark.full,
    pytest.mark.timeout(900),
    pytest.mark.skipif(
        bool(os.environ.get("GATEWAYCTL_TEST_CLUSTER")), reason="the cluster is not of the script"
    ),
]
STATE = Path("/var/lib/gatewayctl-cluster")


def script(*words: str) -> subprocess.CompletedProcess[str]:
    """Run tools/cluster.sh to its end."""
    command = ("sh", str(ROOT / "tools" / "cluster.sh"), *words)
    return subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)


def succeed(*words: str) -> str:
    done = script(*words)
    assert done.returncode == 0, done.stderr
    return done.stdout


def output(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout


def leftovers() -> list[str]:
    """What a cluster would leave: processes, containers, images, mounts, chains, folders."""
    processes = [
        line
        for process in psutil.process_iter(["cmdline"])
        if str(STATE) in (line := " ".join(process.info["cmdline"] or ()))
    ]
    containers = output("docker", "ps", "-aq", "--filter", "label=io.kubernetes.pod.uid").split()
    images = output("docker", "images", "-q", "gatewayctl-cluster/pause").split()
    mounts = [line for line in Path("/proc/mounts").read_text().splitlines() if str(STATE) in line]
    rules = (output("iptables-save") + output("ip6tables-save")).splitlines()
    chains = [line for line in rules if "KUBE-" in line]
    places = (STATE, *map(Path, ("/var/lib/kubelet", "/var/lib/dockershim", "/var/log/pods")))
    folders = [str(path) for path in places if path.exists()]
    return [*processes, *containers, *images, *mounts, *chains, *folders]


def kernel_settings() -> dict[str, str]:
    """What a kubelet and a proxy change for the whole machine."""
    names = ("kernel/panic", "kernel/panic_on_oops", "vm/overcommit_memory")
    found = (Path("/proc/sys") / name for name in (*names, "net/ipv4/conf/all/route_localnet"))
    return {str(path): path.read_text(encoding="ascii") for path in found}


def use(cluster: Cluster) -> None:
    """Run a pod with a volume and a token; fails if it does not become ready."""
    with cluster.new_namespace() as name:
        cluster.apply(claim("data"), namespace=name)
        run(cluster, name, pod("one", mounts={"data": "/data"}))


def test_a_stopped_cluster_leaves_nothing_behind() -> None:
    succeed("stop")
    before = kernel_settings()
    succeed()
    use(find_cluster())
    assert leftovers()

    succeed("stop")

    assert leftovers() == []
    assert kernel_settings() == before
    assert "no cluster is running" in script("kubeconfig").stderr
    assert "nothing stopped" in succeed("stop")
    succeed()


def test_a_running_cluster_is_left_as_it_is() -> None:
    succeed()
    kubeconfig = find_cluster().kubeconfig.read_text()
    pids = {path.name: path.read_text() for path in (STATE / "run").iterdir()}

    assert "running" in succeed()

    assert find_cluster().kubeconfig.read_text() == kubeconfig
    assert {path.name: path.read_text() for path in (STATE / "run").iterdir()} == pids


@pytest.mark.parametrize("program", ["etcd", "kubelet"])
def test_a_cluster_that_lost_a_program_is_recreated(program: str) -> None:
    succeed()
    file = STATE / "run" / f"{program}.pid"
    killed = file.read_text()
    os.kill(int(killed), signal.SIGKILL)

    succeed()

    assert file.read_text() != killed
    use(find_cluster())
