"""Every error and every finding has a remedy that was tried, or one that only a person can do.

Each state is planted, the commands of the remedy are run as they are printed, and the error or the
finding must be gone.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from gatewayctl.errors import GatewayctlError
from gatewayctl.operations.diagnosis.findings.table import FINDINGS
from gatewayctl.operations.doctor.checks import gateway
from tests.integration.living_project import LivingProject
from tests.integration.planted_states import (
    Step,
    add_model_in_ui,
    be_in_git,
    change_c_library,
    declare_only,
    declare_retention,
    edit_rendered_file,
    forget_key,
    have_provider_key_in_file,
    lose_keys_only,
    lose_spans,
    open_management,
    plant_fault,
    remove,
    restrict_key,
    send_traces_elsewhere,
    serve_less,
    silence_phoenix,
    stop,
    stop_one,
    use_other_master_key,
    weaken_master_key,
)
from tests.unit.test_errors import CLASSES

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True, kw_only=True)
class Cured:
    """The printed commands cure it. ``plant`` makes the state of a project that is up.

    ``command`` fails in it (for a finding: doctor). ``by_hand`` is what the remedy asks of a person
    first. With ``from_nothing`` the folder is empty.
    """

    plant: Step = lambda _: None
    command: tuple[str, ...] = ()
    by_hand: Step = lambda _: None
    from_nothing: bool = False


@dataclass(frozen=True)
class Elsewhere:
    """Tried by another test, because it takes more than this project: ``file::test``."""

    test: str


@dataclass(frozen=True)
class Person:
    """No command cures it: why a person has to decide or do something."""

    why: str


DECIDES = Person("only a person knows which of the possible values is meant")
READS_LOG = Person("the log says what a person has to correct")
MACHINE = Person("the machine, its disk, memory or network is a person's")
CLUSTER = Person("the cluster, its access and its policies are its administrator's")
PROVIDER = Person("the provider, its key or its limits are outside the gateway")
FILE = Person("only a person can produce another file or key")
AGAIN = Person("it is over: the same command is run again")

ERRORS: dict[str, Cured | Elsewhere | Person] = {
    "bug": Person("it is to be reported"),
    "unreachable": Cured(plant=stop, command=("trace", "list")),
    "gateway_unreachable": Cured(plant=stop, command=("keys", "list")),
    "gateway_timeout": READS_LOG,
    "phoenix_unreachable": Cured(plant=stop_one("phoenix"), command=("trace", "list")),
    "phoenix_login_refused": Person("the credentials of others are theirs to give"),
    "trace_store_not_queryable": Person("a collector cannot be asked"),
    "trace_unknown": Person("spans arrive with time, or never"),
    "refused": READS_LOG,
    "gateway_refused": READS_LOG,
    "master_key_refused": Cured(plant=use_other_master_key, command=("keys", "list")),
    "virtual_key_refused": Cured(plant=forget_key, command=("chat", "Hello")),
    "budget_spent": DECIDES,
    "rate_limited": AGAIN,
    "route_refused": DECIDES,
    "license_missing": DECIDES,
    "gateway_database_missing": Cured(plant=lose_keys_only, command=("keys", "list")),
    "unknown_model": DECIDES,
    "key_alias_exists": DECIDES,
    "guardrail_blocked": Person("the prompt, or the guardrail, is a person's"),
    "upstream_refused": PROVIDER,
    "upstream_timeout": PROVIDER,
    "upstream_unreachable": PROVIDER,
    "litellm_malicious": Person("secrets that a malicious release had are replaced by a person"),
    "digest_unknown": Person("a person chooses an image of a registry"),
    "signature_invalid": Person("a person decides which release to trust"),
    "not_verified": Person("the checks say which part of the trace is wrong"),
    "problems_found": Cured(
        plant=lambda project: (project.folder / ".env").chmod(0o644), command=("doctor",)
    ),
    "partly_done": Person("each part has its own reason"),
    "bench_regressed": Person("a person decides whether the slower gateway is wanted"),
    "drift": Cured(plant=edit_rendered_file, command=("render", "--check")),
    "interrupted": AGAIN,
    "runtime": READS_LOG,
    "program_timeout": READS_LOG,
    "runtime_unavailable": MACHINE,
    "embedded_unsupported": MACHINE,
    "system_unsupported": MACHINE,
    "engine_missing": MACHINE,
    "externally_managed": Person("only who operates that gateway can start or stop it"),
    "folder_invisible": MACHINE,
    "engine_not_running": MACHINE,
    "engine_permission": MACHINE,
    "compose_missing": MACHINE,
    "image_missing": DECIDES,
    "registry_unreachable": MACHINE,
    "build_failed": Person("the sources of the application are wrong"),
    "project_name_taken": Elsewhere(
        "tests/unit/runtimes/docker/test_runtime_preflight.py::"
        "test_the_command_of_the_hint_frees_the_name_of_the_project"
    ),
    "volumes_missing": Elsewhere(
        "tests/unit/runtimes/docker/test_missing_volumes.py::"
        "test_the_commands_of_the_hint_start_anew_where_the_volumes_were_deleted"
    ),
    "environment_broken": Elsewhere(
        "tests/e2e/test_failures.py::test_a_broken_environment_is_reported_and_fixed_by_one_command"
    ),
    "install_failed": MACHINE,
    "packages_unresolved": MACHINE,
    "port_taken": Elsewhere(
        "tests/e2e/test_failures.py::"
        "test_a_port_of_another_project_is_freed_by_the_command_of_the_hint"
    ),
    "service_failed": READS_LOG,
    "not_healthy": Cured(plant=stop, command=("status",)),
    "not_healthy_in_time": READS_LOG,
    "external_database_unusable": Person("others run that server"),
    "migration_failed": READS_LOG,
    "database_password_refused": FILE,
    "unknown_service": DECIDES,
    "templates_missing": MACHINE,
    "locked": Person("another command is running, and ends by itself"),
    "backup_broken": FILE,
    "backup_sealed": FILE,
    "backup_foreign": DECIDES,
    "backup_too_new": MACHINE,
    "restore_unproven": FILE,
    "restore_unfinished": Elsewhere(
        "tests/unit/operations/backup/test_restore_interrupted.py::"
        "test_a_restore_interrupted_at_any_step_is_finished_by_the_next_and_nothing_is_lost"
    ),
    "disk_full": MACHINE,
    "preflight_refused": DECIDES,
    "upgrade_unfinished": Elsewhere(
        "tests/unit/operations/upgrade/test_run.py::"
        "test_an_upgrade_interrupted_at_any_step_is_resumed_or_rolled_back"
    ),
    "kubectl_missing": MACHINE,
    "kubectl_too_old": MACHINE,
    "kubeconfig_missing": CLUSTER,
    "kubeconfig_invalid": CLUSTER,
    "context_unknown": DECIDES,
    "context_changed": DECIDES,
    "cluster_unreachable": CLUSTER,
    "cluster_certificate_refused": CLUSTER,
    "cluster_login_refused": CLUSTER,
    "cluster_forbidden": CLUSTER,
    "namespace_terminating": Person("the namespace is gone in time, or another is chosen"),
    "quota_exceeded": CLUSTER,
    "admission_refused": CLUSTER,
    "api_missing": CLUSTER,
    "cluster_conflict": AGAIN,
    "object_invalid": DECIDES,
    "settings": DECIDES,
    "settings_invalid": DECIDES,
    "project_missing": Cured(command=("up",), from_nothing=True),
    "env_file_missing": Cured(plant=declare_only, command=("keys", "list"), from_nothing=True),
    "master_key_missing": Cured(plant=remove("LITELLM_MASTER_KEY"), command=("keys", "list")),
    "master_key_weak": Cured(
        plant=weaken_master_key,
        command=("keys", "list"),
        by_hand=lambda project: project.edit("LITELLM_MASTER_KEY", None),
    ),
    "environment_shadows": Person("only the shell itself can unset its variable"),
    "salt_key_changed": FILE,
    "ca_bundle_unusable": FILE,
    "env_file_unreadable": FILE,
    "env_file_unwritable": MACHINE,
    "env_value_unsafe": DECIDES,
    "virtual_key_missing": Cured(plant=remove("LITELLM_API_KEY"), command=("chat", "Hello")),
    "file_unwritable": MACHINE,
    "folder_unusable": MACHINE,
    "file_unreadable": MACHINE,
    "usage": DECIDES,
    "unknown_component": DECIDES,
    "empty_prompt": DECIDES,
    "confirmation_required": Person("what is lost must be confirmed"),
    "backup_exists": DECIDES,
    "upgrade_refused": DECIDES,
    "nothing_to_roll_back": DECIDES,
}
"""By code. A new class of error needs a row."""

OF_FINDINGS: dict[str, Cured | Elsewhere | Person] = {
    "env_file_mode": Cured(plant=lambda project: (project.folder / ".env").chmod(0o644)),
    "env_file_not_ignored": Cured(plant=be_in_git),
    "env_value_ambiguous": DECIDES,
    "bound_to_all": DECIDES,
    "provider_on_loopback": DECIDES,
    "workers_without_redis": DECIDES,
    "proxy_unusable": DECIDES,
    "files_differ": Cured(plant=edit_rendered_file),
    "env_file_missing": Cured(plant=declare_only, from_nothing=True),
    "secret_missing": Cured(plant=remove("UI_PASSWORD")),
    "master_key_missing": Cured(plant=remove("LITELLM_MASTER_KEY")),
    "master_key_weak": Cured(
        plant=weaken_master_key,
        by_hand=lambda project: project.edit("LITELLM_MASTER_KEY", None),
    ),
    "secret_weak": DECIDES,
    "secrets_the_same": DECIDES,
    "provider_key_missing": Cured(by_hand=have_provider_key_in_file),
    "provider_key_refused": PROVIDER,
    "disk_low": MACHINE,
    "out_of_memory": MACHINE,
    "service_killed": Person("the kernel's log says who killed it"),
    "memory_low": MACHINE,
    "clock_differs": MACHINE,
    "image_not_pinned": DECIDES,
    "environments_old": Cured(plant=plant_fault("environments_old")),
    "processes_left": Cured(plant=plant_fault("processes_left")),
    "environment_broken": Cured(plant=plant_fault("environment_broken")),
    "litellm_vulnerable": DECIDES,
    "advisories_old": Person("a newer gatewayctl is installed by a person"),
    "litellm_bad_tracing": DECIDES,
    "service_stopped": Cured(plant=stop_one("phoenix")),
    "settings_outdated": Elsewhere(
        "tests/e2e/test_failures.py::test_a_changed_port_is_applied_by_the_command_of_the_hint"
    ),
    "litellm_settings_refused": READS_LOG,
    "database_setup_failed": READS_LOG,
    "database_damaged": FILE,
    "database_large": DECIDES,
    "collation_version_mismatch": Cured(plant=change_c_library),
    "phoenix_unreachable": Cured(plant=silence_phoenix),
    "phoenix_database_refused": FILE,
    "master_key_refused": Cured(plant=use_other_master_key),
    "gateway_database_missing": Cured(plant=lose_keys_only),
    "key_missing": Cured(plant=remove("LITELLM_API_KEY")),
    "key_refused": Cured(plant=forget_key),
    "key_unknown": Person("only a person knows the alias, or that the key is not needed"),
    "key_budget_spent": DECIDES,
    "key_differs": Cured(plant=restrict_key),
    "key_opens_management": Cured(plant=open_management),
    "model_not_served": Cured(plant=serve_less),
    "database_overrides": Cured(plant=add_model_in_ui),
    "model_deprecated": DECIDES,
    "spend_logs_large": DECIDES,
    "spend_logs_growing": DECIDES,
    "spend_logs_not_deleted": READS_LOG,
    "traces_not_deleted": READS_LOG,
    "trace_retention_differs": Cured(plant=declare_retention),
    "external_database_unusable": Person("others run that server"),
    "trace_store_unusable": Person("others run that store"),
    "traces_missing": Cured(plant=lose_spans),
    "traces_elsewhere": Cured(
        plant=send_traces_elsewhere,
        by_hand=lambda project: project.edit("PHOENIX_COLLECTOR_HTTP_ENDPOINT", None),
    ),
}
"""By id, for findings without an error of that code, and those that doctor cures differently."""


@pytest.fixture
def living(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> LivingProject:
    # Spans that are lost never arrive: there is nothing to wait for.
    monkeypatch.setattr(gateway, "_TRACE_SECONDS", 0.2)
    project = LivingProject(folder=tmp_path / "shop")
    project.folder.mkdir()
    return project


def plant(case: Cured, project: LivingProject) -> None:
    if not case.from_nothing:
        assert project.run("up", "--yes").exit_code == 0
    case.plant(project)


def test_every_error_has_a_row() -> None:
    assert set(ERRORS) == {kind.code for kind in CLASSES}


def test_every_finding_has_a_row() -> None:
    assert set(OF_FINDINGS) <= set(FINDINGS)
    assert set(FINDINGS) <= set(OF_FINDINGS) | set(ERRORS)


@pytest.mark.parametrize("code", [code for code, case in ERRORS.items() if isinstance(case, Cured)])
def test_the_remedy_of_an_error_cures_it(code: str, living: LivingProject) -> None:
    case = ERRORS[code]
    assert isinstance(case, Cured)
    plant(case, living)
    before = living.error(*case.command)
    # A parent's code is never raised: one of its children is.
    expected = {
        kind.code for each in CLASSES if each.code == code for kind in (each, *children(each))
    }
    assert before["code"] in expected

    case.by_hand(living)
    assert living.follow(before["hint"])

    assert living.error(*case.command) == {}


@pytest.mark.parametrize(
    "finding", [each for each, case in OF_FINDINGS.items() if isinstance(case, Cured)]
)
def test_the_remedy_of_a_finding_cures_it(finding: str, living: LivingProject) -> None:
    case = OF_FINDINGS[finding]
    assert isinstance(case, Cured)
    plant(case, living)
    before = living.findings()
    assert finding in before

    case.by_hand(living)
    assert living.follow(before[finding])

    assert finding not in living.findings()


@pytest.mark.parametrize(
    "case",
    [case for case in (*ERRORS.values(), *OF_FINDINGS.values()) if isinstance(case, Elsewhere)],
    ids=lambda case: case.test.rpartition("::")[2],
)
def test_a_remedy_that_is_tried_elsewhere_is_tried_there(case: Elsewhere) -> None:
    file, _, name = case.test.partition("::")

    assert f"def {name}(" in (ROOT / file).read_text(encoding="utf-8")


def children(kind: type[GatewayctlError]) -> list[type[GatewayctlError]]:
    return [each for each in CLASSES if issubclass(each, kind)]
