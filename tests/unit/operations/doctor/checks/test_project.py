from __future__ import annotations

from pathlib import Path

import pytest

from gatewayctl.operations.doctor.checks import project as checks
from gatewayctl.operations.project.proxies import warn_of_proxies
from gatewayctl.operations.project.render import render
from gatewayctl.operations.state import restore_journal
from tests.fakes.self_check import ENV, Patient


@pytest.fixture
def patient(tmp_path: Path) -> Patient:
    return Patient(folder=tmp_path / "shop")


def test_settings_that_load_are_fine(patient: Patient) -> None:
    assert patient.ids(checks.check_settings) == []


def test_every_invalid_setting_is_a_finding_with_its_location(patient: Patient) -> None:
    (patient.folder / "gateway.yaml").write_text("ports:\n  litellm: none\nnonsense: 1\n")

    found = patient.found(checks.check_settings)

    assert [finding for finding, _ in found] == ["settings_invalid"] * 2
    assert found[0][1].startswith("gateway.yaml line 2")


def test_a_private_and_plain_env_file_is_fine(patient: Patient) -> None:
    assert patient.found(checks.check_env_file) == []


def test_an_env_file_that_others_can_read_is_found_with_its_mode(patient: Patient) -> None:
    (patient.folder / ".env").chmod(0o644)

    ((finding, evidence),) = patient.found(checks.check_env_file)

    assert finding == "env_file_mode"
    assert evidence.endswith("has mode 0644")


def test_a_missing_env_file_is_found(patient: Patient) -> None:
    (patient.folder / ".env").unlink()

    assert patient.ids(checks.check_env_file) == ["env_file_missing"]


def test_a_proxy_that_litellm_does_not_get_is_found_once_with_its_source(
    patient: Patient,
) -> None:
    patient.environ = {
        "ALL_PROXY": "socks5://me:pa55-word@p:1",
        "all_proxy": "socks5://me:pa55-word@p:1",
        "HTTP_PROXY": "http://127.0.0.1:3128",
    }

    assert patient.found(checks.check_proxies) == [
        (
            "proxy_unusable",
            (
                "ALL_PROXY (environment variable ALL_PROXY) is a proxy of the kind socks5, and "
                "LiteLLM supports only http and https, so LiteLLM does not get it."
            ),
        )
    ]


def test_another_kind_for_the_rest_is_no_problem_beside_a_proxy_for_https(
    patient: Patient,
) -> None:
    patient.environ = {"ALL_PROXY": "socks5://p:1", "https_proxy": "http://p:1"}

    assert patient.found(checks.check_proxies) == []


def test_a_proxy_of_this_machine_is_no_proxy_of_a_container(patient: Patient) -> None:
    patient.environ = {"https_proxy": "127.0.0.1:3128", "HTTP_PROXY": "http://proxy:1"}

    assert warn_of_proxies(patient.settings(), "docker") == (
        (
            "https_proxy (environment variable https_proxy) is http://127.0.0.1:3128, which in a "
            "container is the container itself, so LiteLLM does not get it."
        ),
    )


def test_certificates_that_cannot_be_read_are_a_finding(patient: Patient) -> None:
    (patient.folder / "gateway.yaml").write_text("ca_bundle: missing.pem\n")

    ((finding, evidence),) = patient.found(checks.check_rendered_files)

    assert finding == "ca_bundle_unusable"
    assert "cannot be read: No such file" in evidence


def test_a_value_that_programs_read_differently_is_found_with_its_line(patient: Patient) -> None:
    patient.write_env(f"{ENV}APP_TITLE=two words\n")

    ((finding, evidence),) = patient.found(checks.check_env_file)

    assert finding == "env_value_ambiguous"
    assert evidence.startswith(".env line 7: APP_TITLE ")
    assert "two words" not in evidence


def test_an_env_file_that_is_not_text_is_found_without_settings(
    patient: Patient,
) -> None:
    (patient.folder / ".env").write_bytes(b"\xff\xfe")

    assert patient.ids(checks.check_env_file) == ["env_file_unreadable"]
    assert patient.ids(checks.check_settings) == []


def test_a_variable_that_overrides_another_value_is_reported(patient: Patient) -> None:
    assert patient.ids(checks.check_environment) == []
    patient.environ["UI_PASSWORD"] = "another-one"

    ((finding, evidence),) = patient.found(checks.check_environment)

    assert finding == "environment_shadows"
    assert evidence.startswith("UI_PASSWORD in the environment differs from .env line ")
    assert "another-one" not in evidence


def test_an_overridden_variable_that_gatewayctl_does_not_write_is_only_information(
    patient: Patient,
) -> None:
    patient.env += "OPENAI_API_KEY=sk-real-0123456789abcdef\n"
    patient.environ |= {"OPENAI_API_KEY": "sk-another-0123456789", "UI_PASSWORD": "another-one"}

    with patient.subject() as subject:
        found = {o.evidence.split()[0]: o for o in checks.check_environment(subject)}

    assert {name: o.severity for name, o in found.items()} == {
        "OPENAI_API_KEY": "info",
        "UI_PASSWORD": None,
    }
    assert found["OPENAI_API_KEY"].remedy == "Run `unset OPENAI_API_KEY`."


def test_a_repository_that_does_not_ignore_the_secrets_is_found(patient: Patient) -> None:
    assert patient.ids(checks.check_git) == []
    (patient.folder.parent / ".git").mkdir()
    assert patient.ids(checks.check_git) == ["env_file_not_ignored"]

    (patient.folder.parent / ".gitignore").write_text(
        ".env\n.env.gatewayctl-tmp\n*.gatewayctl-backup\n"
    )
    ((_, evidence),) = patient.found(checks.check_git)
    assert evidence.endswith("lacks .gatewayctl/")

    (patient.folder / ".gitignore").write_text("/.gatewayctl\n")
    assert patient.ids(checks.check_git) == []


@pytest.mark.parametrize("bind", ["0.0.0.0", "::"])  # noqa: S104 - nothing is bound
def test_ports_on_all_addresses_are_found(tmp_path: Path, bind: str) -> None:
    patient = Patient(folder=tmp_path, gateway_yaml=f"bind: '{bind}'\n")

    ((finding, evidence),) = patient.found(checks.check_bind)

    assert finding == "bound_to_all"
    assert "gateway.yaml line 1" in evidence
    assert Patient(folder=tmp_path / "other").ids(checks.check_bind) == []


def test_several_workers_need_a_redis(tmp_path: Path) -> None:
    patient = Patient(folder=tmp_path, gateway_yaml="workers: 4\n")
    patient.write_env(f"{ENV}REDIS_PASSWORD=0011aabbccddeeff\n")

    assert patient.ids(checks.check_workers) == ["workers_without_redis"]

    patient.runtime.services = ("postgres", "redis", "litellm", "phoenix")
    patient.runtime.processes["redis"] = "stopped"
    assert patient.ids(checks.check_workers) == []


def test_before_the_first_up_no_file_differs(patient: Patient) -> None:
    assert patient.ids(checks.check_rendered_files) == []


def test_a_rendered_file_that_was_changed_is_found(patient: Patient) -> None:
    render(patient.settings(), runtime="embedded")
    assert patient.ids(checks.check_rendered_files) == []
    config = patient.folder / "compose" / "litellm_config.yaml"
    config.write_text(config.read_text() + "# a manual edit\n")

    assert patient.found(checks.check_rendered_files) == [
        ("files_differ", "compose/litellm_config.yaml is changed")
    ]


def test_an_unfinished_restore_is_found_with_its_backup(patient: Patient) -> None:
    assert patient.ids(checks.check_restore) == []
    restore_journal.begin(patient.settings().state_dir, Path("/safe/monday.bak"))

    assert patient.found(checks.check_restore) == [
        ("restore_unfinished", "it was restoring /safe/monday.bak")
    ]
