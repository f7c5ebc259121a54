from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from gatewayctl.operations.diagnosis.external import check_external_services
from gatewayctl.operations.doctor.checks import stack as checks
from gatewayctl.operations.doctor.checks.subject import NotChecked, Subject
from gatewayctl.runtimes.databases import databases
from gatewayctl.runtimes.external_database import ExternalShell, Login
from gatewayctl.runtimes.registry import ResolvedRuntime
from tests.fakes.answers import answers
from tests.unit.runtimes.kubernetes.stack import URL, Stack
from tests.unit.runtimes.kubernetes.test_database_client import NOON, connect, pod, shell
from tests.unit.runtimes.kubernetes.test_rights_of_removal import StrictCluster


def test_to_look_at_a_database_of_others_writes_no_login_into_the_cluster(others: Stack) -> None:
    with answers([]) as http:
        (found,) = check_external_services(others.settings(), others.runtime, http)

    assert (found.usable, found.address) == (None, "db.example.com:6432/gateway")
    assert found.detail == "that needs a pod with its login in the namespace shop"
    assert others.cluster.changes == []
    assert set(others.cluster.objects) == {("Namespace", "shop")}


def test_to_look_leaves_the_pod_of_a_backup_that_has_another_login(others: Stack) -> None:
    connect(others)
    others.env["MY_URL"] = URL.replace("db.example.com", "other.example.com")
    others.cluster.changes.clear()

    assert shell(others).check().usable is None
    assert not shell(others).is_running()

    assert others.cluster.changes == []
    assert ("Pod", "database-client") in others.cluster.objects


def test_a_pod_with_the_same_login_is_used_to_look(others: Stack) -> None:
    connect(others)
    others.cluster.changes.clear()

    assert shell(others).check().usable is False
    assert others.cluster.changes == []


def test_to_measure_a_database_creates_no_pod_that_is_gone_by_then(others: Stack) -> None:
    (database,) = (each for each in databases(others.runtime, unchanging=True) if each.is_external)
    assert isinstance(database.shell, ExternalShell)

    with database.shell.connect(database.shell.url):
        pass

    assert others.cluster.changes == []


def test_a_pod_that_goes_after_it_was_seen_is_not_created_to_look(others: Stack) -> None:
    seen = replace(shell(others), look=lambda _: None)

    assert seen.check().usable is False

    assert others.cluster.changes == []


def test_doctor_writes_no_login_into_the_cluster(others: Stack) -> None:
    resolved = ResolvedRuntime(name="kubernetes", why="declared", runtime=others.runtime)
    subject = Subject(project_dir=others.folder, settings=others.settings(), resolved=resolved)

    with pytest.raises(NotChecked, match="needs a pod with its login"):
        list(checks.check_external_database(subject))
    assert list(checks.check_database_sizes(subject)) == []

    assert others.cluster.changes == []


def test_an_account_that_may_not_read_secrets_has_not_checked(others: Stack) -> None:
    refusal = (
        'Error from server (Forbidden): secrets "database-client" is forbidden: User "jane" cannot'
        ' get resource "secrets" in API group "" in the namespace "shop"'
    )
    others.cluster.failing.append((("get", "secret/database-client"), refusal))

    login = shell(others).check()

    assert login.usable is None
    assert "cannot get secrets in namespace shop" in login.detail
    assert "\n" not in login.detail


def test_an_account_that_may_not_run_programs_in_pods_has_not_checked(others: Stack) -> None:
    others.cluster = StrictCluster(denied={("create", "pods")})
    connect(others)

    assert shell(others).check() == Login(
        usable=None, detail="this user may not run programs in pods"
    )


def test_a_pod_that_the_next_command_would_replace_is_not_used_to_look(others: Stack) -> None:
    connect(others)
    pod(others)["metadata"]["creationTimestamp"] = "2026-11-29T12:00:00Z"
    others.cluster.changes.clear()

    assert shell(others, lambda: NOON + timedelta(hours=12)).check().usable is None
    assert others.cluster.changes == []
