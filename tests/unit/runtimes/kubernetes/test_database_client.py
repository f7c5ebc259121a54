from __future__ import annotations

import base64
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from gatewayctl.runtimes.external_database import ExternalShell
from gatewayctl.runtimes.kubernetes.database_client import client_objects, open_external
from gatewayctl.settings.declared.external_services import parse_database_url
from tests.unit.runtimes.kubernetes.stack import URL, Stack

VERIFIED = URL.replace("require", "verify-full&sslrootcert=/etc/db/ca.pem")
CREATED = ["apply Secret database-client", "apply Pod database-client"]
REPLACED = ["delete Pod database-client", "apply Pod database-client"]
NOON = datetime(2026, 11, 29, 12, tzinfo=UTC)


def shell(stack: Stack, now: Callable[[], datetime] = lambda: NOON) -> ExternalShell:
    """The programs, of which each fails: there is no server."""
    found = open_external(stack.cluster.kubectl(), stack.settings(), now=now)
    assert found is not None
    return replace(found, program=lambda _: ("false",))


def connect(stack: Stack, now: datetime = NOON) -> list[str]:
    """What a program of a command changes that begins at that time."""
    before = len(stack.cluster.changes)
    external = shell(stack, lambda: now)
    with external.connect(external.url):
        pass
    return stack.cluster.changes[before:]


def pod(stack: Stack) -> dict[str, Any]:
    return stack.live("Pod", "database-client")


def test_the_pod_lives_for_a_day_and_is_replaced_when_half_of_it_is_over(others: Stack) -> None:
    assert connect(others) == CREATED
    spec = pod(others)["spec"]
    assert spec["activeDeadlineSeconds"] == 86400
    assert spec["containers"][0]["command"] == ["sleep", "86400"]
    pod(others)["metadata"]["creationTimestamp"] = "2026-11-29T12:00:00Z"

    assert connect(others, NOON + timedelta(hours=11, minutes=59)) == []
    assert connect(others, NOON + timedelta(hours=12)) == REPLACED


def test_a_command_keeps_the_pod_that_it_began_with(others: Stack) -> None:
    connect(others)
    pod(others)["metadata"]["creationTimestamp"] = "2026-11-29T12:00:00Z"
    others.cluster.changes.clear()
    times = iter([NOON + timedelta(hours=11), NOON + timedelta(hours=13)])
    external = shell(others, lambda: next(times))

    for _ in range(2):
        with external.connect(external.url):
            pass

    assert others.cluster.changes == []


def test_the_pod_is_replaced_when_other_programs_are_declared(others: Stack) -> None:
    connect(others)
    # A webhook may run the image from elsewhere; what was asked for counts.
    pod(others)["spec"]["containers"][0]["image"] = "mirror.example.com/postgres:16"
    assert connect(others) == []

    others.yaml += "images: {postgres: 'postgres:18'}\n"

    assert connect(others) == REPLACED


def test_the_server_is_verified_with_the_certificate_that_litellm_s_pods_mount(
    others: Stack,
) -> None:
    others.yaml = (
        "services:\n  postgres: {url_env: MY_URL}\n  litellm: {mounts: {/etc/db: certificates}}\n"
    )
    (others.folder / "certificates").mkdir(parents=True)
    (others.folder / "certificates" / "ca.pem").write_text("the certificate")

    secret, made = client_objects(others.settings(), parse_database_url(VERIFIED))

    login = {name: base64.b64decode(value).decode() for name, value in secret["data"].items()}
    assert login["PGSSLMODE"] == "verify-full"
    assert login["PGSSLROOTCERT"] == "/etc/database-client/root.crt"
    assert login["root.crt"] == "the certificate"
    (container,) = made["spec"]["containers"]
    assert container["volumeMounts"] == [
        {"name": "root", "mountPath": "/etc/database-client", "readOnly": True}
    ]
    items = [{"key": "root.crt", "path": "root.crt"}]
    assert made["spec"]["volumes"] == [
        {"name": "root", "secret": {"secretName": "database-client", "items": items}}
    ]


def test_a_certificate_in_a_secret_of_others_stays_there(others: Stack) -> None:
    others.yaml = (
        "services:\n  postgres: {url_env: MY_URL}\n"
        "  litellm: {mounts: {/etc/db/ca.pem: ca.pem}}\n"
        "kubernetes: {secrets: {from: vault}}\n"
    )
    others.folder.mkdir(parents=True, exist_ok=True)
    (others.folder / "ca.pem").write_text("not the one that the pods have")

    secret, made = client_objects(others.settings(), parse_database_url(VERIFIED))

    assert "root.crt" not in secret["data"]
    items = [{"key": "etc_db_ca.pem", "path": "root.crt"}]
    assert made["spec"]["volumes"] == [
        {"name": "root", "secret": {"secretName": "vault", "items": items}}
    ]


@pytest.mark.parametrize("more", ["", "&sslkey=/etc/db/key.pem"])
def test_a_certificate_that_the_pod_lacks_is_not_asked_for(others: Stack, more: str) -> None:
    secret, made = client_objects(others.settings(), parse_database_url(VERIFIED + more))

    assert base64.b64decode(secret["data"]["PGSSLMODE"]) == b"require"
    assert not {"PGSSLROOTCERT", "PGSSLKEY"} & secret["data"].keys()
    assert made["spec"]["volumes"] == []
