from __future__ import annotations

import json
import os
import shutil
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from gatewayctl.errors import EnvironmentBroken
from gatewayctl.runtimes.base import Progress
from gatewayctl.runtimes.embedded import install
from gatewayctl.runtimes.embedded.environment import VENVS, Environment
from gatewayctl.runtimes.process import Completed
from tests.fakes.driving import driven
from tests.fakes.environments import fake_install

DISTRIBUTIONS = {
    "base": "supervisor-4.3.0.dist-info",
    "litellm": "litellm-1.106.2.dist-info",
    "phoenix": "arize_phoenix-20.26.1.dist-info",
}
SUCCESS = Completed(returncode=0, stdout="", stderr="")


@dataclass
class FakePrograms:
    """uv, npm, prisma and postgres: they create the files that the next step needs.

    ``failing`` is an argument of the program that fails.
    """

    environment: Environment
    failing: str | None = None
    ran: list[tuple[str, ...]] = field(default_factory=list)
    environments: list[Mapping[str, str]] = field(default_factory=list)

    @property
    def cached(self) -> Path:
        """A file of uv's cache: packages are hard links to it."""
        return self.environment.root.parent / "cached.py"

    def run(
        self,
        argv: Sequence[str],
        *,
        env: Mapping[str, str],
        cwd: Path | None = None,
        timeout: float | None = None,
    ) -> Completed:
        self._record(argv, env)
        if self.failing in argv:
            return Completed(returncode=1, stdout="", stderr="\n".join(map(str, range(99))))
        if "venv" in argv:
            Path(argv[-2]).mkdir(parents=True)
        if "generate" in argv:
            client = self.environment.site_packages("litellm") / "prisma" / "client.py"
            client.write_text("generated")
        if argv[-1] == "-V":
            return Completed(returncode=0, stdout="postgres (PostgreSQL) 16.14\n", stderr="")
        return SUCCESS

    def follow(
        self, argv: Sequence[str], *, env: Mapping[str, str], cwd: Path
    ) -> Generator[str, None, Completed]:
        self._record(argv, env)
        yield "Resolved 2 packages in 1ms"
        yield "Downloaded litellm"
        if self.failing in argv:
            return Completed(returncode=1, stdout="no such package\n", stderr="")
        venv = Path(argv[argv.index("--python") + 1]).parts[-3]
        packages = self.environment.site_packages(venv)
        (packages / DISTRIBUTIONS[venv]).mkdir(parents=True)
        (packages / "prisma").mkdir()
        self.cached.write_text("as downloaded")
        (packages / "prisma" / "client.py").hardlink_to(self.cached)
        yield "+ litellm==1.106.2"
        return SUCCESS

    def _record(self, argv: Sequence[str], env: Mapping[str, str]) -> None:
        self.ran.append(tuple(argv))
        self.environments.append(env)


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakePrograms:
    programs = FakePrograms(environment=Environment(root=tmp_path / "cache" / "key"))
    monkeypatch.setattr(install, "run", programs.run)
    monkeypatch.setattr(install, "follow", programs.follow)
    return programs


def test_a_complete_environment_is_not_touched(programs: FakePrograms) -> None:
    fake_install(programs.environment)

    seen, _ = driven(install.ensure(programs.environment))

    assert seen == []
    assert programs.ran == []


def test_an_environment_with_missing_files_is_reported_and_left_alone(
    programs: FakePrograms,
) -> None:
    fake_install(programs.environment).query_engine.unlink()

    with pytest.raises(EnvironmentBroken, match=r"are missing: .*query-engine") as broken:
        driven(install.ensure(programs.environment))

    assert "gatewayctl doctor --fix" in broken.value.hint
    assert programs.environment.complete
    assert programs.ran == []


def test_a_new_environment_gets_its_mark_with_the_versions_last(programs: FakePrograms) -> None:
    steps = install.ensure(programs.environment)
    for step in steps:
        assert step.state == "ready" or not programs.environment.complete

    assert programs.environment.versions() == {
        "litellm": "1.106.2",
        "phoenix": "20.26.1",
        "postgres": "16.14",
    }
    assert [path.name for path in programs.environment.root.glob("*.partial")] == []


def test_the_remains_of_a_killed_install_are_removed_first(programs: FakePrograms) -> None:
    left = programs.environment.site_packages("litellm") / "half" / "package.py"
    left.parent.mkdir(parents=True)
    left.write_text("")

    driven(install.ensure(programs.environment))

    assert not left.exists()
    assert programs.environment.complete


@pytest.mark.parametrize("failing", ["venv", "--require-hashes", "ci", "generate", "-V"])
def test_a_failed_step_leaves_no_mark_and_its_last_lines_are_reported(
    failing: str, programs: FakePrograms
) -> None:
    programs.failing = failing

    with pytest.raises(EnvironmentBroken, match=r"Installing .* failed") as broken:
        driven(install.ensure(programs.environment))

    assert not programs.environment.complete
    assert len(broken.value.message.splitlines()) <= 9
    assert "98" in broken.value.message or "no such package" in broken.value.message


def test_after_a_failure_the_next_run_completes_the_environment(programs: FakePrograms) -> None:
    programs.failing = "ci"
    with pytest.raises(EnvironmentBroken):
        driven(install.ensure(programs.environment))

    programs.failing = None
    driven(install.ensure(programs.environment))

    assert programs.environment.complete


def test_an_interrupted_install_leaves_no_mark_and_releases_the_lock(
    programs: FakePrograms,
) -> None:
    steps = install.ensure(programs.environment)
    next(steps)
    next(steps)
    steps.close()

    assert not programs.environment.complete
    driven(install.ensure(programs.environment))
    assert programs.environment.complete


def test_an_environment_that_another_process_installed_meanwhile_is_used(
    programs: FakePrograms,
) -> None:
    steps = install.ensure(programs.environment)
    next(steps)
    programs.environment.root.mkdir(parents=True)
    programs.environment.complete_mark.write_text("{}")

    (last,) = list(steps)

    assert last.state == "ready"
    assert programs.ran == []


def test_progress_only_grows_and_ends_ready(programs: FakePrograms) -> None:
    seen, _ = driven(install.ensure(programs.environment))

    fractions = [step.fraction for step in seen if step.fraction is not None]
    assert fractions == sorted(fractions)
    assert 0 <= fractions[0] < fractions[-1] <= 1
    assert seen[-1] == Progress(
        subject="environment", state="ready", detail=str(programs.environment.root)
    )
    assert {step.subject for step in seen} == {"environment"}


def test_nothing_is_installed_without_a_hash_and_no_package_runs_a_script(
    programs: FakePrograms,
) -> None:
    driven(install.ensure(programs.environment))

    pip = [argv for argv in programs.ran if "pip" in argv]
    npm = [argv for argv in programs.ran if "ci" in argv]
    assert len(pip) == len(VENVS)
    assert all({"--require-hashes", "--no-build"} <= set(argv) for argv in pip)
    assert ["--ignore-scripts" in argv for argv in npm] == [True]


def test_variables_that_direct_python_elsewhere_are_not_passed_on(
    programs: FakePrograms, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("VIRTUAL_ENV", "PYTHONPATH", "PYTHONHOME", "UV_PROJECT_ENVIRONMENT"):
        monkeypatch.setenv(name, "/elsewhere")

    driven(install.ensure(programs.environment))

    assert not any("/elsewhere" in env.values() for env in programs.environments)


def test_prisma_is_generated_with_the_programs_of_the_environment(programs: FakePrograms) -> None:
    driven(install.ensure(programs.environment))

    (index,) = [i for i, argv in enumerate(programs.ran) if "generate" in argv]
    env = programs.environments[index]
    engine = str(programs.environment.query_engine)
    assert env["PRISMA_QUERY_ENGINE_BINARY"] == engine
    assert env["PRISMA_SCHEMA_ENGINE_BINARY"] == engine
    assert env["PATH"].split(os.pathsep)[0] == str(programs.environment.python("litellm").parent)


def test_what_prisma_generates_does_not_change_the_cache_of_uv(programs: FakePrograms) -> None:
    driven(install.ensure(programs.environment))

    client = programs.environment.site_packages("litellm") / "prisma" / "client.py"
    assert (client.read_text(), programs.cached.read_text()) == ("generated", "as downloaded")


def test_a_package_is_copied_before_the_generator_writes_into_it(tmp_path: Path) -> None:
    cached = tmp_path / "cache" / "client.py"
    cached.parent.mkdir()
    cached.write_text("as downloaded")
    package = tmp_path / "site-packages" / "prisma"
    package.mkdir(parents=True)
    (package / "client.py").hardlink_to(cached)

    install._unlink_from_cache(package)
    (package / "client.py").write_text("generated")

    assert cached.read_text() == "as downloaded"
    assert [path.name for path in package.parent.iterdir()] == ["prisma"]


def test_a_full_disk_is_reported_before_anything_is_downloaded(
    programs: FakePrograms, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage: Any = type("Usage", (), {"free": 1_500_000_000})
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)

    with pytest.raises(EnvironmentBroken, match=r"needs 2 GB, and .* has 1\.5 GB free") as full:
        driven(install.ensure(programs.environment))

    assert "XDG_CACHE_HOME" in full.value.hint
    assert programs.ran == []


def test_an_unwritable_cache_folder_is_reported_with_its_path(tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("a file where the folder should be")

    with pytest.raises(EnvironmentBroken, match="Cannot write to the cache folder") as refused:
        driven(install.ensure(Environment(root=tmp_path / "cache" / "embedded" / "key")))

    assert "XDG_CACHE_HOME" in refused.value.hint


def test_a_version_without_a_package_is_unknown(programs: FakePrograms) -> None:
    driven(install.ensure(programs.environment))
    shutil.rmtree(programs.environment.site_packages("litellm") / DISTRIBUTIONS["litellm"])

    install._mark_complete(programs.environment)

    written = json.loads(programs.environment.complete_mark.read_text())
    assert written["versions"]["litellm"] == "unknown"
