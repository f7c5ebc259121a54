"""Upgrades of LiteLLM in a cluster: chats are answered all the while, also after a failure or kill.

The slow tests share a stack of the previous release and build on each other, in the order of the
file.
"""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.conftest import Project
from tests.e2e.docker.containers import docker, ok
from tests.e2e.images.engine import build
from tests.e2e.images.previous import NEXT, PREVIOUS
from tests.e2e.killing import kill_at
from tests.e2e.kubernetes.cluster import Cluster, until
from tests.e2e.kubernetes.exposure import find_exposed
from tests.e2e.kubernetes.stacks import loaded, new_stack, pods, roll_out
from tests.e2e.test_backup import is_accepted

pytestmark = pytest.mark.timeout(1200)

OLD = PREVIOUS.name
REPOSITORY = NEXT.rpartition(":")[0]
NEWER = "1.108.99"
BROKEN = f"{REPOSITORY}:v1.999.0"
# Passes the pre-flight and the Job, and exits when it should serve.
EXITS = """\
FROM {image}
ENTRYPOINT ["sh", "-c", "case \\"$*\\" in *--port*) echo it explodes >&2; exit 1;; esac", "sh"]
"""
RATE = 2.0
"""Chats a second."""


@pytest.fixture
def newer() -> Iterator[str]:
    """A newer release: the image of the reference stack with another tag."""
    name = f"{REPOSITORY}:v{NEWER}"
    ok("tag", NEXT, name)
    yield name
    docker("image", "rm", name)


@pytest.fixture(scope="module")
def broken_image(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A broken release: the real image with another entry point."""
    folder = tmp_path_factory.mktemp("image")
    (folder / "Dockerfile").write_text(EXITS.format(image=NEXT), encoding="utf-8")
    build(folder, BROKEN, labels={}, arguments={})
    yield
    docker("image", "rm", "--force", BROKEN)


@pytest.fixture(scope="module")
def previous(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    """A stack of the previous release."""
    more = f"images:\n  litellm: {OLD} # pinned\n"
    folder = tmp_path_factory.mktemp("previous")
    with new_stack(cluster, folder, "previous", kubernetes="replicas: 2", more=more) as project:
        roll_out(project, "up")
        yield project


def config(project: Project) -> str:
    return (project.folder / "gateway.yaml").read_text(encoding="utf-8")


def images(cluster: Cluster, project: Project, *, ready: bool = False) -> list[str]:
    """The image of each pod of LiteLLM, or of each that is ready."""
    names = pods(cluster, project, "litellm")
    found = cluster.get("pods", "--namespace", project.name)["items"]
    return [
        pod["spec"]["containers"][0]["image"]
        for pod in found
        if pod["metadata"]["name"] in names and (is_ready(pod) or not ready)
    ]


def is_ready(pod: dict[str, Any]) -> bool:
    conditions = pod["status"].get("conditions", ())
    return any(each["type"] == "Ready" and each["status"] == "True" for each in conditions)


def others(cluster: Cluster, project: Project) -> list[dict[str, str]]:
    """The pods of the other services."""
    services = ("postgres-litellm", "postgres-phoenix", "phoenix", "redis")
    return [pods(cluster, project, service) for service in services]


@pytest.mark.full
def test_an_upgrade_and_a_rollback_fail_no_chat(
    cluster: Cluster, stack: Project, newer: str
) -> None:
    before, kept = config(stack), others(cluster, stack)

    with loaded(cluster, stack, rate=RATE):
        report = roll_out(stack, "upgrade", "--to", NEWER)
        after = images(cluster, stack)
        back = roll_out(stack, "rollback")

    assert (report["resumed"], Path(report["backup"]).is_file()) == (False, True)
    assert report["restarted"] == ["litellm"]
    assert report["proof"]["tracing"] == "verified"
    assert after == [newer, newer]
    assert back["restored"] is False
    assert images(cluster, stack) == [NEXT, NEXT]
    assert (config(stack), others(cluster, stack)) == (before, kept)
    assert find_exposed(cluster, stack) == []


@pytest.mark.full
def test_a_release_that_exits_never_replaces_the_one_that_serves(
    cluster: Cluster, previous: Project, broken_image: None
) -> None:
    before, written = pods(cluster, previous, "litellm"), config(previous)

    with loaded(cluster, previous, rate=RATE):
        failed = previous.run("upgrade", "--to", "1.999.0", "--no-backup", timeout=900)
        refused = previous.run("upgrade", "--to", "1.108.14")
        exposed = find_exposed(cluster, previous)
        back = roll_out(previous, "rollback")

    assert failed.returncode == 4
    assert "it explodes" in failed.stderr
    assert "was rolled back to its previous revision, which serves" in failed.stderr
    assert "gatewayctl rollback" in failed.stderr
    assert (refused.returncode, "not finished" in refused.stderr) == (4, True)
    assert exposed == []
    assert back["restored"] is False
    assert (config(previous), pods(cluster, previous, "litellm")) == (written, before)


@pytest.mark.full
def test_an_upgrade_that_is_killed_three_times_is_finished_by_the_next_run(
    cluster: Cluster, previous: Project
) -> None:
    written, kept = config(previous), others(cluster, previous)
    key = previous.secrets()["LITELLM_API_KEY"]

    with loaded(cluster, previous, rate=RATE):
        # The migrations run; the rollout begins; one pod of two is replaced.
        assert kill_at(previous, "migrations working", "upgrade", "--to", "1.108.14")
        assert kill_at(previous, "litellm working", "upgrade")
        third = previous.start("upgrade")
        until(
            lambda: NEXT in images(cluster, previous, ready=True),
            seconds=240,
            what="a pod of the next release is ready",
        )
        third.send_signal(signal.SIGKILL)
        third.communicate()
        report = roll_out(previous, "upgrade")

    assert report["resumed"]
    assert Path(report["backup"]).is_file()
    assert images(cluster, previous) == [NEXT, NEXT]
    assert config(previous) == written.replace(OLD, NEXT)
    assert others(cluster, previous) == kept
    assert is_accepted(previous, key)
    assert report["proof"]["tracing"] == "verified"
    assert find_exposed(cluster, previous) == []
    outcomes = [entry["outcome"] for entry in previous.data("audit")["entries"]]
    assert outcomes.count("died") == 3


@pytest.mark.full
def test_a_rollback_restores_a_migrated_database(cluster: Cluster, previous: Project) -> None:
    key = previous.secrets()["LITELLM_API_KEY"]
    asked = previous.run("rollback")

    report = roll_out(previous, "rollback", "--yes")

    assert (asked.returncode, "was migrated" in asked.stderr) == (2, True)
    assert report["restored"]
    assert Path(report["kept"]).is_file()
    assert images(cluster, previous) == [OLD, OLD]
    assert f"litellm: {OLD} # pinned" in config(previous)
    assert is_accepted(previous, key)
