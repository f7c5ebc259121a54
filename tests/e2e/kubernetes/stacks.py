"""A project of its own in the cluster: a namespace with a whole stack, and what runs in it."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from tests.e2e.conftest import Project, make_project
from tests.e2e.kubernetes.cluster import Cluster
from tests.e2e.kubernetes.load import Load, sending

LOGGED = "POST /v1/chat/completions"
"""In LiteLLM's log, once for each chat."""


_PATIENCE: Final = 900.0
"""Seconds: each of two pods in turn loads LiteLLM, for a minute if the machine is busy."""


@contextmanager
def new_stack(
    cluster: Cluster, folder: Path, prefix: str, *, kubernetes: str = "", more: str = ""
) -> Iterator[Project]:
    """A project that nothing was started of yet; removed with its data at the end.

    ``kubernetes`` are settings of that section, and ``more`` are lines of gateway.yaml.
    """
    name = f"{prefix}-{secrets.token_hex(4)}"
    project = make_project(folder, runtime="kubernetes", name=name)
    context = cluster.ok("config", "current-context").strip()
    section = f"context: {context}, namespace: {name}" + (f", {kubernetes}" if kubernetes else "")
    with (project.folder / "gateway.yaml").open("a", encoding="utf-8") as config:
        config.write(f"kubernetes: {{{section}}}\n{more}")
    project.extra_env |= cluster.environment()
    try:
        yield project
    finally:
        project.run("down", "--volumes", "--yes")
        cluster.kubectl("delete", "namespace", name, "--ignore-not-found", "--wait=false")


def roll_out(project: Project, *words: str) -> Any:
    """The data of a verb that replaces pods, which has to succeed."""
    done = project.run(*words, "--json", timeout=_PATIENCE)
    assert done.returncode == 0, f"{words}: {done.returncode}\n{done.stdout}\n{done.stderr}"
    return json.loads(done.stdout)["data"]


@contextmanager
def changed(project: Project, text: str) -> Iterator[None]:
    """More lines in gateway.yaml, until the end of the block."""
    path = project.folder / "gateway.yaml"
    before = path.read_text(encoding="utf-8")
    path.write_text(before + text, encoding="utf-8")
    try:
        yield
    finally:
        path.write_text(before, encoding="utf-8")


def pods(cluster: Cluster, project: Project, service: str) -> dict[str, str]:
    """The pods of a service that are not ending, with their uid."""
    mine = f"app.kubernetes.io/name={service}"
    found = cluster.get("pods", "--namespace", project.name, "--selector", mine)["items"]
    live = [pod["metadata"] for pod in found if "deletionTimestamp" not in pod["metadata"]]
    return {meta["name"]: meta["uid"] for meta in live}


def addresses(cluster: Cluster, project: Project) -> dict[str, str]:
    """The URL of each pod of LiteLLM, by its name. This machine is the node of the cluster."""
    names = pods(cluster, project, "litellm")
    found = cluster.get("pods", *names, "--namespace", project.name)
    items = found["items"] if found["kind"] == "List" else [found]
    return {pod["metadata"]["name"]: f"http://{pod['status']['podIP']}:4000" for pod in items}


def service_url(cluster: Cluster, project: Project) -> str:
    """LiteLLM as applications in the cluster reach it: each connection goes to one of its pods.

    By its number: the names of the cluster are not those of this machine.
    """
    service = cluster.get("service", "litellm", "--namespace", project.name)
    return f"http://{service['spec']['clusterIP']}:4000"


def count_chats(cluster: Cluster, project: Project, pod: str) -> int:
    """How many chats a pod of LiteLLM has answered."""
    return cluster.ok("logs", pod, "--namespace", project.name).count(LOGGED)


@contextmanager
def loaded(cluster: Cluster, project: Project, *, rate: float) -> Iterator[Load]:
    """Chats at that rate until the end of the block; then none of them may have failed."""
    key = project.secrets()["LITELLM_API_KEY"]
    with sending(service_url(cluster, project), key, rate=rate) as load:
        yield load
    print(load)  # noqa: T201 - the figures of a test that passes, with -rP
    assert not load.failed, str(load)
    assert load.sent >= 0.95 * rate * load.seconds, f"the load was not as wanted: {load}"
