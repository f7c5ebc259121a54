from __future__ import annotations

import re
from pathlib import Path

import pytest

from gatewayctl.operations.doctor.checks import secrets as checks
from gatewayctl.operations.doctor.checks.subject import RunCheck
from gatewayctl.operations.state import salt_key
from tests.fakes.self_check import ENV, Patient


@pytest.fixture
def patient(tmp_path: Path) -> Patient:
    return Patient(folder=tmp_path / "shop")


def with_value(name: str, value: str) -> str:
    return re.sub(rf"^{name}=.*\n", f"{name}={value}\n" if value else "", ENV, flags=re.MULTILINE)


@pytest.mark.parametrize("check", [check.run for check in checks.CHECKS])
def test_generated_secrets_are_fine(patient: Patient, check: RunCheck) -> None:
    assert patient.found(check) == []


def test_a_missing_secret_is_reported(patient: Patient) -> None:
    patient.write_env(with_value("UI_PASSWORD", ""))

    assert patient.found(checks.check_missing) == [("secret_missing", "UI_PASSWORD is not set")]
    assert patient.found(checks.check_master_key) == []


def test_a_missing_master_key_is_a_finding_of_its_own(patient: Patient) -> None:
    patient.write_env(with_value("LITELLM_MASTER_KEY", ""))

    assert patient.ids(checks.check_master_key) == ["master_key_missing"]
    assert patient.ids(checks.check_missing) == []


def test_without_an_env_file_missing_secrets_are_no_separate_findings(patient: Patient) -> None:
    (patient.folder / ".env").unlink()

    assert patient.ids(checks.check_missing) == patient.ids(checks.check_master_key) == []


@pytest.mark.parametrize("key", ["sk-1234", "sk-123456", "sk-short", "no-prefix-0123456789abcdef"])
def test_a_weak_master_key_is_found_with_its_location(patient: Patient, key: str) -> None:
    patient.write_env(with_value("LITELLM_MASTER_KEY", key))

    ((finding, evidence),) = patient.found(checks.check_master_key)

    assert finding == "master_key_weak"
    assert ".env line 2" in evidence
    assert key not in evidence


@pytest.mark.parametrize(
    ("value", "why"),
    [
        ("postgres", "is publicly known"),
        ("dbpassword9090", "is publicly known"),
        ("changeme-please-now", "is publicly known"),
        ("k3ys", "has fewer than 12 characters"),
        ("aaaaaaaaaaaaaaaaaaaa", "has fewer than 6 different characters"),
        ("abababababababababab", "has fewer than 6 different characters"),
    ],
)
def test_a_secret_that_can_be_guessed_is_found(patient: Patient, value: str, why: str) -> None:
    patient.write_env(with_value("POSTGRES_PASSWORD", value))

    ((finding, evidence),) = patient.found(checks.check_weak)

    assert finding == "secret_weak"
    assert why in evidence
    assert "POSTGRES_PASSWORD (.env line 5)" in evidence


def test_secrets_that_share_a_value_are_reported_together(patient: Patient) -> None:
    same = "8f3b1c5d7e9a0b2c4d6e8f0a"
    text = (
        with_value("POSTGRES_PASSWORD", same) + "LITELLM_API_KEY=sk-salt-fedcba9876543210fedcba98\n"
    )
    patient.write_env(text)

    assert patient.found(checks.check_duplicates) == [
        ("secrets_the_same", "LITELLM_API_KEY and LITELLM_SALT_KEY have the same value"),
        ("secrets_the_same", "LITELLM_POSTGRES_PASSWORD and POSTGRES_PASSWORD have the same value"),
    ]


def test_a_changed_salt_key_is_found(patient: Patient) -> None:
    patient.settings().state_dir.mkdir()
    salt_key.record_salt_key(patient.settings())
    patient.write_env(with_value("LITELLM_SALT_KEY", "sk-another-0123456789abcdef"))

    assert patient.ids(checks.check_salt_key) == ["salt_key_changed"]


@pytest.mark.parametrize("value", ["", "sk-your-key"])
def test_a_missing_provider_key_matters_less_if_a_model_answers_offline(
    patient: Patient, value: str
) -> None:
    patient.write_env(with_value("OPENAI_API_KEY", value))

    with patient.subject() as subject:
        (found,) = checks.check_provider_keys(subject)

    assert (found.finding, found.severity) == ("provider_key_missing", "info")
    assert "gpt-4o" in found.evidence


def test_in_production_a_missing_provider_key_is_a_warning(tmp_path: Path) -> None:
    patient = Patient(folder=tmp_path, gateway_yaml="profile: production\n")
    patient.write_env(with_value("OPENAI_API_KEY", ""))

    with patient.subject() as subject:
        (found,) = checks.check_provider_keys(subject)

    assert found.severity is None
