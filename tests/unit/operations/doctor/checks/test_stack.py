from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from gatewayctl.operations.diagnosis.advisory_table import CHECKED
from gatewayctl.operations.doctor.checks import stack as checks
from gatewayctl.operations.doctor.checks.fixes import fix_collations
from gatewayctl.operations.doctor.checks.subject import Subject
from gatewayctl.runtimes.self_check import Fault
from tests.fakes import runtime as fakes
from tests.fakes.answers import refuse_connection
from tests.fakes.self_check import Patient


@pytest.fixture
def patient(tmp_path: Path) -> Patient:
    return Patient(folder=tmp_path / "shop")


def test_a_stopped_stack_is_fine_and_so_is_one_that_runs(patient: Patient) -> None:
    assert patient.ids(checks.check_services) == []
    patient.up()
    assert patient.ids(checks.check_services) == []


def test_a_stopped_part_of_the_stack_is_found(patient: Patient) -> None:
    patient.up(phoenix="stopped")

    assert patient.found(checks.check_services) == [("service_stopped", "phoenix is stopped")]


def test_a_failed_service_is_found_with_its_cause_and_its_log(patient: Patient) -> None:
    patient.up(litellm="failed")
    patient.runtime.details["litellm"] = "exit code 1"
    patient.runtime.words["litellm"] = "Error: P1000: Authentication failed"

    ((finding, evidence),) = patient.found(checks.check_services)

    assert finding == "database_password_refused"
    assert evidence.startswith("litellm is unhealthy (exit code 1): PostgreSQL refuses")
    assert evidence.endswith("P1000: Authentication failed")


def test_a_service_that_has_just_started_is_not_late_yet(patient: Patient) -> None:
    patient.up()
    patient.litellm.planted["/healthz"] = refuse_connection

    patient.runtime.uptime = 5
    assert patient.ids(checks.check_services) == []
    patient.runtime.uptime = 500
    assert patient.ids(checks.check_services) == ["phoenix_unreachable"]


def test_faults_that_the_runtime_finds_in_itself_are_reported(patient: Patient) -> None:
    assert patient.ids(checks.check_runtime_faults) == []
    patient.runtime.faults = [Fault(finding="processes_left", evidence="x (pid 7)")]

    assert patient.found(checks.check_runtime_faults) == [("processes_left", "x (pid 7)")]


def test_a_large_database_is_found(patient: Patient, monkeypatch: pytest.MonkeyPatch) -> None:
    assert patient.ids(checks.check_database_sizes) == []
    patient.up()
    assert patient.ids(checks.check_database_sizes) == []

    monkeypatch.setattr(checks, "_LARGE", 10)

    assert patient.ids(checks.check_database_sizes) == ["database_large"] * 2


def test_a_database_of_another_c_library_is_found_until_its_indexes_are_rebuilt(
    patient: Patient,
) -> None:
    patient.up()
    assert patient.ids(checks.check_collations) == []
    patient.runtime.server.outdated = {"litellm", "template1"}

    (_, first), *_ = patient.found(checks.check_collations)
    assert first == (
        "database litellm on the server of litellm: created with collation version 2.36, now 2.41"
    )

    with patient.subject() as subject:
        assert fix_collations(subject) == "rebuilt the indexes of litellm, template1"
        assert fix_collations(subject) == ""
    assert patient.ids(checks.check_collations) == []


def test_a_current_version_is_fine(patient: Patient) -> None:
    assert patient.ids(checks.check_versions) == []


def test_each_advisory_about_a_version_is_found_once(
    patient: Patient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(fakes._VERSIONS, "litellm", "1.83.10")

    found = patient.found(checks.check_versions)

    evidence = [each[1] for each in found if each[0] == "litellm_vulnerable"]
    assert {finding for finding, _ in found} == {"litellm_vulnerable", "litellm_bad_tracing"}
    assert (
        sum(text.startswith("1.83.10: CVE-2026-49468, fixed in 1.84.0: ") for text in evidence) == 1
    )


def test_a_malicious_release_that_runs_is_found(
    patient: Patient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(fakes._VERSIONS, "litellm", "1.107.0")

    ((finding, evidence),) = patient.found(checks.check_versions)

    assert finding == "litellm_malicious"
    assert evidence.startswith("1.107.0: LiteLLM-48117: the packages and images published on")


def test_an_old_table_of_advisories_is_reported_with_its_age(tmp_path: Path) -> None:
    def at(days: int) -> Subject:
        now = datetime(CHECKED.year, CHECKED.month, CHECKED.day, tzinfo=UTC) + timedelta(days=days)
        return Subject(project_dir=tmp_path, now=lambda: now)

    assert list(checks.check_advisories(at(60))) == []
    ((found),) = checks.check_advisories(at(61))
    assert found.finding == "advisories_old"
    assert found.evidence == f"it was last checked on {CHECKED}, 61 days ago"


def test_images_are_checked_on_a_runtime_that_uses_images(tmp_path: Path) -> None:
    patient = Patient(
        folder=tmp_path, gateway_yaml="images: {litellm: 'ghcr.io/berriai/litellm:v1.83.6'}\n"
    )
    assert patient.ids(checks.check_versions) == patient.ids(checks.check_images) == []

    patient.runtime.name = "docker"
    assert "litellm_vulnerable" in patient.ids(checks.check_versions)
    assert patient.ids(checks.check_images) == []
