from __future__ import annotations

import re
from collections.abc import Iterator

from gatewayctl import errors
from gatewayctl.errors import GatewayctlError, Problem, SettingsInvalid

CONTRACT = {
    "GatewayctlError": ("bug", 1),
    "Unreachable": ("unreachable", 5),
    "GatewayUnreachable": ("gateway_unreachable", 5),
    "GatewayTimeout": ("gateway_timeout", 5),
    "PhoenixUnreachable": ("phoenix_unreachable", 5),
    "PhoenixLoginRefused": ("phoenix_login_refused", 6),
    "TraceUnknown": ("trace_unknown", 5),
    "Refused": ("refused", 6),
    "GatewayRefused": ("gateway_refused", 6),
    "MasterKeyRefused": ("master_key_refused", 6),
    "VirtualKeyRefused": ("virtual_key_refused", 6),
    "BudgetSpent": ("budget_spent", 6),
    "RateLimited": ("rate_limited", 6),
    "RouteRefused": ("route_refused", 6),
    "LicenseMissing": ("license_missing", 6),
    "GatewayDatabaseMissing": ("gateway_database_missing", 6),
    "UnknownModel": ("unknown_model", 6),
    "GuardrailBlocked": ("guardrail_blocked", 6),
    "KeyAliasExists": ("key_alias_exists", 6),
    "UpstreamRefused": ("upstream_refused", 6),
    "UpstreamTimeout": ("upstream_timeout", 6),
    "UpstreamUnreachable": ("upstream_unreachable", 6),
    "NotVerified": ("not_verified", 7),
    "TraceStoreNotQueryable": ("trace_store_not_queryable", 7),
    "ProblemsFound": ("problems_found", 7),
    "BenchRegressed": ("bench_regressed", 7),
    "PartlyDone": ("partly_done", 7),
    "Drift": ("drift", 8),
    "Interrupted": ("interrupted", 130),
    "RuntimeProblem": ("runtime", 4),
    "RuntimeUnavailable": ("runtime_unavailable", 4),
    "EmbeddedUnsupported": ("embedded_unsupported", 4),
    "SystemUnsupported": ("system_unsupported", 4),
    "EngineMissing": ("engine_missing", 4),
    "ExternallyManaged": ("externally_managed", 4),
    "EngineNotRunning": ("engine_not_running", 4),
    "FolderInvisible": ("folder_invisible", 4),
    "EnginePermission": ("engine_permission", 4),
    "ComposeMissing": ("compose_missing", 4),
    "ImageMissing": ("image_missing", 4),
    "RegistryUnreachable": ("registry_unreachable", 4),
    "BuildFailed": ("build_failed", 4),
    "DigestUnknown": ("digest_unknown", 4),
    "SignatureInvalid": ("signature_invalid", 4),
    "ReleaseMalicious": ("litellm_malicious", 3),
    "ProjectNameTaken": ("project_name_taken", 4),
    "VolumesMissing": ("volumes_missing", 4),
    "EnvironmentBroken": ("environment_broken", 4),
    "InstallFailed": ("install_failed", 4),
    "ProgramTimeout": ("program_timeout", 4),
    "PackagesUnresolved": ("packages_unresolved", 4),
    "PortTaken": ("port_taken", 4),
    "ServiceFailed": ("service_failed", 4),
    "NotHealthy": ("not_healthy", 4),
    "NotHealthyInTime": ("not_healthy_in_time", 4),
    "ExternalDatabaseUnusable": ("external_database_unusable", 4),
    "MigrationFailed": ("migration_failed", 4),
    "DatabasePasswordRefused": ("database_password_refused", 4),
    "UnknownService": ("unknown_service", 4),
    "TemplatesMissing": ("templates_missing", 4),
    "Locked": ("locked", 4),
    "BackupBroken": ("backup_broken", 4),
    "BackupSealed": ("backup_sealed", 4),
    "BackupForeign": ("backup_foreign", 4),
    "BackupTooNew": ("backup_too_new", 4),
    "RestoreUnproven": ("restore_unproven", 4),
    "RestoreUnfinished": ("restore_unfinished", 4),
    "DiskFull": ("disk_full", 4),
    "PreflightRefused": ("preflight_refused", 4),
    "UpgradeUnfinished": ("upgrade_unfinished", 4),
    "KubectlMissing": ("kubectl_missing", 4),
    "KubectlTooOld": ("kubectl_too_old", 4),
    "KubeconfigMissing": ("kubeconfig_missing", 4),
    "KubeconfigInvalid": ("kubeconfig_invalid", 4),
    "ContextUnknown": ("context_unknown", 4),
    "ContextChanged": ("context_changed", 4),
    "ClusterUnreachable": ("cluster_unreachable", 4),
    "ClusterCertificateRefused": ("cluster_certificate_refused", 4),
    "ClusterLoginRefused": ("cluster_login_refused", 4),
    "ClusterForbidden": ("cluster_forbidden", 4),
    "NamespaceTerminating": ("namespace_terminating", 4),
    "QuotaExceeded": ("quota_exceeded", 4),
    "AdmissionRefused": ("admission_refused", 4),
    "ApiMissing": ("api_missing", 4),
    "ClusterConflict": ("cluster_conflict", 4),
    "ObjectInvalid": ("object_invalid", 4),
    "SettingsProblem": ("settings", 3),
    "SettingsInvalid": ("settings_invalid", 3),
    "ProjectMissing": ("project_missing", 3),
    "EnvFileMissing": ("env_file_missing", 3),
    "MasterKeyMissing": ("master_key_missing", 3),
    "MasterKeyWeak": ("master_key_weak", 3),
    "SecretOverridden": ("environment_shadows", 3),
    "SaltKeyChanged": ("salt_key_changed", 3),
    "CaBundleUnusable": ("ca_bundle_unusable", 3),
    "EnvFileUnreadable": ("env_file_unreadable", 3),
    "EnvFileUnwritable": ("env_file_unwritable", 3),
    "EnvValueUnsafe": ("env_value_unsafe", 3),
    "VirtualKeyMissing": ("virtual_key_missing", 3),
    "FolderUnusable": ("folder_unusable", 3),
    "FileUnwritable": ("file_unwritable", 3),
    "FileUnreadable": ("file_unreadable", 3),
    "UsageProblem": ("usage", 2),
    "UnknownComponent": ("unknown_component", 2),
    "EmptyPrompt": ("empty_prompt", 2),
    "ConfirmationRequired": ("confirmation_required", 2),
    "BackupExists": ("backup_exists", 2),
    "UpgradeRefused": ("upgrade_refused", 2),
    "NothingToRollBack": ("nothing_to_roll_back", 2),
}
"""Code and exit code of each failure. Scripts rely on them: add, but never change one."""


def descendants(kind: type[GatewayctlError]) -> Iterator[type[GatewayctlError]]:
    for child in kind.__subclasses__():
        yield child
        yield from descendants(child)


CLASSES: list[type[GatewayctlError]] = [
    GatewayctlError,
    *(c for c in descendants(GatewayctlError) if c.__module__.startswith(f"{errors.__name__}.")),
]


def test_codes_and_exit_codes_never_change() -> None:
    assert {kind.__name__: (kind.code, kind.exit_code) for kind in CLASSES} == CONTRACT


def test_every_failure_is_imported_from_the_package() -> None:
    assert [kind for kind in CLASSES if getattr(errors, kind.__name__, None) is not kind] == []


def test_every_code_is_unique_and_can_be_matched_by_a_script() -> None:
    codes = [kind.code for kind in CLASSES]

    assert sorted(set(codes)) == sorted(codes)
    assert [code for code in codes if not re.fullmatch(r"[a-z]+(_[a-z]+)*", code)] == []


def test_every_failure_has_a_meaning_and_a_remedy() -> None:
    for kind in CLASSES:
        error = kind("It went wrong.")

        assert kind.__doc__, kind
        assert error.hint == kind.remedy, kind
        assert kind.remedy[0].isupper(), kind
        assert kind.remedy.endswith("."), kind
        assert str(error) == error.message == "It went wrong."


def test_a_hint_given_at_the_raise_replaces_the_remedy() -> None:
    assert [kind for kind in CLASSES if kind("x", hint="do this").hint != "do this"] == []


def test_the_problems_of_settings_are_one_message_and_kept_apart() -> None:
    problems = (
        Problem(source="gateway.yaml line 1 column 2", message="unknown setting"),
        Problem(source=".env line 3", message="not a line"),
    )

    error = SettingsInvalid(problems=problems)

    assert error.message == "gateway.yaml line 1 column 2: unknown setting\n.env line 3: not a line"
    assert error.problems == problems
