"""One command in a temporary pod of LiteLLM, with its environment and its files.

Owns what such a pod leaves out of the Deployment's, and how long it may take. Must not know what
the command does.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from typing import Any, Final

from gatewayctl.errors import ProgramTimeout
from gatewayctl.rendering.kubernetes.labels import NAME
from gatewayctl.rendering.kubernetes.services import MIGRATION
from gatewayctl.runtimes.kubernetes.kubectl import Kubectl, Object
from gatewayctl.runtimes.kubernetes.objects import Declared, pod_template
from gatewayctl.runtimes.kubernetes.rollouts.pods import Pod, parse_pod
from gatewayctl.runtimes.process import Completed

_LITELLM: Final = "litellm"
_POLL_SECONDS: Final = 2.0
_CERTAIN_SECONDS: Final = 5.0
_OF_A_SERVER: Final = ("ports", "startupProbe", "readinessProbe", "livenessProbe", "lifecycle")


def run_in_pod(
    kubectl: Kubectl,
    declared: Declared,
    name: str,
    args: Sequence[str],
    *,
    command: Sequence[str] = (),
    timeout: float,
    clock: Callable[[], float],
    sleep: Callable[[float], None],
) -> Completed:
    """Run a command with the image and the files of these objects, and remove the pod.

    ``timeout`` in seconds. The output has both streams. Raises ProgramTimeout.
    """
    pod = make_pod(declared, name, args, command=command, seconds=int(timeout))
    config = [item for item in declared.stage("base") if item["kind"] == "ConfigMap"]
    kubectl.apply(config)
    return run_pod(kubectl, pod, timeout=timeout, clock=clock, sleep=sleep)


def run_pod(
    kubectl: Kubectl,
    pod: Object,
    beside: Sequence[Object] = (),
    *,
    timeout: float,
    clock: Callable[[], float],
    sleep: Callable[[float], None],
) -> Completed:
    """Run a pod to its end, and remove it with the objects ``beside`` it, which it refers to.

    As `run_in_pod` otherwise.
    """
    # One that an earlier run was killed beside.
    kubectl.delete([pod])
    try:
        kubectl.apply((*beside, pod))
        return _wait(kubectl, pod["metadata"]["name"], timeout, clock, sleep)
    finally:
        kubectl.delete([pod, *beside])


def make_pod(
    declared: Declared, name: str, args: Sequence[str], *, command: Sequence[str], seconds: int
) -> Object:
    """LiteLLM's pod as a program that ends."""
    deployment = next(
        item
        for item in declared.stage("services")
        if item["kind"] == "Deployment" and item["metadata"]["name"] == _LITELLM
    )
    spec: dict[str, Any] = copy.deepcopy(pod_template(deployment)["spec"])
    spec.pop("topologySpreadConstraints", None)
    container = spec["containers"][0]
    for key in _OF_A_SERVER:
        container.pop(key, None)
    container["args"] = list(args)
    if command:
        container["command"] = list(command)
    # No Service leads to it, and the NetworkPolicies let it reach the database.
    labels = {**pod_template(deployment)["metadata"]["labels"], NAME: MIGRATION}
    meta = {"name": name, "namespace": deployment["metadata"]["namespace"], "labels": labels}
    once = {
        "restartPolicy": "Never",
        "activeDeadlineSeconds": seconds,
        "terminationGracePeriodSeconds": 5,
    }
    return {"apiVersion": "v1", "kind": "Pod", "metadata": meta, "spec": {**spec, **once}}


def _wait(
    kubectl: Kubectl,
    name: str,
    timeout: float,
    clock: Callable[[], float],
    sleep: Callable[[float], None],
) -> Completed:
    until, faulty_since = clock() + timeout, clock()
    while True:
        (found,) = kubectl.get(f"pod/{name}") or ({},)
        if not found:
            return Completed(returncode=1, stdout="", stderr=f"The pod {name} was deleted.")
        pod = parse_pod(found)
        if pod.phase in {"Succeeded", "Failed"}:
            return Completed(
                returncode=_exit_code(found), stdout=_read_log(kubectl, pod), stderr=""
            )
        if pod.fault is None or not pod.fault.is_certain:
            faulty_since = clock()
        elif clock() - faulty_since >= _CERTAIN_SECONDS:
            said = f"The pod {name} {pod.fault.summary}."
            return Completed(returncode=1, stdout="", stderr=said)
        if clock() >= until:
            raise ProgramTimeout(f"The pod {name} did not end within {timeout:g} s.")
        sleep(_POLL_SECONDS)


def _exit_code(pod: Object) -> int:
    states = [each.get("state") or {} for each in pod["status"].get("containerStatuses") or ()]
    codes = [int(state["terminated"]["exitCode"]) for state in states if "terminated" in state]
    return max(codes, default=0 if pod["status"]["phase"] == "Succeeded" else 1)


def _read_log(kubectl: Kubectl, pod: Pod) -> str:
    return kubectl.call("logs", pod.name, f"--container={pod.container}")
