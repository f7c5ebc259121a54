"""Pods are asked by programs that really run; what stands for a pod is a folder."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from gatewayctl.runtimes.kubernetes.kubectl import Kubectl
from gatewayctl.runtimes.kubernetes.rollouts.pods import Pod
from gatewayctl.runtimes.metering import pods
from gatewayctl.runtimes.metering.base import ServiceUsage
from gatewayctl.runtimes.metering.pods import PodMeter, parse_groups

VERSION_2 = {
    "cpu.stat": "usage_usec {cpu}000000\nuser_usec 1\n",
    "memory.stat": "anon {memory}\nfile 9\n",
}
VERSION_1 = {
    "cpuacct/cpuacct.usage": "{cpu}000000000\n",
    "memory/memory.stat": "cache 9\nrss 7\ntotal_rss {memory}\n",
}


@dataclass(kw_only=True)
class FolderKubectl(Kubectl):
    """Runs the programs here; each pod is a folder with its control group."""

    folder: Path
    argv_of: dict[str, tuple[str, ...]]

    def exec_argv(self, pod: str, container: str, words: Sequence[str]) -> tuple[str, ...]:
        assert container == "main"
        if pod in self.argv_of:
            return self.argv_of[pod]
        program, *rest, groups = words
        assert groups == "/sys/fs/cgroup"
        known = {"python3": sys.executable}
        return (known.get(program, program), *rest, str(self.folder / pod))

    def use(self, pod: str, files: dict[str, str], *, cpu: int, memory: int) -> None:
        for name, text in files.items():
            path = self.folder / pod / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text.format(cpu=cpu, memory=memory))


@pytest.fixture
def kubectl(tmp_path: Path) -> FolderKubectl:
    return FolderKubectl(folder=tmp_path, argv_of={})


def pod(name: str, phase: str = "Running") -> Pod:
    service = name.rpartition("-")[0]
    return Pod(name=name, service=service, phase=phase, container="main", labels={})


def usage(cpu: float, memory: int) -> ServiceUsage:
    return ServiceUsage(cpu_seconds=cpu, memory_bytes=memory)


@pytest.mark.parametrize("files", [VERSION_1, VERSION_2], ids=["version 1", "version 2"])
@pytest.mark.parametrize("service", ["litellm", "phoenix"])
def test_a_pod_is_asked_again_and_again_by_one_program(
    kubectl: FolderKubectl, files: dict[str, str], service: str
) -> None:
    name = f"{service}-1"
    kubectl.use(name, files, cpu=1, memory=100)
    meter = PodMeter(kubectl, [pod(name)])
    try:
        first = meter.read()
        kubectl.use(name, files, cpu=3, memory=50)
        second = meter.read()
    finally:
        meter.close()

    assert meter.unavailable == ""
    assert (first, second) == ({service: usage(1, 100)}, {service: usage(3, 50)})


def test_the_pods_of_a_service_are_added_up(kubectl: FolderKubectl) -> None:
    kubectl.use("litellm-1", VERSION_2, cpu=1, memory=100)
    kubectl.use("litellm-2", VERSION_1, cpu=2, memory=200)
    kubectl.use("redis-1", VERSION_2, cpu=3, memory=300)
    meter = PodMeter(kubectl, map(pod, ("litellm-1", "litellm-2", "redis-1")))
    try:
        assert meter.read() == {"litellm": usage(3, 300), "redis": usage(3, 300)}
    finally:
        meter.close()


def test_pods_that_do_not_run_are_not_asked(kubectl: FolderKubectl) -> None:
    meter = PodMeter(kubectl, [pod("litellm-1", "Pending"), pod("migration-1", "Succeeded")])

    assert meter.read() == {}
    assert meter.unavailable == "the pods cannot be asked (no pod shows its control group)"
    meter.close()


def test_a_service_whose_pod_ends_is_measured_no_longer(kubectl: FolderKubectl) -> None:
    """Its other pods alone would look like work that was undone."""
    for name in ("litellm-1", "litellm-2", "redis-1"):
        kubectl.use(name, VERSION_2, cpu=1, memory=100)
    once = "read -r asked; echo cpu.stat usage_usec 1; echo memory.stat anon 1; echo ."
    kubectl.argv_of["litellm-2"] = ("sh", "-c", once)
    meter = PodMeter(kubectl, map(pod, ("litellm-1", "litellm-2", "redis-1")))
    try:
        until = time.monotonic() + 10
        while "litellm" in meter.read():
            assert time.monotonic() < until
        assert list(meter.read()) == ["redis"]
    finally:
        meter.close()


def test_what_cannot_be_run_in_a_pod_is_why_nothing_is_measured(kubectl: FolderKubectl) -> None:
    refusal = "Error from server (Forbidden): pods is forbidden: cannot create pods/exec"
    kubectl.argv_of["litellm-1"] = ("sh", "-c", f"echo '{refusal}' >&2; exit 1")
    meter = PodMeter(kubectl, [pod("litellm-1")])
    meter.close()

    assert meter.read() == {}
    assert meter.unavailable == f"the pods cannot be asked ({refusal})"


def test_a_pod_that_does_not_answer_is_not_waited_for_twice(
    kubectl: FolderKubectl, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pods, "_SECONDS", 0.2)
    kubectl.argv_of["litellm-1"] = ("sleep", "60")
    began = time.monotonic()
    meter = PodMeter(kubectl, [pod("litellm-1")])
    for _ in range(20):
        meter.read()
    meter.close()

    assert time.monotonic() - began < 5
    assert meter.unavailable


@pytest.mark.parametrize(
    "text",
    ["", ".\n", "cpu.stat usage_usec 1\n.\n", "memory.stat anon 1\n.\n", "cpu.stat usage_usec x\n"],
)
def test_an_answer_without_a_figure_is_none(text: str) -> None:
    assert parse_groups(text) is None
