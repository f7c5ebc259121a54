from __future__ import annotations

import stat
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from gatewayctl.errors import (
    EngineMissing,
    EngineNotRunning,
    GatewayctlError,
    Locked,
    PortTaken,
    ProjectNameTaken,
    RegistryUnreachable,
    RuntimeUnavailable,
    SettingsInvalid,
)
from gatewayctl.operations.diagnosis.findings.table import FINDINGS
from gatewayctl.operations.doctor.checks.subject import (
    DoctorCheck,
    NotChecked,
    Observation,
    Subject,
)
from gatewayctl.operations.doctor.run import CheckReport, DoctorReport, doctor
from gatewayctl.operations.project.render import render
from gatewayctl.operations.state.audit import read_audit
from gatewayctl.operations.state.lock import hold_lock
from gatewayctl.runtimes.registry import ResolvedRuntime
from gatewayctl.runtimes.self_check import Fault
from tests.fakes.driving import driven
from tests.fakes.self_check import ENV, Patient


@pytest.fixture
def patient(tmp_path: Path) -> Patient:
    return Patient(folder=tmp_path / "shop")


def run_doctor(patient: Patient, *, fix: bool = False) -> DoctorReport:
    with patient.loaders() as loaders:
        _, report = driven(doctor(patient.folder, loaders, fix=fix))
    return report


def ids(report: DoctorReport) -> list[str]:
    return [found.id for found in report.findings]


def test_a_healthy_project_has_no_finding_and_no_problem(patient: Patient) -> None:
    report = run_doctor(patient)

    assert report.findings == ()
    assert report.problem is None
    assert not report.running
    assert {check.why for check in report.checks if check.state == "skipped"} == {
        "litellm is not running",
        "phoenix is not running",
    }


def test_every_check_runs_on_a_healthy_stack(patient: Patient) -> None:
    patient.up()

    report = run_doctor(patient)

    assert report.running
    assert {check.state for check in report.checks} == {"ran"}


def test_if_the_settings_do_not_load_the_other_checks_still_run(patient: Patient) -> None:
    (patient.folder / "gateway.yaml").write_text("nonsense: 1\n")
    (patient.folder / ".env").chmod(0o666)

    report = run_doctor(patient)

    assert ids(report) == ["settings_invalid", "env_file_mode"]
    assert report.project is report.runtime is None
    states = {check.name: check.state for check in report.checks}
    assert (states["disk"], states["memory"], states["ports"]) == ("ran", "ran", "skipped")


def test_if_the_runtime_is_unavailable_the_other_checks_still_run(patient: Patient) -> None:
    def load_runtime() -> ResolvedRuntime:
        raise RuntimeUnavailable("No Docker.")

    with patient.loaders() as loaders:
        without = replace(loaders, runtime=load_runtime)
        _, report = driven(doctor(patient.folder, without))

    assert ids(report) == ["runtime_unavailable"]
    assert report.findings[0].evidence == "No Docker."


@pytest.mark.parametrize(
    ("error", "finding"),
    [
        (EngineMissing("No docker."), "runtime_unavailable"),
        (PortTaken("Port 1 is used.", hint="Run `gatewayctl -C /a down`."), "port_taken"),
        (ProjectNameTaken("Taken.", hint="Run `gatewayctl -C /a down`."), "project_name_taken"),
        (RegistryUnreachable("No registry."), "image_missing"),
        (SettingsInvalid("A password.", hint="Choose another."), "settings_invalid"),
    ],
    ids=lambda value: getattr(value, "code", ""),
)
def test_a_start_that_would_be_refused_has_the_same_remedy_as_up(
    error: GatewayctlError, finding: str, patient: Patient
) -> None:
    patient.runtime.raising["preflight"] = error

    (found,) = run_doctor(patient).findings

    assert (found.id, found.evidence, found.remedy) == (finding, error.message, error.hint)


def test_a_runtime_that_is_unavailable_has_the_remedy_of_its_error(patient: Patient) -> None:
    def load_runtime() -> ResolvedRuntime:
        raise EngineNotRunning("No engine answers.")

    with patient.loaders() as loaders:
        _, report = driven(doctor(patient.folder, replace(loaders, runtime=load_runtime)))

    assert [found.remedy for found in report.findings] == [EngineNotRunning.remedy]


def test_the_worst_finding_comes_first_and_is_the_problem(patient: Patient) -> None:
    (patient.folder / ".env").chmod(0o644)
    patient.up(litellm="failed")

    report = run_doctor(patient)
    problem = report.problem

    assert [found.severity for found in report.findings] == ["error", "warning"]
    assert problem is not None
    assert problem.exit_code == 7
    assert problem.finding == "service_failed"
    assert problem.message.startswith("1 error and 1 warning found; first: A service exited")


def test_a_finding_for_information_only_is_not_a_problem(patient: Patient) -> None:
    patient.write_env(ENV.replace("OPENAI_API_KEY=sk-proj-real-0123456789abcdefgh\n", ""))

    report = run_doctor(patient)

    assert ids(report) == ["provider_key_missing"]
    assert report.problem is None


def test_a_check_that_fails_to_run_is_a_problem_and_the_others_continue(patient: Patient) -> None:
    patient.up()
    patient.runtime.raising["preflight"] = Locked("It is locked.")

    report = run_doctor(patient)

    failed = [check for check in report.checks if check.state == "failed"]
    assert [(check.name, check.why) for check in failed] == [("ports", "It is locked.")]
    problem = replace(report, findings=()).problem
    assert problem is not None
    assert problem.exit_code == 7
    assert "1 check could not run: ports" in problem.message
    assert "It is locked." in problem.hint


def test_what_cannot_be_checked_without_a_change_is_no_problem(patient: Patient) -> None:
    def look(subject: Subject) -> Iterator[Observation]:
        raise NotChecked("that needs a pod")

    with patient.loaders() as loaders:
        only = (DoctorCheck(name="database", run=look),)
        _, report = driven(doctor(patient.folder, loaders, checks=only))

    assert report.checks == (CheckReport(name="database", state="skipped", why="that needs a pod"),)
    assert report.problem is None


def test_neither_evidence_nor_reason_contains_a_secret(patient: Patient) -> None:
    patient.up(litellm="failed")
    secrets = [line.partition("=")[2] for line in ENV.splitlines()]
    patient.runtime.words["litellm"] = "\n".join(secrets)
    patient.runtime.raising["preflight"] = Locked("\n".join(secrets))

    report = run_doctor(patient)
    shown = "".join(found.evidence for found in report.findings)
    shown += "".join(check.why or "" for check in report.checks)

    assert [secret for secret in secrets if secret in shown] == []


def test_checking_changes_nothing(patient: Patient) -> None:
    patient.up()
    before = {path: path.stat() for path in patient.folder.rglob("*")}

    run_doctor(patient)

    assert {path: path.stat().st_mtime for path in patient.folder.rglob("*")} == {
        path: found.st_mtime for path, found in before.items()
    }
    assert {path for path in patient.litellm.paths() if "generate" in path} == set()


def plant(patient: Patient) -> set[str]:
    """Everything that can be fixed without a gateway, at once."""
    (patient.folder.parent / ".git").mkdir()
    render(patient.settings(), runtime="embedded")
    (patient.folder / "compose" / "litellm_config.yaml").write_text("a manual edit\n")
    lines = [line for line in ENV.splitlines() if not line.startswith(("UI_", "LITELLM_MASTER"))]
    patient.write_env("\n".join(lines) + "\n")
    (patient.folder / ".env").chmod(0o640)
    for finding in ("environment_broken", "processes_left", "environments_old"):
        patient.runtime.faults.append(Fault(finding=finding, evidence="planted"))
    return {
        "env_file_not_ignored", "files_differ", "secret_missing", "master_key_missing",
        "env_file_mode", "environment_broken", "processes_left", "environments_old",
    }  # fmt: skip


def test_safe_fixes_are_applied_and_checked_again(patient: Patient) -> None:
    wanted = plant(patient)
    assert set(ids(run_doctor(patient))) == wanted

    report = run_doctor(patient, fix=True)

    assert ids(report) == []
    assert all(fix.done for fix in report.fixes)
    assert stat.S_IMODE((patient.folder / ".env").stat().st_mode) == 0o600
    assert [entry.verb for entry in read_audit(patient.settings().state_dir).entries] == [
        "doctor --fix"
    ]


def test_applying_fixes_again_does_nothing(patient: Patient) -> None:
    plant(patient)
    run_doctor(patient, fix=True)

    again = run_doctor(patient, fix=True)

    assert again.fixes == ()
    assert len(read_audit(patient.settings().state_dir).entries) == 1


def test_one_fix_for_two_findings_is_applied_once(patient: Patient) -> None:
    plant(patient)

    report = run_doctor(patient, fix=True)

    made = [fix for fix in report.fixes if "generated" in fix.said]
    assert [fix.finding for fix in made] == ["secret_missing"]


def test_a_secret_of_existing_databases_is_never_generated_again(patient: Patient) -> None:
    patient.settings().state_dir.mkdir()
    (patient.settings().state_dir / "runtime").write_text("embedded\n")
    patient.write_env(ENV.replace("POSTGRES_PASSWORD=1a2b3c4d5e6f7a8b9c0d1e2f\n", ""))

    report = run_doctor(patient, fix=True)

    assert ids(report) == ["secret_missing"]
    assert [(fix.done, fix.said) for fix in report.fixes] == [(False, "nothing safe to do")]


def test_missing_keys_are_created_if_the_gateway_answers(patient: Patient) -> None:
    patient.up()
    patient.litellm.models = ("gpt-4o", "gpt-4o-mini", "o1-mini", "demo")
    assert ids(run_doctor(patient)) == ["key_missing", "key_missing"]

    report = run_doctor(patient, fix=True)

    assert ids(report) == []
    assert [fix.finding for fix in report.fixes] == ["key_missing"]
    assert {row["key_alias"] for row in patient.litellm.keys.values()} == {
        "litellm-dev",
        "litellm-eval",
    }


def test_nothing_is_fixed_while_another_command_changes_the_project(patient: Patient) -> None:
    patient.environ["GATEWAYCTL_LOCK_TIMEOUT"] = "0"
    (patient.folder / ".env").chmod(0o644)

    with hold_lock(patient.settings().state_dir, "up"), pytest.raises(Locked):
        run_doctor(patient, fix=True)

    assert stat.S_IMODE((patient.folder / ".env").stat().st_mode) == 0o644


def test_the_mode_of_env_is_fixed_even_if_the_settings_do_not_load(patient: Patient) -> None:
    (patient.folder / "gateway.yaml").write_text("nonsense: 1\n")
    (patient.folder / ".env").chmod(0o644)

    report = run_doctor(patient, fix=True)

    assert ids(report) == ["settings_invalid"]
    assert [fix.finding for fix in report.fixes] == ["env_file_mode"]


def test_secrets_are_not_generated_if_the_settings_do_not_load(patient: Patient) -> None:
    (patient.folder / "gateway.yaml").write_text("nonsense: 1\n")
    (patient.folder / ".env").unlink()

    report = run_doctor(patient, fix=True)

    assert ids(report) == ["settings_invalid", "env_file_missing"]
    assert [(fix.done, fix.said) for fix in report.fixes] == [(False, "nothing safe to do")]
    assert not (patient.folder / ".env").exists()


def test_every_finding_has_a_title_a_meaning_and_a_remedy() -> None:
    assert [f.id for f in FINDINGS.values() if not (f.title and f.meaning and f.remedy)] == []
