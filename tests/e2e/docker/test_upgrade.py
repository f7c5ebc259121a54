"""Upgrades of real LiteLLM releases on an engine: one fails, one is killed, both are rolled back.

The tests share one stack and build on each other, in the order of the file.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.e2e.conftest import Project
from tests.e2e.docker.conftest import new_stack
from tests.e2e.docker.containers import docker, ok, until
from tests.e2e.docker.test_story import SERVICES, container, containers
from tests.e2e.images.engine import build
from tests.e2e.images.previous import NEXT, PREVIOUS
from tests.e2e.killing import kill_at
from tests.e2e.test_backup import is_accepted

OLD = PREVIOUS.name
BROKEN = f"{NEXT.rpartition(':')[0]}:v1.999.0"
REFUSING = f"{NEXT.rpartition(':')[0]}:v1.999.1"
# Passes the pre-flight, and exits when it should serve.
EXITS = """\
FROM {image}
ENTRYPOINT ["sh", "-c", "case \\"$*\\" in *--port*) echo it explodes >&2; exit 1;; esac", "sh"]
"""
REFUSES = """\
FROM {image}
ENTRYPOINT ["sh", "-c", "echo LiteLLM: config validation failed: no >&2; exit 1", "sh"]
"""
HEAD = "# which LiteLLM: see the release notes\n"


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    """A stack of the previous release."""
    with new_stack(tmp_path_factory.mktemp("upgrade")) as made:
        config = made.folder / "gateway.yaml"
        config.write_text(
            f"{config.read_text()}{HEAD}images:\n  litellm: {OLD} # pinned\n", encoding="utf-8"
        )
        made.ok("up", "--timeout", "280")
        yield made


@pytest.fixture(scope="module")
def bad_images(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Two broken releases: real images with another entry point."""
    for name, text in ((BROKEN, EXITS), (REFUSING, REFUSES)):
        folder = tmp_path_factory.mktemp("image")
        (folder / "Dockerfile").write_text(text.format(image=NEXT), encoding="utf-8")
        build(folder, name, labels={}, arguments={})
    yield
    docker("image", "rm", "--force", BROKEN, REFUSING)


@dataclass
class Story:
    """What the following tests compare with."""

    config: str
    key: str
    before: dict[str, str]


@pytest.fixture(scope="module")
def story(project: Project) -> Story:
    """The project on the old release, with one call in its spend logs."""
    assert image(project) == OLD
    key = project.secrets()["LITELLM_API_KEY"]
    assert is_accepted(project, key)
    until(lambda: spend(project) == 1, seconds=30, what="the chat is in the spend logs")
    return Story(config=config(project), key=key, before=containers(project))


def config(project: Project) -> str:
    return (project.folder / "gateway.yaml").read_text(encoding="utf-8")


def spend(project: Project) -> int:
    psql = ("psql", "-U", "litellm_user", "-d", "litellm", "-Atc")
    count = 'select count(*) from "LiteLLM_SpendLogs"'
    return int(ok("exec", container(project, "postgres-litellm"), *psql, count))


def image(project: Project) -> str:
    return ok("inspect", "--format", "{{.Config.Image}}", container(project, "litellm"))


@pytest.mark.timeout(600)
def test_a_release_whose_pre_flight_refuses_changes_nothing(
    project: Project, story: Story, bad_images: None
) -> None:
    done = project.run("upgrade", "--to", "1.999.1")

    assert done.returncode == 4
    assert "config validation failed: no" in done.stderr
    assert (config(project), containers(project)) == (story.config, story.before)


@pytest.mark.full
@pytest.mark.timeout(600)
def test_a_release_that_exits_is_reported_and_a_rollback_serves_again(
    project: Project, story: Story, bad_images: None
) -> None:
    failed = project.run("upgrade", "--to", "1.999.0", "--no-backup")
    refused = project.run("upgrade", "--to", "1.108.14")

    assert failed.returncode == 4
    assert "it explodes" in failed.stderr
    assert "gatewayctl rollback" in failed.stderr
    assert (refused.returncode, "not finished" in refused.stderr) == (4, True)

    back = project.data("rollback")

    assert (back["restored"], back["proof"]["model"]) == (False, "demo")
    assert (config(project), image(project)) == (story.config, OLD)
    assert is_accepted(project, story.key)
    assert _changed_services(project, story) == {"litellm"}


@pytest.mark.timeout(600)
def test_a_killed_upgrade_is_resumed_and_recreates_only_litellm(
    project: Project, story: Story
) -> None:
    spend_before = spend(project)
    assert kill_at(project, "gateway.yaml working", "upgrade", "--to", "1.108.14")
    # In the middle of what Compose does, which continues without gatewayctl.
    assert kill_at(project, "postgres-phoenix working", "upgrade")

    report = project.data("upgrade")

    assert report["resumed"]
    assert Path(report["backup"]).is_file()
    assert config(project) == story.config.replace(OLD, NEXT)
    assert image(project) == NEXT
    assert _changed_services(project, story) == {"litellm"}
    assert is_accepted(project, story.key)
    assert spend(project) >= spend_before
    assert report["proof"]["keys"] == ["LITELLM_API_KEY", "LITELLM_EVAL_KEY"]
    assert report["proof"]["tracing"] == "verified"


@pytest.mark.timeout(600)
def test_a_rollback_restores_a_migrated_database(project: Project, story: Story) -> None:
    asked = project.run("rollback")

    report = project.data("rollback", "--yes")

    assert (asked.returncode, "was migrated" in asked.stderr) == (2, True)
    assert report["restored"]
    assert Path(report["kept"]).is_file()
    assert (config(project), image(project)) == (story.config, OLD)
    assert is_accepted(project, story.key)
    outcomes = [entry["outcome"] for entry in project.data("audit")["entries"]]
    assert outcomes.count("died") == 2


def _changed_services(project: Project, story: Story) -> set[str]:
    """The services whose container differs from that at the beginning."""
    now = containers(project)
    return {name for name in SERVICES if now[name] != story.before[name]}
