"""reset, restore, upgrade and rollback on the Docker runtime, killed at every step."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.e2e.conftest import Project
from tests.e2e.docker.conftest import engine, new_stack
from tests.e2e.docker.containers import container_of, inspected, ok
from tests.e2e.images.previous import NEXT, PREVIOUS
from tests.e2e.killing import Step, backups, kept_keys, keys_in, killed_at, left_over, steps
from tests.e2e.kills.every_step import PATIENT, Survivor, not_survived
from tests.e2e.test_backup import opens

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
def test_a_reset_is_finished_by_the_next(survivor: Survivor) -> None:
    found = survivor.steps_of("reset", "--yes", *PATIENT)

    assert not_survived(found, survivor.reset_after_a_kill) == {}


@pytest.mark.timeout(5400)
def test_a_restore_is_finished_by_the_next(survivor: Survivor) -> None:
    found = survivor.steps_of("restore", survivor.file, "--yes", *PATIENT)

    assert not_survived(found, survivor.restored_after_a_kill) == {}


class Releases:
    """A project that goes to the next release and back, killed on both ways."""

    def __init__(self, project: Project) -> None:
        self.project = project
        self.key = project.secrets()["LITELLM_API_KEY"]

    def upgraded_after_a_kill(self, step: Step) -> None:
        """The next release serves, and nothing else was touched."""
        words, others = ("upgrade", *PATIENT), self._others()
        assert killed_at(self.project, step, *words), "it was not killed"
        self.project.ok(*words)
        self._serves(NEXT)
        assert self._others() == others

    def rolled_back_after_a_kill(self, step: Step) -> None:
        """The release of before serves, and a key made since is in a backup."""
        words = ("rollback", "--yes", *PATIENT)
        self.project.ok("keys", "create", "since", "--env", "SINCE_KEY")
        for file in backups(self.project):
            if keys_in(file) == 3:
                file.unlink()
        assert killed_at(self.project, step, *words), "it was not killed"
        if (self.project.folder / ".gatewayctl/upgrade.json").exists():
            self.project.ok(*words)
        self._serves(PREVIOUS.name)
        assert 3 in kept_keys(self.project), "the key of since is in no backup"

    def _serves(self, image: str) -> None:
        running = inspected(container_of(self.project.name, "litellm"))["Config"]["Image"]
        assert running == image
        assert opens(self.project, self.key)
        assert names(self.project) == {"litellm", "phoenix"}
        assert left_over(self.project) == []

    def _others(self) -> dict[str, str]:
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
def test_an_upgrade_and_a_rollback_are_finished_by_the_next(releases: Releases) -> None:
    forth = steps(releases.project.run("upgrade", *PATIENT).stderr)
    back = steps(releases.project.run("rollback", "--yes", *PATIENT).stderr)
    assert min(len(forth), len(back)) > 10

    def survives(step: tuple[Step, Step]) -> None:
        try:
            releases.upgraded_after_a_kill(step[0])
        finally:
            releases.rolled_back_after_a_kill(step[1])

    pairs = [
        (forth[min(n, len(forth) - 1)], back[min(n, len(back) - 1)])
        for n in range(max(len(forth), len(back)))
    ]
    assert not_survived(pairs, survives) == {}
