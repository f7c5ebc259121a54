from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from gatewayctl.errors import Locked, ProjectMissing, RuntimeProblem
from gatewayctl.operations.stack.down import DownReport, down
from gatewayctl.operations.state import restore_journal, upgrade_journal
from gatewayctl.operations.state.audit import read_audit
from gatewayctl.operations.state.lock import hold_lock
from tests.fakes.driving import driven, report_of
from tests.fakes.projects import project
from tests.fakes.runtime import SERVICES, FakeRuntime, up_and_running


def test_everything_is_stopped_and_listed(tmp_path: Path) -> None:
    runtime = up_and_running()

    seen, report = driven(down(project(tmp_path / "shop"), runtime, volumes=False))

    assert report == DownReport(
        project="shop",
        stopped=SERVICES,
        data_place=".gatewayctl/",
        data_removed=False,
        changed=True,
    )
    assert {event.state for event in seen} == {"stopped"}
    assert runtime.running == set()


def test_a_second_down_changes_nothing(tmp_path: Path) -> None:
    report = report_of(down(project(tmp_path), FakeRuntime(), volumes=False))

    assert (report.stopped, report.changed) == ((), False)
    assert report.data_place == ".gatewayctl/"


def test_without_any_data_no_data_place_is_reported(tmp_path: Path) -> None:
    settings = project(tmp_path, env="")

    report = report_of(down(settings, FakeRuntime(data=False), volumes=False))

    assert (report.stopped, report.data_place) == ((), None)


def test_a_folder_without_a_project_has_nothing_to_stop(tmp_path: Path) -> None:
    with pytest.raises(ProjectMissing):
        driven(down(project(tmp_path), FakeRuntime(data=False), volumes=True))

    assert list(tmp_path.iterdir()) == []


def test_what_was_stopped_leaves_data_behind_wherever_it_looks_empty(tmp_path: Path) -> None:
    report = report_of(down(project(tmp_path), up_and_running(data=False), volumes=False))

    assert report.data_place == ".gatewayctl/"


@pytest.mark.parametrize(("volumes", "verb"), [(False, "down"), (True, "down --volumes")])
def test_the_audit_log_tells_which_down_it_was(tmp_path: Path, volumes: bool, verb: str) -> None:
    settings = project(tmp_path)

    driven(down(settings, FakeRuntime(), volumes=volumes))

    (entry,) = read_audit(settings.state_dir).entries
    assert (entry.verb, entry.outcome) == (verb, "done")


def test_data_is_removed_only_where_that_is_wanted(tmp_path: Path) -> None:
    keeping, removing = FakeRuntime(), FakeRuntime()

    kept = report_of(down(project(tmp_path), keeping, volumes=False))
    removed = report_of(down(project(tmp_path), removing, volumes=True))

    assert (keeping.calls, kept.data_removed) == (["stop"], False)
    assert (removing.calls, removed.data_removed) == (["stop --remove-data"], True)


def test_a_project_that_is_locked_is_not_changed(tmp_path: Path) -> None:
    settings, runtime = project(tmp_path), up_and_running()

    with hold_lock(settings.state_dir, "up"), pytest.raises(Locked, match="gatewayctl up"):
        driven(down(settings, runtime, volumes=True))

    assert runtime.calls == []


def test_a_project_without_secrets_can_be_stopped(tmp_path: Path) -> None:
    assert report_of(down(project(tmp_path), up_and_running(), volumes=False)).stopped == SERVICES


def test_a_service_that_cannot_be_stopped_is_an_error(tmp_path: Path) -> None:
    runtime = up_and_running(raising={"stop": RuntimeProblem("litellm cannot be stopped")})

    with pytest.raises(RuntimeProblem, match="litellm cannot be stopped"):
        driven(down(project(tmp_path), runtime, volumes=False))


@pytest.mark.parametrize("volumes", [False, True])
def test_a_restore_that_is_halfway_is_over_only_when_the_data_is_gone(
    tmp_path: Path, volumes: bool
) -> None:
    settings = project(tmp_path)
    restore_journal.begin(settings.state_dir, tmp_path / "a.bak")

    driven(down(settings, up_and_running(), volumes=volumes))

    assert (restore_journal.unfinished_restore(settings.state_dir) is None) == volumes


@pytest.mark.parametrize("volumes", [False, True])
def test_an_upgrade_can_be_rolled_back_until_the_data_is_deleted(
    tmp_path: Path, volumes: bool
) -> None:
    settings = project(tmp_path)
    journal = upgrade_journal.Journal(before="old", after="new", at=datetime.now(UTC), step="done")
    upgrade_journal.write_journal(settings, journal)

    driven(down(settings, up_and_running(), volumes=volumes))

    assert upgrade_journal.read_journal(settings) == (None if volumes else journal)
