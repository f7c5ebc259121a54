"""reset, restore, upgrade and rollback on the Docker runtime, killed at every step."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.e2e.conftest import Project
from tests.e2e.docker.conftest import engine, new_stack
from tests.e2e.docker.containers import container_of, inspected, ok
from tests.e2e.images.previous import NEXT, PREVIOUS
from tests.e2e.killing import (
    Step,
    backups,
    count_kept_keys,
    count_keys,
    find_leftovers,
    kill_at,
    steps,
)
from tests.e2e.kills.every_step import PATIENT, Survivor, find_failures
from tests.e2e.test_backup import is_accepted

__all__ = ["engine"]
NAMES = "select datname from pg_database where not datistemplate and datname <> 'postgres'"
OWNERS = {"postgres-litellm": "litellm_user", "postgres-phoenix": "phoenix_user"}


def names(project: Project) -> set[str]:
    """The databases of both servers."""
    found: set[str] = set()
    for service, owner in OWNERS.items():
        psql = ("psql", "-U", owner, "-d", "postgres", "-Atc", NAMES)
        found |= set(ok("exec", container_of(project.name, service), *psql).splitlines())
    return found


@pytest.fixture(scope="module")
def survivor(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Survivor]:
    with new_stack(tmp_path_factory.mktemp("kills")) as project:
        project.ok("up", *PATIENT)
        made = Survivor(project=project, databases=lambda: names(project))
        made.prepare()
        yield made


@pytest.mark.timeout(5400)
def test_a_killed_reset_is_finished_by_the_next(survivor: Survivor) -> None:
    found = survivor.steps_of("reset", "--yes", *PATIENT)

    assert find_failures(found, survivor.verify_reset) == {}


@pytest.mark.timeout(5400)
def test_a_killed_restore_is_finished_by_the_next(survivor: Survivor) -> None:
    found = survivor.steps_of("restore", survivor.file, "--yes", *PATIENT)

    assert find_failures(found, survivor.verify_restore) == {}


class Releases:
    """A project that is upgraded and rolled back, with both verbs killed."""

    def __init__(self, project: Project) -> None:
        self.project = project
        self.key = project.secrets()["LITELLM_API_KEY"]

    def verify_upgrade(self, step: Step) -> None:
        """Kill an upgrade: the next release serves, and no other container changed."""
        words, others = ("upgrade", *PATIENT), self._other_containers()
        assert kill_at(self.project, step, *words), "it was not killed"
        self.project.ok(*words)
        self._verify_serving(NEXT)
        assert self._other_containers() == others

    def verify_rollback(self, step: Step) -> None:
        """Kill a rollback: the previous release serves, and a later key is in a backup."""
        words = ("rollback", "--yes", *PATIENT)
        self.project.ok("keys", "create", "since", "--env", "SINCE_KEY")
        for file in backups(self.project):
            if count_keys(file) == 3:
                file.unlink()
        assert kill_at(self.project, step, *words), "it was not killed"
        if (self.project.folder / ".gatewayctl/upgrade.json").exists():
            self.project.ok(*words)
        self._verify_serving(PREVIOUS.name)
        assert 3 in count_kept_keys(self.project), "the later key is in no backup"

    def _verify_serving(self, image: str) -> None:
        running = inspected(container_of(self.project.name, "litellm"))["Config"]["Image"]
        assert running == image
        assert is_accepted(self.project, self.key)
        assert names(self.project) == {"litellm", "phoenix"}
        assert find_leftovers(self.project) == []

    def _other_containers(self) -> dict[str, str]:
        services = (*OWNERS, "phoenix")
        return {service: container_of(self.project.name, service) for service in services}


@pytest.fixture
def releases(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Releases]:
    with new_stack(tmp_path_factory.mktemp("releases")) as project:
        config = project.folder / "gateway.yaml"
        text = f"{config.read_text(encoding='utf-8')}images:\n  litellm: {PREVIOUS.name}\n"
        config.write_text(text, encoding="utf-8")
        project.ok("up", *PATIENT)
        yield Releases(project)


@pytest.mark.timeout(5400)
def test_a_killed_upgrade_and_a_killed_rollback_are_finished_by_the_next_run(
    releases: Releases,
) -> None:
    upgrade_steps = steps(releases.project.run("upgrade", *PATIENT).stderr)
    rollback_steps = steps(releases.project.run("rollback", "--yes", *PATIENT).stderr)
    assert min(len(upgrade_steps), len(rollback_steps)) > 10

    def verify(step: tuple[Step, Step]) -> None:
        try:
            releases.verify_upgrade(step[0])
        finally:
            releases.verify_rollback(step[1])

    pairs = [
        (
            upgrade_steps[min(n, len(upgrade_steps) - 1)],
            rollback_steps[min(n, len(rollback_steps) - 1)],
        )
        for n in range(max(len(upgrade_steps), len(rollback_steps)))
    ]
    assert find_failures(pairs, verify) == {}
