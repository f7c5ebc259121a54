from __future__ import annotations

import pytest

from gatewayctl.operations.stack.plan import _find_risks
from gatewayctl.runtimes.service_change import ServiceChange
from tests.unit.runtimes.kubernetes.stack import SERVICES, Stack

UNTOUCHED = ("untouched", ())


def test_a_project_that_never_ran_is_started(stack: Stack) -> None:
    assert stack.preview() == dict.fromkeys(SERVICES, ("start", ()))
    assert stack.cluster.changes == []


def test_a_running_project_is_left_alone(running: Stack) -> None:
    assert running.preview() == dict.fromkeys(SERVICES, UNTOUCHED)
    assert running.cluster.changes == []


@pytest.mark.parametrize(
    ("yaml", "service", "action", "why"),
    [
        (
            "images: {phoenix: 'arizephoenix/phoenix:version-21'}\n",
            "phoenix",
            "recreate",
            ("image changed",),
        ),
        (
            "models: {demo: {mock_response: hi}}\n",
            "litellm",
            "roll_out",
            ("configuration changed",),
        ),
        (
            "images: {postgres: 'postgres:17'}\n",
            "postgres-litellm",
            "recreate",
            ("image changed",),
        ),
        (
            "services: {litellm: {environment: {LOG_LEVEL: x}}}\n",
            "litellm",
            "roll_out",
            ("environment LOG_LEVEL changed",),
        ),
        (
            "kubernetes: {resources: {phoenix: {requests: {cpu: '2'}}}}\n",
            "phoenix",
            "recreate",
            ("resources changed",),
        ),
    ],
)
def test_each_change_has_its_reason(
    running: Stack, yaml: str, service: str, action: str, why: tuple[str, ...]
) -> None:
    running.yaml = yaml

    found = running.preview()

    assert found[service][0] == action
    assert set(why) <= set(found[service][1])
    assert running.cluster.changes == []


def test_a_changed_secret_is_named_without_its_value(running: Stack) -> None:
    running.env["OPENAI_API_KEY"] = "sk-provider-another-key-0000"
    running.env["POSTGRES_PASSWORD"] = "another-password"

    found = running.preview()

    assert found["litellm"] == ("roll_out", ("secret OPENAI_API_KEY changed",))
    assert found["phoenix"] == ("recreate", ("secret POSTGRES_PASSWORD changed",))
    # Its server gets the password while it runs.
    assert found["postgres-phoenix"] == UNTOUCHED


def test_another_number_of_replicas_needs_no_restart(stack: Stack) -> None:
    stack.yaml = "kubernetes: {replicas: 3}\n"
    stack.up()
    stack.yaml = "kubernetes: {replicas: 2}\n"

    assert stack.preview()["litellm"][0] in {"update", "roll_out"}
    assert "replicas 3 → 2" in stack.preview()["litellm"][1]


def test_what_others_changed_on_our_objects_is_reported(running: Stack) -> None:
    deployment = running.live("Deployment", "litellm")
    deployment["spec"]["template"]["spec"]["containers"][0]["image"] = "litellm:of-others"

    assert running.preview()["litellm"] == ("roll_out", ("image changed",))


def test_a_service_whose_pods_are_gone_is_started(running: Stack) -> None:
    for pod in running.cluster.pods_of("phoenix"):
        del running.cluster.objects["Pod", pod["metadata"]["name"]]

    assert running.preview()["phoenix"] == ("start", ())


def test_a_changed_salt_key_is_data_at_risk() -> None:
    why = ("secret LITELLM_SALT_KEY changed",)

    assert _find_risks([ServiceChange(service="litellm", action="roll_out", why=why)])
